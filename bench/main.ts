// `make bench`: measures the reference plugins, the floor and cni-bridge in one run, keeps the raw figures in
// build/bench.json, and writes the table and the charts of docs/performance.md. QUICK=1 takes a minute.

import { mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import install, { REFERENCE } from "../test/support/executables.ts";
import { type Contender, compete, floor, ours, reference } from "./contenders.ts";
import { countCalls, countInstructions, installedBytes } from "./counts.ts";
import { BUILD } from "./jobs.ts";
import { describeMachine } from "./machine.ts";
import * as measure from "./measure.ts";
import { repeatedRounds } from "./quiet.ts";
import { writeReport } from "./report.ts";
import type { Counted, Results } from "./results.ts";
import { median } from "./statistics.ts";
import { type Span, timeline } from "./timeline.ts";

const quick = (process.env.QUICK ?? "") !== "";

function progress(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}

const masquerade = { masquerade: "default" } as const;
const masquerading = [
  reference({ masquerade: "iptables" }, "reference, iptables"),
  reference({ masquerade: "nftables" }, "reference, nftables"),
  floor(masquerade),
  floor({ ...masquerade, oneQueue: true }),
  ours(masquerade),
  ours({ masquerade: "iptables" }, "cni-bridge, iptables"),
];
const dualStack = [
  reference({ masquerade: "iptables", dualStack: true }),
  floor({ ...masquerade, dualStack: true }),
  ours({ ...masquerade, dualStack: true }),
];

/** Each verb once, under strace and under callgrind; Go programs are not for the latter. */
function count(contenders: readonly Contender[]): Promise<Counted[]> {
  return compete(contenders, 3, (entrants) =>
    entrants.flatMap((entrant) => {
      for (const verb of ["ADD", "DEL", "ADD"] as const) entrant.perform(entrant.call(verb, 0));
      const what = (verb: string) => (entrant.contender.network.masquerade ? `${verb}, ipMasq` : verb);
      const of = (verb: "ADD" | "DEL" | "VERSION"): Counted => ({
        contender: entrant.contender.label,
        what: verb === "VERSION" ? verb : what(verb),
        calls: countCalls(entrant, verb, 1),
        instructions:
          entrant.contender.bin === REFERENCE ? undefined : countInstructions(entrant, entrant.call(verb, 2)),
      });
      return [of("VERSION"), of("ADD"), of("DEL")];
    }),
  );
}

function traceAdd(medianUs: number): Promise<Span[]> {
  return compete([ours(masquerade)], 2, ([entrant]) => {
    entrant!.perform(entrant!.call("ADD", 0));
    return timeline(entrant!, 1, medianUs);
  });
}

async function main(): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new Error("make bench needs root: it makes network namespaces and measures there");
  install({ name: "bench" });
  mkdirSync(`${BUILD}/floor`, { recursive: true });
  for (const name of ["bridge", "host-local"]) {
    const path = `${BUILD}/floor/${name}`;
    if (statSync(path, { throwIfNoEntry: false }) === undefined) symlinkSync("../floor.out", path);
  }
  const machine = describeMachine();
  const rounds = quick ? 15 : 100;

  progress("start-up");
  const startUp = await measure.startUp(quick ? 100 : 500);
  progress("ADD and DEL without masquerading");
  const plain = await measure.verbs([reference(), floor(), floor({ oneQueue: true }), ours()], rounds);
  progress("… with masquerading");
  const masq = await measure.verbs(masquerading, rounds);
  progress("… of two address families");
  const dual = await measure.verbs(dualStack, quick ? 10 : 60);
  progress("leases");
  const leases = await measure.leases(
    quick ? { 10: 15, 1000: 15, 10000: 5 } : { 10: 60, 250: 60, 1000: 60, 10000: 30, 60000: 6 },
  );
  progress("first packets");
  const loss = await measure.loss(
    quick
      ? { reference: 10, floor: 100, "cni-bridge": 100 }
      : { reference: 1000, floor: 1000, "cni-bridge": 1000 },
  );
  progress("bursts");
  const bursts = await measure.bursts(quick ? 32 : 128, quick ? [1, 8] : [1, 8, 32], quick ? 1 : 3);
  progress("containers on one bridge");
  const growth = await measure.growth(quick ? 60 : 500);
  progress("counting");
  const counts = [
    ...(await count([reference(), floor(), ours()])),
    ...(await count([reference({ masquerade: "iptables" }), floor(masquerade), ours(masquerade)])),
  ];
  const add = masq.find(({ contender, what }) => contender === "cni-bridge" && what === "ADD")!;
  const spans = await traceAdd(median(add.ns) / 1000);
  machine.load[1] = loadavg()[0]!;

  const results: Results = {
    quick,
    machine,
    repeatedRounds: repeatedRounds(),
    startUp,
    plain,
    masq,
    dual,
    leases: [...leases].map(([count, series]) => ({ count, series })),
    loss,
    bursts,
    growth,
    counts,
    bytes: [reference(), floor(), ours()].map((one) => ({
      contender: one.label,
      bytes: installedBytes(one),
    })),
    spans,
  };
  writeFileSync("build/bench.json", `${JSON.stringify(results)}\n`);
  writeReport(results);
  progress("done: docs/performance.md, build/bench.json");
}

await main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
