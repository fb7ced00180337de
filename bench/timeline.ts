// Where the time of one ADD goes, from a trace of its system calls. Tracing makes every call longer by about the same,
// so that is taken off again, and the rest is scaled to the time of an ADD that nobody traces.

import type { Entrant } from "./contenders.ts";
import { trace } from "./counts.ts";
import { quantile } from "./statistics.ts";

export const LANES = [
  "plugin",
  "files",
  "links and addresses",
  "nf_tables",
  "waiting",
  "start and exit",
] as const;
export type Lane = (typeof LANES)[number];

/** Microseconds since execve. */
export interface Span {
  readonly lane: Lane;
  readonly begin: number;
  readonly end: number;
  readonly call: string;
}

interface Entry {
  /** Seconds. */
  readonly at: number;
  readonly took: number;
  readonly name: string;
  readonly args: string;
  readonly result: string;
}

const LINE = /^\d+ +(\d+\.\d+) (\w+)\((.*)\) += (\S+).*<(\d+\.\d+)>$/;

function entries(lines: readonly string[]): Entry[] {
  const found: Entry[] = [];
  for (const line of lines) {
    const match = LINE.exec(line);
    if (match === null) continue;
    const [, at, name, args, result, took] = match;
    found.push({ at: Number(at), took: Number(took), name: name!, args: args!, result: result! });
  }
  return found;
}

/** Sorts each call into its lane by the descriptor it works on. */
function classify(calls: readonly Entry[]): Lane[] {
  const netfilter = new Set<string>();
  const groups = new Set<string>();
  const sockets = new Set<string>();
  let begun = false;
  return calls.map(({ name, args, result }) => {
    const fd = /^(\d+)/.exec(args)?.[1] ?? "";
    if (name === "socket") {
      (args.includes("NETFILTER") ? netfilter : sockets).add(result);
      return args.includes("NETFILTER") ? "nf_tables" : "links and addresses";
    }
    if (name === "bind") groups.add(fd);
    if (name === "close") {
      for (const set of [netfilter, sockets, groups]) set.delete(fd);
    }
    if (name === "read" && fd === "0") begun = true;
    if (!begun || name === "exit_group") return "start and exit";
    if (name === "poll" || name === "ppoll" || (name.startsWith("recv") && groups.has(fd))) return "waiting";
    if (netfilter.has(fd)) return "nf_tables";
    if (sockets.has(fd) || name === "setns") return "links and addresses";
    if (["mmap", "brk", "munmap", "mprotect", "clock_gettime", "rt_sigaction", "mremap"].includes(name))
      return "plugin";
    return "files";
  });
}

/** What tracing adds to each call, and to each stretch between two: as much as the cheapest of them take. */
function cheapest(seconds: readonly number[]): number {
  return quantile(seconds, 0.1);
}

/** Lays the calls end to end, without what tracing added, on a clock that ends at `medianUs`. */
function layOut(calls: readonly Entry[], medianUs: number): Span[] {
  const lanes = classify(calls);
  const gaps = calls.slice(1).map(({ at }, index) => at - calls[index]!.at - calls[index]!.took);
  const inside = cheapest(calls.map(({ took }) => took));
  const between = cheapest(gaps);
  const spans: Span[] = [];
  let clock = 0;
  const extend = (lane: Lane, seconds: number, call: string) => {
    const end = clock + Math.max(0, seconds);
    spans.push({ lane, begin: clock, end, call });
    clock = end;
  };
  calls.forEach(({ took, name, args }, index) => {
    const lane = lanes[index]!;
    // Where this machine has the executable says nothing of an ADD.
    const told = name === "execve" ? '"bridge"' : args.slice(0, 60);
    extend(lane, took - inside, `${name}(${told})`);
    const isStart = lane === "start and exit" && lanes[index + 1] === lane;
    if (index < gaps.length) extend(isStart ? lane : "plugin", gaps[index]! - between, "");
  });
  const scale = medianUs / clock;
  return spans.map((span) => ({ ...span, begin: span.begin * scale, end: span.end * scale }));
}

const TRIES = 9;

/** The spans of an ADD that takes `medianUs` when nobody traces it, from the quickest of some that were traced. */
export function timeline(entrant: Entrant, index: number, medianUs: number): Span[] {
  const traces: Entry[][] = [];
  for (let time = 0; time < TRIES; time++) {
    traces.push(entries(trace(entrant, "ADD", index, ["-ttt", "-T"])));
    entrant.perform(entrant.call("DEL", index));
  }
  const length = (calls: readonly Entry[]) => calls.at(-1)!.at - calls[0]!.at;
  const quickest = traces.reduce((best, each) => (length(each) < length(best) ? each : best));
  return layOut(quickest, medianUs);
}
