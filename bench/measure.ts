// The measurements: which calls are made in which order. Contenders take turns within each round, and the one that
// begins changes, so that whatever else the machine does meets all of them alike.

import { type Contender, compete, type Entrant, floor, GATEWAY, ours, reference } from "./contenders.ts";
import { type Job, type Ran, run } from "./jobs.ts";
import { quietRounds } from "./quiet.ts";

/** Longer than the kernel needs to free a deleted link and deleted rules. */
const SETTLE_MS = 40;

/** Nanoseconds and peak memory by contender and what it did, round by round. */
export interface Series {
  readonly contender: string;
  readonly what: string;
  readonly ns: number[];
  readonly rssKb: number[];
}

interface Turn {
  readonly entrant: Entrant;
  readonly what: string;
  readonly job: Job;
}

interface Taken extends Turn {
  readonly ran: Ran;
}

/** The turns of round `round`, begun by another entrant than the round before. */
function rotate(entrants: readonly Entrant[], round: number): Entrant[] {
  return entrants.map((_, at) => entrants[(at + round) % entrants.length]!);
}

function series(all: readonly Taken[]): Series[] {
  const found = new Map<string, Series>();
  for (const { entrant, what, ran } of all) {
    const { ns, rssKb } = ran;
    const key = `${entrant.contender.label} ${what}`;
    const one = found.get(key) ?? { contender: entrant.contender.label, what, ns: [], rssKb: [] };
    one.ns.push(ns);
    one.rssKb.push(rssKb);
    found.set(key, one);
  }
  return [...found.values()];
}

function perform(turns: readonly Turn[]): Taken[] {
  return run(turns.map(({ job }) => job)).map((ran, at) => ({ ...turns[at]!, ran }));
}

/** So many rounds, in each of which every entrant makes the calls that `jobs` names. */
function inRounds(
  entrants: readonly Entrant[],
  rounds: number,
  jobs: (entrant: Entrant) => readonly (readonly [what: string, job: Job])[],
): Series[] {
  const turnsOf = (entrant: Entrant): Turn[] => jobs(entrant).map(([what, job]) => ({ entrant, what, job }));
  return series(quietRounds(rounds, (round) => perform(rotate(entrants, round).flatMap(turnsOf))));
}

export function startUp(rounds: number): Promise<Series[]> {
  return compete([reference(), floor(), ours()], 0, (entrants) =>
    inRounds(entrants, rounds, (entrant) => [["VERSION", entrant.job("VERSION", 0)]]),
  );
}

/** ADD and DEL of a container on a bridge that has another one. */
export function verbs(contenders: readonly Contender[], rounds: number): Promise<Series[]> {
  return compete(contenders, 2, (entrants) => {
    run(entrants.map((entrant) => entrant.job("ADD", 0)));
    return inRounds(entrants, rounds, (entrant) =>
      (["ADD", "DEL"] as const).map((verb) => [verb, entrant.job(verb, 1, { settleMs: SETTLE_MS })] as const),
    );
  });
}

/** ADD and DEL of host-local beside that many leases, by that number. */
export function leases(rounds: Readonly<Record<number, number>>): Promise<Map<number, Series[]>> {
  return compete([reference(), floor(), ours()], 1, (entrants) => {
    const found = new Map<number, Series[]>();
    for (const [text, times] of Object.entries(rounds)) {
      const count = Number(text);
      for (const entrant of entrants) entrant.fillLeases(count);
      // The first call after somebody else has written there reads all of it; that is no growth of every call.
      for (const verb of ["ADD", "DEL"] as const)
        run(entrants.map((entrant) => entrant.leaseJob(verb, count, 0)));
      const measured = inRounds(entrants, times, (entrant) =>
        (["ADD", "DEL"] as const).map((verb) => [verb, entrant.leaseJob(verb, count, 5)] as const),
      );
      found.set(count, measured);
    }
    return found;
  });
}

export interface Burst {
  readonly contender: string;
  readonly verb: "ADD" | "DEL";
  readonly parallel: number;
  /** One of each repetition. */
  readonly perSecond: number[];
}

function perSecond(ran: readonly Ran[]): number {
  const begin = Math.min(...ran.map(({ start }) => start));
  const end = Math.max(...ran.map(({ start, ns }) => start + ns));
  return (ran.length * 1e9) / (end - begin);
}

/** Many containers one after the other and at once, with masquerading. */
export function bursts(containers: number, levels: readonly number[], times: number): Promise<Burst[]> {
  const network = { masquerade: "default" } as const;
  const contenders = [reference({ masquerade: "iptables" }), floor(network), ours(network)];
  const both = ["ADD", "DEL"] as const;
  return compete(contenders, containers + 1, (entrants) => {
    run(entrants.map((entrant) => entrant.job("ADD", containers)));
    const found = new Map<string, Burst>();
    for (let time = 0; time < times; time++) {
      for (const parallel of levels) {
        for (const entrant of rotate(entrants, time)) {
          const contender = entrant.contender.label;
          const rates = quietRounds(1, () =>
            both.map((verb) => {
              const jobs = Array.from({ length: containers }, (_, index) =>
                entrant.job(verb, index, index === 0 ? { settleMs: 1000 } : {}),
              );
              return perSecond(run(jobs, parallel));
            }),
          );
          for (const [at, verb] of both.entries()) {
            const key = `${contender} ${verb} ${parallel}`;
            const burst = found.get(key) ?? { contender, verb, parallel, perSecond: [] };
            burst.perSecond.push(rates[at]!);
            found.set(key, burst);
          }
        }
      }
    }
    return [...found.values()];
  });
}

/** ADD of one container after the other on a bridge that keeps them all, with masquerading. */
export function growth(containers: number): Promise<Series[]> {
  const network = { masquerade: "default" } as const;
  const contenders = [
    reference({ masquerade: "iptables" }),
    reference({ masquerade: "nftables" }, "reference, nftables"),
    floor(network),
    ours(network),
  ];
  return compete(contenders, containers, (entrants) => {
    let most = 0;
    const add = (index: number) => {
      const turns = rotate(entrants, index);
      const isAgain = index < most;
      if (isAgain) run(turns.map((entrant) => entrant.job("DEL", index)));
      most = index + 1;
      const settleMs = isAgain ? SETTLE_MS : 0;
      return perform(
        turns.map((entrant) => ({ entrant, what: "ADD", job: entrant.job("ADD", index, { settleMs }) })),
      );
    };
    return series(quietRounds(containers, add));
  });
}

export interface Loss {
  readonly contender: string;
  readonly lost: number;
  readonly of: number;
}

/** Whether a container's first packet, sent as soon as ADD has returned, is lost. */
export function loss(times: Readonly<Record<string, number>>): Promise<Loss[]> {
  return compete([reference(), floor(), ours()], 2, (entrants) => {
    run(entrants.map((entrant) => entrant.job("ADD", 0)));
    return entrants.map((entrant) => {
      const of = times[entrant.contender.label]!;
      const probe = ["/run/netns/c1", GATEWAY] as const;
      const jobs = Array.from({ length: of }, () => [
        entrant.job("ADD", 1, { probe }),
        entrant.job("DEL", 1),
      ]);
      const lost = run(jobs.flat()).reduce((sum, { lost }) => sum + lost, 0);
      return { contender: entrant.contender.label, lost, of };
    });
  });
}
