// All that one run of `make bench` has found, and what tables and charts ask of it.

import type { Calls } from "./counts.ts";
import type { Machine } from "./machine.ts";
import type { Burst, Loss, Series } from "./measure.ts";
import type { Span } from "./timeline.ts";

/** What one verb of one contender takes. */
export interface Counted {
  readonly contender: string;
  readonly what: string;
  readonly calls: Calls;
  /** Undefined of programs that callgrind cannot count. */
  readonly instructions: number | undefined;
}

export interface Results {
  readonly quick: boolean;
  readonly machine: Machine;
  /** Rounds that were made again because the hypervisor had given the processors to others. */
  readonly repeatedRounds: number;
  readonly startUp: readonly Series[];
  readonly plain: readonly Series[];
  readonly masq: readonly Series[];
  readonly dual: readonly Series[];
  readonly leases: readonly { readonly count: number; readonly series: readonly Series[] }[];
  readonly loss: readonly Loss[];
  readonly bursts: readonly Burst[];
  readonly growth: readonly Series[];
  readonly counts: readonly Counted[];
  readonly bytes: readonly { readonly contender: string; readonly bytes: number }[];
  readonly spans: readonly Span[];
}

/** The times of a contender at what it did, in nanoseconds. */
export function pick(all: readonly Series[], contender: string, what: string): number[] {
  const found = all.find((series) => series.contender === contender && series.what === what);
  if (found === undefined) throw new Error(`nothing was measured of ${contender} ${what}`);
  return found.ns;
}

/** A whole number with a space between thousands. */
export function group(value: number): string {
  return `${value}`.replace(/\B(?=(\d{3})+$)/g, " ");
}
