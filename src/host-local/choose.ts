// Chooses the addresses of an ADD, one of each range set, among those nobody holds. Writes nothing except where it
// reclaims the dead. How the reference goes round is in allocate.ts; the texts of its refusals are kept.

import { warn } from "../cni/warn.ts";
import { CniError, Code } from "../errors.ts";
import { equalIp, formatIp, type Ip, parseIp } from "../net/ip.ts";
import { avoided, candidates, capacity, isAvoided, order, type Stretch } from "./allocate.ts";
import type { Caller } from "./attachment-proof.ts";
import type { Books } from "./books.ts";
import type { IpamConfig } from "./config.ts";
import { describeHolder } from "./holder.ts";
import { formatOwner, type Owner, parseLease } from "./lease.ts";
import { findRange, formatRange, formatSet, type Range, type RangeSet } from "./ranges.ts";
import { reclaimAttachment, reclaimDead, tell } from "./reclaim.ts";
import { restedMs } from "./released.ts";
import { isTaken, listLeases, readLastReserved, readLease } from "./store.ts";

export interface Choice {
  readonly range: Range;
  readonly ip: Ip;
  readonly name: string;
  /** Whether the next search starts behind it. An address given back does not move the round. */
  readonly movesRound: boolean;
}

/** So many candidates are looked up one by one; after that one listing of the directory is cheaper. */
const probes = 16;

export class Chooser {
  readonly #books: Books;
  readonly #config: IpamConfig;
  readonly #caller: Caller;
  readonly #owner: Owner;
  readonly #avoid: readonly Stretch[];

  constructor(books: Books, config: IpamConfig, caller: Caller, owner: Owner) {
    this.#books = books;
    this.#config = config;
    this.#caller = caller;
    this.#owner = owner;
    this.#avoid = avoided(config.sets, config.exclude);
  }

