// `make budget`: what each call costs in instructions, which callgrind counts to the last one whatever else the machine
// does, page faults, and the executable's size, against bench/budget.json, which has them by target. What an edit makes dearer
// has to be written there.

import { existsSync, readFileSync } from "node:fs";
import { DIST } from "../test/support/executables.ts";
import { compete, type Entrant, ours } from "./contenders.ts";
import { countInstructions, installedBytes } from "./counts.ts";
import { type Call, run } from "./jobs.ts";

const FILE = "bench/budget.json";
/** Bytes read from random sources, clocks and the order of announcements make this much of a difference to a count. */
const TOLERANCE = 0.05;
/** The executable's size has none: its budget is a limit, whatever it is. */
const SIZE = "executable, bytes";
/** Of which the least counts: an announcement more or less is an accident. */
const TRIES = 5;

/** The least of several counts of a call; `after` takes back what it did. */
function least(entrant: Entrant, call: Call, before: Call | undefined, after: Call | undefined): number {
  const counts: number[] = [];
  for (let time = 0; time < TRIES; time++) {
    if (before !== undefined) entrant.perform(before);
    counts.push(countInstructions(entrant, call));
    if (after !== undefined) entrant.perform(after);
  }
  return Math.min(...counts);
}

/** ADD and DEL of a second container, when all that the network shares is there. */
function count(
  network: { readonly masquerade?: "default" } = {},
): Promise<Record<"ADD" | "DEL" | "faults", number>> {
  return compete([ours(network)], 2, ([entrant]) => {
    const add = entrant!.call("ADD", 1);
    const del = entrant!.call("DEL", 1);
    entrant!.perform(entrant!.call("ADD", 0));
    entrant!.perform(add);
    entrant!.perform(del);
    const [added] = run([entrant!.job("ADD", 1)]);
    entrant!.perform(del);
    return {
      ADD: least(entrant!, add, undefined, del),
      DEL: least(entrant!, del, add, undefined),
      faults: added!.faults,
    };
  });
}

function countHostLocal(): Promise<number> {
  return compete([ours()], 1, ([entrant]) => {
    const add = entrant!.leaseJob("ADD", 10, 0);
    const del = entrant!.leaseJob("DEL", 10, 0);
    entrant!.fillLeases(10);
    entrant!.perform(add);
    entrant!.perform(del);
    return least(entrant!, add, undefined, del);
  });
}

async function measure(): Promise<Record<string, number>> {
  const version = await compete([ours()], 0, ([entrant]) =>
    least(entrant!, entrant!.call("VERSION", 0), undefined, undefined),
  );
  const plain = await count();
  const masquerading = await count({ masquerade: "default" });
  return {
    "VERSION, instructions": version,
    "ADD, instructions": plain.ADD,
    "DEL, instructions": plain.DEL,
    "ADD with ipMasq, instructions": masquerading.ADD,
    "DEL with ipMasq, instructions": masquerading.DEL,
    "ADD with ipMasq, page faults": masquerading.faults,
    "host-local ADD, instructions": await countHostLocal(),
    [SIZE]: installedBytes(ours()),
  };
}

async function main(): Promise<void> {
  for (const needed of [`${DIST}/bridge`, "/usr/bin/valgrind"])
    if (!existsSync(needed)) throw new Error(`${needed} is missing: make build; apt-get install valgrind`);
  const target = process.env.TARGET ?? "";
  const budgets = JSON.parse(readFileSync(FILE, "utf8")) as Record<string, Record<string, number>>;
  const budget = budgets[target];
  if (budget === undefined) throw new Error(`${FILE} has no budget for ${target}`);
  const found = await measure();
  let exceeded = 0;
  for (const [what, value] of Object.entries(found)) {
    const allowed = budget[what] ?? 0;
    const change = allowed === 0 ? "not in the budget" : `${((value / allowed - 1) * 100).toFixed(1)} %`;
    const verdict = value > allowed * (what === SIZE ? 1 : 1 + TOLERANCE) ? "TOO MUCH" : "ok";
    if (verdict !== "ok") exceeded++;
    console.log(`${verdict.padEnd(8)} ${what}: ${value}, budget ${allowed} (${change})`);
  }
  if (exceeded === 0) return;
  console.log(`\n${exceeded} above the budget. Where that is worth it, ${target} in ${FILE} would be:`);
  console.log(JSON.stringify({ ...found, [SIZE]: budget[SIZE] }, null, 2));
  process.exitCode = 1;
}

await main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
