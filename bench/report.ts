// The part of docs/performance.md between its markers, and the charts beside it, from the results of one run.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { burstChart, CHARTS, growthChart, leaseChart, timelineChart, verbChart } from "./charts.ts";
import type { Results } from "./results.ts";
import { burstTable, countTable, growthTable, timeTable } from "./tables.ts";

const PAGE = "docs/performance.md";
const BEGIN = "<!-- make bench writes from here -->";
const END = "<!-- to here -->";

function machineText({ machine, quick, growth }: Results): string {
  const { processor, memoryGib, system, kernel, load, date } = machine;
  const size = quick ? " A quick run: few rounds." : "";
  return (
    `Measured ${date} on ${processor}, ${memoryGib} GiB, ${system}, kernel ${kernel}; load ${load[0].toFixed(1)} before ` +
    `and ${load[1].toFixed(1)} after.${size} Containers in the growth chart: ${growth[0]!.ns.length}.`
  );
}

/** Writes the charts, and the tables into the page between its markers. */
export function writeReport(results: Results): void {
  const page = readFileSync(PAGE, "utf8");
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${PAGE} lacks the markers ${BEGIN} and ${END}`);
  mkdirSync(CHARTS, { recursive: true });
  const parts = [
    machineText(results),
    timeTable(results),
    verbChart(results),
    "### Leases",
    leaseChart(results),
    "### Bursts",
    burstTable(results.bursts),
    burstChart(results),
    "### Containers on one bridge",
    growthTable(results.growth),
    growthChart(results),
    "### Counted",
    countTable(results),
    "### One ADD",
    timelineChart(results),
  ];
  writeFileSync(PAGE, `${before}${BEGIN}\n\n${parts.join("\n\n")}\n\n${END}${after}`);
}
