// The parts of docs/performance.md and README.md between their markers, and the charts, from the results of one run.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { burstChart, CHARTS, growthChart, leaseChart, timelineChart, verbChart } from "./charts.ts";
import type { Results } from "./results.ts";
import { burstTable, countTable, growthTable, summaryTable, timeTable } from "./tables.ts";

const BEGIN = "<!-- make bench writes from here -->";
const END = "<!-- to here -->";

function machineText({ machine, quick, repeatedRounds }: Results): string {
  const { processor, memoryGib, system, kernel, load, date } = machine;
  const size = quick ? " A quick run: few rounds." : "";
  const again =
    repeatedRounds === 0
      ? ""
      : ` ${repeatedRounds} rounds were made again, as the hypervisor had taken the processors meanwhile.`;
  return (
    `Measured ${date} on ${processor}, ${memoryGib} GiB, ${system}, kernel ${kernel}; load ${load[0].toFixed(1)} before ` +
    `and ${load[1].toFixed(1)} after.${size}${again}`
  );
}

function replaceBetweenMarkers(path: string, parts: readonly string[]): void {
  const [before, rest] = readFileSync(path, "utf8").split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${path} lacks the markers ${BEGIN} and ${END}`);
  writeFileSync(path, `${before}${BEGIN}\n\n${parts.join("\n\n")}\n\n${END}${after}`);
}

/** Writes the charts, and the tables into the pages between their markers. */
export function writeReport(results: Results): void {
  mkdirSync(CHARTS, { recursive: true });
  replaceBetweenMarkers("docs/performance.md", [
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
  ]);
  replaceBetweenMarkers("README.md", [summaryTable(results), machineText(results)]);
}
