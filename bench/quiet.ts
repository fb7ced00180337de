// Rounds that count: on a virtual machine the hypervisor at times gives the processors to others (steal, proc_stat(5)), and
// what was measured meanwhile says nothing of the contenders. Such rounds are made again.

import { readFileSync } from "node:fs";

/** As a share of all processors' time. */
const MOST_STOLEN = 0.05;
/** After that many rounds for each that was asked for, all count: some machines are never quiet. */
const MOST_TRIES = 4;

let repeated = 0;

/** How many rounds were made again so far. */
export function repeatedRounds(): number {
  return repeated;
}

/** Stolen and all processor time since the machine was started, in ticks. */
function ticks(): { readonly stolen: number; readonly all: number } {
  const [line] = readFileSync("/proc/stat", "utf8").split("\n", 1);
  // user nice system idle iowait irq softirq steal; guest time is in user.
  const fields = line!.split(/\s+/).slice(1, 9).map(Number);
  return { stolen: fields[7] ?? 0, all: fields.reduce((sum, each) => sum + each, 0) };
}

/** What `measure` gives for each of so many rounds, of which the hypervisor has taken little. */
export function quietRounds<T>(rounds: number, measure: (round: number) => readonly T[]): T[] {
  const kept: T[] = [];
  for (let round = 0, tries = 1; round < rounds; tries++) {
    const before = ticks();
    const found = measure(round);
    const after = ticks();
    const isQuiet = after.stolen - before.stolen <= MOST_STOLEN * (after.all - before.all);
    if (!isQuiet && tries < MOST_TRIES * rounds) {
      repeated++;
      continue;
    }
    kept.push(...found);
    round++;
  }
  return kept;
}
