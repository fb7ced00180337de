// Which address comes next: round robin behind the last one reserved, as the reference's iterator goes
// (allocator/allocator.go), without the addresses to avoid (gateways, `exclude`). Pure: what is taken is asked of the
// store, one candidate at a time. Avoided stretches are cut out beforehand, so that a whole /65 costs nothing.

import { compareIp, type Ip, lastIp, network, nextIp, type Prefix, previousIp } from "../net/ip.ts";
import { findRange, type Range, type RangeSet } from "./ranges.ts";

/** Addresses from `first` to `last`, both included. */
export interface Stretch {
  readonly first: Ip;
  readonly last: Ip;
}

/** A stretch of addresses that may be given out, in one range. */
interface Free extends Stretch {
  readonly range: Range;
}

/** What may not be given out: the gateways of all sets and the excluded prefixes; sorted, without overlap. */
export function avoided(sets: readonly RangeSet[], exclude: readonly Prefix[]): Stretch[] {
  const stretches: Stretch[] = [
    ...sets.flat().map(({ gateway }) => ({ first: gateway, last: gateway })),
    ...exclude.map((prefix) => ({ first: network(prefix), last: lastIp(prefix) })),
  ].sort((a, b) => compareIp(a.first, b.first));
  const merged: Stretch[] = [];
  for (const stretch of stretches) {
    const before = merged.at(-1);
    if (before === undefined || compareIp(stretch.first, before.last) > 0) merged.push(stretch);
    else if (compareIp(stretch.last, before.last) > 0)
      merged[merged.length - 1] = { first: before.first, last: stretch.last };
  }
  return merged;
}

export function isAvoided(avoid: readonly Stretch[], ip: Ip): boolean {
  return avoid.some(({ first, last }) => compareIp(first, ip) <= 0 && compareIp(ip, last) <= 0);
}

/** What is left of a stretch, in order. */
function cut(range: Range, { first, last }: Stretch, avoid: readonly Stretch[]): Free[] {
  const free: Free[] = [];
  let from = first;
  for (const hole of avoid) {
    if (compareIp(hole.last, from) < 0) continue;
    if (compareIp(hole.first, last) > 0) break;
    if (compareIp(from, hole.first) < 0) free.push({ range, first: from, last: previousIp(hole.first) });
    if (compareIp(hole.last, last) >= 0) return free;
    from = nextIp(hole.last);
  }
  if (compareIp(from, last) <= 0) free.push({ range, first: from, last });
  return free;
}

/**
 * The stretches of a set in the order they are tried: from behind `last` once around, `last` itself at the end.
 * A `last` that lies in none of the ranges counts as none. Made as they are asked for, mostly the first alone.
 */
export function* order(
  set: RangeSet,
  last: Ip | undefined,
  avoid: readonly Stretch[],
): Generator<Free, void> {
  const begin = last === undefined ? undefined : findRange(set, last);
  const start = begin === undefined ? 0 : set.indexOf(begin);
  for (let step = 0; step < set.length; step++) {
    const range = set[(start + step) % set.length]!;
    if (range !== begin) yield* cut(range, { first: range.start, last: range.end }, avoid);
    else if (compareIp(last!, range.end) < 0)
      yield* cut(range, { first: nextIp(last!), last: range.end }, avoid);
  }
  if (begin !== undefined) yield* cut(begin, { first: begin.start, last: last! }, avoid);
}

/** The addresses of stretches, one after another. */
export function* candidates(stretches: Iterable<Free>): Generator<{ ip: Ip; range: Range }, void> {
  for (const { range, first, last } of stretches) {
    for (let ip = first; ; ip = nextIp(ip)) {
      yield { ip, range };
      if (compareIp(ip, last) >= 0) break;
    }
  }
}

function toBig(ip: Ip): bigint {
  return ip.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** How many addresses of a range can be given out at most. */
export function capacity(range: Range, avoid: readonly Stretch[]): bigint {
  return cut(range, { first: range.start, last: range.end }, avoid).reduce(
    (sum, { first, last }) => sum + toBig(last) - toBig(first) + 1n,
    0n,
  );
}