  /** One address of each set: a requested one, else a preferred one, else the next. Throws code 101, or 7 for a request no set can meet. */
  choose(preferred: readonly string[]): Choice[] {
    const wanted = this.#assign();
    return this.#config.sets.map((set, number) => {
      try {
        const ip = wanted.get(set);
        return ip === undefined ? this.#next(set, number, preferred) : this.#request(set, ip);
      } catch (error) {
        if (!(error instanceof CniError)) throw error;
        throw new CniError(
          error.code,
          `failed to allocate for range ${number}: ${error.message}`,
          error.details,
        );
      }
    });
  }

  /** What `choose` would give first, without looking at whether the holders of what is taken are dead. */
  foresee(preferred: readonly string[]): (Choice | undefined)[] {
    const wanted = this.#assign();
    return this.#config.sets.map((set, number) => {
      const ip = wanted.get(set);
      const free = ip === undefined ? this.#preferred(set, preferred) : undefined;
      if (free !== undefined) return free;
      if (ip === undefined) return this.#search(set, readLastReserved(this.#books.store, number));
      const name = formatIp(ip);
      return isTaken(this.#books.store, name)
        ? undefined
        : { range: findRange(set, ip)!, ip, name, movesRound: true };
    });
  }

  /** Which set gives which requested address: the first that holds it, one each. */
  #assign(): Map<RangeSet, Ip> {
    const { sets, requested } = this.#config;
    const wanted = new Map<RangeSet, Ip>();
    const left: string[] = [];
    for (const ip of requested) {
      const set = sets.find((one) => !wanted.has(one) && findRange(one, ip) !== undefined);
      if (set === undefined) left.push(formatIp(ip));
      else wanted.set(set, ip);
    }
    if (left.length === 0) return wanted;
    const ranges = sets.map(formatSet).join("; ");
    throw refusal(
      `failed to allocate all requested IPs: ${left.join(" ")}; each range set gives one address: ${ranges}`,
    );
  }

  #request(set: RangeSet, ip: Ip): Choice {
    const name = formatIp(ip);
    const range = findRange(set, ip)!;
    if (this.#config.sets.some((one) => one.some(({ gateway }) => equalIp(gateway, ip))))
      throw refusal(`requested ip ${name} is subnet's gateway`);
    const refused = `requested IP address ${name} is not available in range set ${formatSet(set)}`;
    if (isAvoided(this.#avoid, ip)) throw refusal(`${refused}: ipam.exclude holds it`);
    if (isTaken(this.#books.store, name) && !this.#freeDead(name))
      throw refusal(`${refused}: ${describeHolder(this.#books, name)}`);
    return { range, ip, name, movesRound: true };
  }

  /** Whether an address that is taken is not any more, its holder being dead. */
  #freeDead(name: string): boolean {
    const { store } = this.#books;
    const lease = readLease(store, name);
    if (typeof lease === "number") return false;
    const owner = parseLease(lease.text);
    const attachment = owner && this.#books.find(owner);
    if (attachment === undefined) reclaimDead(this.#books, this.#caller, formatOwner(this.#owner));
    else {
      tell(this.#books, reclaimAttachment(this.#books, this.#caller, attachment));
      this.#books.seal();
    }
    return !isTaken(store, name);
  }

  #next(set: RangeSet, number: number, preferred: readonly string[]): Choice {
    const free = this.#preferred(set, preferred);
    if (free !== undefined) return free;
    const last = readLastReserved(this.#books.store, number);
    const found = this.#search(set, last) ?? this.#searchAfterReclaim(set, last);
    if (found !== undefined) return found;
    throw this.#exhausted(set);
  }

  #preferred(set: RangeSet, preferred: readonly string[]): Choice | undefined {
    for (const text of preferred) {
      const ip = parseIp(text)!;
      const name = formatIp(ip);
      const range = findRange(set, ip);
      if (range && !isAvoided(this.#avoid, ip) && !isTaken(this.#books.store, name))
        return { range, ip, name, movesRound: false };
    }
    return undefined;
  }

  #searchAfterReclaim(set: RangeSet, last: Ip | undefined): Choice | undefined {
    const freed = reclaimDead(this.#books, this.#caller, formatOwner(this.#owner));
    return (freed > 0 ? this.#search(set, last) : undefined) ?? this.#shortRested(set, last);
  }

  /** The first candidate that is free and rested. */
  #search(set: RangeSet, last: Ip | undefined): Choice | undefined {
    const { store } = this.#books;
    let probed = 0;
    let taken: Set<string> | undefined;
    for (const { ip, range } of candidates(order(set, last, this.#avoid))) {
      const name = formatIp(ip);
      if (probed++ === probes) taken = new Set(listLeases(store));
      if (taken?.has(name) ?? isTaken(store, name)) continue;
      if (this.#rests(name) > 0) continue;
      return { range, ip, name, movesRound: true };
    }
    return undefined;
  }

  /** How much longer an address has to rest, in milliseconds. */
  #rests(name: string): number {
    const { cooldownMs } = this.#config;
    return cooldownMs === 0 ? 0 : cooldownMs - restedMs(this.#books.store, this.#books.node, name);
  }

  /** Under pressure, the free address that has rested longest. */
  #shortRested(set: RangeSet, last: Ip | undefined): Choice | undefined {
    if (this.#config.cooldownMs === 0) return undefined;
    const taken = new Set(listLeases(this.#books.store));
    let best: { choice: Choice; rests: number } | undefined;
    for (const { ip, range } of candidates(order(set, last, this.#avoid))) {
      const name = formatIp(ip);
      if (taken.has(name)) continue;
      const rests = this.#rests(name);
      if (best === undefined || rests < best.rests)
        best = { choice: { range, ip, name, movesRound: true }, rests };
    }
    if (best === undefined) return undefined;
    const seconds = (best.rests / 1000).toFixed(1);
    warn(
      this.#books.store.host,
      `cooldown given up: ${best.choice.name} is used again ${seconds} s early, no other address of ${formatSet(set)} is free`,
    );
    return best.choice;
  }

  #exhausted(set: RangeSet): CniError {
    const taken = listLeases(this.#books.store).flatMap((name) => parseIp(name) ?? []);
    const use = set.map((range) => {
      const held = taken.filter(
        (ip) => findRange([range], ip) !== undefined && !isAvoided(this.#avoid, ip),
      ).length;
      return `${held} of ${capacity(range, this.#avoid)} in use in ${formatRange(range)}`;
    });
    return refusal(`no IP addresses available in range set: ${formatSet(set)}: ${use.join(", ")}`);
  }
}

function refusal(message: string): CniError {
  return new CniError(Code.allocationFailed, message);
}
