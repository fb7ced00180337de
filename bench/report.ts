// The part of docs/performance.md between its markers, and the charts beside it, from the results of one run.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { bars, lanes, lines } from "./chart.ts";
import type { Calls } from "./counts.ts";
import type { Machine } from "./machine.ts";
import type { Burst, Loss, Series } from "./measure.ts";
import { median, quantile, type Ratio, ratio } from "./statistics.ts";
import { LANES, type Span } from "./timeline.ts";

export interface Results {
  readonly quick: boolean;
  readonly machine: Machine;
  readonly startUp: readonly Series[];
  readonly plain: readonly Series[];
  readonly masq: readonly Series[];
  readonly dual: readonly Series[];
  readonly leases: readonly { readonly count: number; readonly series: readonly Series[] }[];
  readonly loss: readonly Loss[];
  readonly bursts: readonly Burst[];
  readonly growth: readonly Series[];
  readonly counts: readonly {
    readonly contender: string;
    readonly what: string;
    readonly calls: Calls;
    readonly instructions: number | undefined;
  }[];
  readonly bytes: readonly { readonly contender: string; readonly bytes: number }[];
  readonly spans: readonly Span[];
}

const PAGE = "docs/performance.md";
const CHARTS = "docs/performance";
const BEGIN = "<!-- make bench writes from here -->";
const END = "<!-- to here -->";

/** Three digits that mean something. */
function ms(ns: number): string {
  const value = ns / 1e6;
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function pick(all: readonly Series[], contender: string, what: string): number[] {
  const found = all.find((series) => series.contender === contender && series.what === what);
  if (found === undefined) throw new Error(`nothing was measured of ${contender} ${what}`);
  return found.ns;
}

function time(ns: readonly number[]): string {
  return `${ms(median(ns))} (${ms(quantile(ns, 0.95))})`;
}

function times({ ratio, low, high }: Ratio): string {
  const digits = ratio < 10 ? 1 : 0;
  return `${ratio.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), `|---|${"---:|".repeat(head.length - 1)}`, ...rows.map(line)].join("\n");
}

/** One row of times: ours beside the others of the same rounds. */
function row(
  name: string,
  all: readonly Series[],
  what: string,
  theirs = "reference",
  mine = "cni-bridge",
): string[] {
  const [reference, own, least] = [theirs, mine, "floor"].map((contender) => pick(all, contender, what));
  const floored = times(ratio(own!, least!));
  return [name, time(reference!), time(own!), time(least!), times(ratio(reference!, own!)), floored];
}

function timeTable(results: Results): string {
  const { startUp, plain, masq, dual, leases } = results;
  const rows = [row("VERSION", startUp, "VERSION")];
  for (const verb of ["ADD", "DEL"]) rows.push(row(`${verb}, no masquerade`, plain, verb));
  for (const backend of ["iptables", "nftables"]) {
    for (const verb of ["ADD", "DEL"])
      rows.push(row(`${verb}, ipMasq, the reference with ${backend}`, masq, verb, `reference, ${backend}`));
  }
  for (const verb of ["ADD", "DEL"]) {
    const name = `${verb}, ipMasq, both with \`"ipMasqBackend": "iptables"\``;
    rows.push(row(name, masq, verb, "reference, iptables", "cni-bridge, iptables"));
  }
  for (const verb of ["ADD", "DEL"]) rows.push(row(`${verb}, IPv4 and IPv6, ipMasq`, dual, verb));
  for (const verb of ["ADD", "DEL"]) {
    for (const { count, series } of leases)
      rows.push(row(`host-local ${verb}, ${group(count)} leases`, series, verb));
  }
  return table(
    [
      "milliseconds: median (95th percentile)",
      "reference",
      "cni-bridge",
      "floor",
      "reference ÷ cni-bridge (95 %)",
      "cni-bridge ÷ floor",
    ],
    rows,
  );
}

function group(value: number): string {
  return `${value}`.replace(/\B(?=(\d{3})+$)/g, " ");
}

function burstTable(bursts: readonly Burst[]): string {
  const cell = (verb: string, parallel: number, contender: string) => {
    const found = bursts.find((b) => b.verb === verb && b.parallel === parallel && b.contender === contender);
    return median(found!.perSecond);
  };
  const levels = [...new Set(bursts.map(({ parallel }) => parallel))];
  const rows = ["ADD", "DEL"].flatMap((verb) =>
    levels.map((parallel) => {
      const [reference, own, least] = ["reference", "cni-bridge", "floor"].map((who) =>
        cell(verb, parallel, who),
      );
      const rates = [reference!, own!, least!].map((rate) => rate.toFixed(0));
      return [`${verb}, ${parallel} at once`, ...rates, `${(own! / reference!).toFixed(1)}`];
    }),
  );
  return table(
    ["containers per second, ipMasq", "reference", "cni-bridge", "floor", "cni-bridge ÷ reference"],
    rows,
  );
}

/** The ADDs around the container of that number. */
function around(series: Series, number: number): number[] {
  const from = Math.max(0, Math.min(number - 5, series.ns.length - 9));
  return number === 1 ? series.ns.slice(0, 1) : series.ns.slice(from, from + 9);
}

function growthTable(growth: readonly Series[]): string {
  const most = growth[0]!.ns.length;
  const numbers = [1, 2, 100, 500].filter((number) => number < most).concat(most);
  const order = ["reference", "reference, nftables", "cni-bridge", "floor"];
  const rows = [...new Set(numbers)].map((number) => [
    `container ${number}`,
    ...order.map((who) => ms(median(around(growth.find(({ contender }) => contender === who)!, number)))),
  ]);
  return table(["ADD with ipMasq, milliseconds", "reference, iptables", ...order.slice(1)], rows);
}

function countTable({ counts, masq, plain, bytes, loss }: Results): string {
  const contenders = ["reference", "cni-bridge", "floor"];
  const rows: string[][] = [];
  const whats = ["VERSION", "ADD", "DEL", "ADD, ipMasq", "DEL, ipMasq"];
  const find = (contender: string, what: string) =>
    counts.find((one) => one.contender === contender && one.what === what)!;
  for (const what of whats)
    rows.push([`programs started, ${what}`, ...contenders.map((who) => `${find(who, what).calls.programs}`)]);
  for (const what of whats)
    rows.push([`processes, ${what}`, ...contenders.map((who) => `${find(who, what).calls.processes}`)]);
  for (const what of whats)
    rows.push([
      `system calls, ${what}`,
      ...contenders.map((who) => group(find(who, what).calls.systemCalls)),
    ]);
  for (const what of whats) {
    const cells = contenders.map((who) => find(who, what).instructions);
    rows.push([
      `million instructions, ${what}`,
      ...cells.map((value) => (value === undefined ? "–" : (value / 1e6).toFixed(2))),
    ]);
  }
  const memory = (all: readonly Series[], contender: string, what: string) =>
    `${(median(all.find((one) => one.contender === contender && one.what === what)!.rssKb) / 1024).toFixed(1)} MiB`;
  for (const what of ["ADD", "DEL"])
    rows.push([
      `peak memory of the largest process, ${what}`,
      ...contenders.map((who) => memory(plain, who, what)),
    ]);
  const masqNames = ["reference, iptables", "cni-bridge", "floor"];
  for (const what of ["ADD", "DEL"])
    rows.push(
      [`the same, ipMasq`, ...masqNames.map((who) => memory(masq, who, what))].with(0, `… ${what}, ipMasq`),
    );
  rows.push([
    "size, both plugins",
    ...contenders.map(
      (who) => `${(bytes.find(({ contender }) => contender === who)!.bytes / 1e6).toFixed(2)} MB`,
    ),
  ]);
  rows.push([
    "first packets lost after ADD",
    ...contenders.map((who) => {
      const { lost, of } = loss.find(({ contender }) => contender === who)!;
      return `${lost} of ${group(of)}`;
    }),
  ]);
  return table(["counted", ...contenders], rows);
}

function machineText({ machine, quick, growth }: Results): string {
  const { processor, memoryGib, system, kernel, load, date } = machine;
  const size = quick ? " A quick run: few rounds." : "";
  return (
    `Measured ${date} on ${processor}, ${memoryGib} GiB, ${system}, kernel ${kernel}; load ${load[0].toFixed(1)} before ` +
    `and ${load[1].toFixed(1)} after.${size} Containers in the growth chart: ${growth[0]!.ns.length}.`
  );
}

function chart(name: string, alt: string, svg: string): string {
  writeFileSync(`${CHARTS}/${name}.svg`, svg);
  return `![${alt}](performance/${name}.svg)`;
}

const milliseconds = (value: number) => (value >= 10 ? value.toFixed(0) : `${Number(value.toPrecision(2))}`);

function verbChart({ startUp, plain, masq, dual }: Results): string {
  const groups = [
    ["VERSION", startUp, "VERSION", "reference"],
    ["ADD", plain, "ADD", "reference"],
    ["DEL", plain, "DEL", "reference"],
    ["ADD\nipMasq", masq, "ADD", "reference, iptables"],
    ["DEL\nipMasq", masq, "DEL", "reference, iptables"],
    ["ADD\ndual stack", dual, "ADD", "reference"],
    ["DEL\ndual stack", dual, "DEL", "reference"],
  ] as const;
  const values = (who?: string) =>
    groups.map(([, all, what, theirs]) => median(pick(all, who ?? theirs, what)) / 1e6);
  const title = "Time of one call, median";
  const all = [
    { name: "reference", values: values() },
    { name: "cni-bridge", values: values("cni-bridge") },
    { name: "floor", values: values("floor") },
  ];
  const categories = groups.map(([name]) => name);
  return chart("verbs", title, bars(title, categories, all, { title: "milliseconds", format: milliseconds }));
}

function leaseChart({ leases }: Results): string {
  const title = "host-local ADD beside other leases, median";
  const all = ["reference", "cni-bridge", "floor"].map((name) => ({
    name,
    points: leases.map(({ count, series }) => [count, median(pick(series, name, "ADD")) / 1e6] as const),
  }));
  const x = { title: "leases in the network", format: group, log: true };
  return chart("leases", title, lines(title, all, x, { title: "milliseconds", format: milliseconds }));
}

function burstChart({ bursts }: Results): string {
  const title = "Containers per second, with ipMasq";
  const levels = [...new Set(bursts.map(({ parallel }) => parallel))];
  const groups = ["ADD", "DEL"].flatMap((verb) => levels.map((parallel) => [verb, parallel] as const));
  const all = ["reference", "cni-bridge", "floor"].map((name) => ({
    name,
    values: groups.map(([verb, parallel]) =>
      median(
        bursts.find((b) => b.contender === name && b.verb === verb && b.parallel === parallel)!.perSecond,
      ),
    ),
  }));
  const categories = groups.map(([verb, parallel]) => `${verb}\n${parallel} at once`);
  return chart(
    "bursts",
    title,
    bars(title, categories, all, { title: "per second", format: (v) => v.toFixed(0) }),
  );
}

/** Medians of windows of containers, since single calls jitter. */
function growthChart({ growth }: Results): string {
  const title = "ADD with ipMasq by containers on the bridge";
  const window = Math.max(1, Math.floor(growth[0]!.ns.length / 50));
  const names: Record<string, string> = { reference: "reference, iptables" };
  const all = ["reference", "cni-bridge", "floor", "reference, nftables"].map((who) => {
    const { ns } = growth.find(({ contender }) => contender === who)!;
    const points: [number, number][] = [];
    for (let at = 1; at < ns.length; at += window)
      points.push([at + window / 2, median(ns.slice(at, at + window)) / 1e6]);
    return { name: names[who] ?? who, points };
  });
  const x = { title: "containers", format: group, log: false };
  return chart("containers", title, lines(title, all, x, { title: "milliseconds", format: milliseconds }));
}

function timelineChart({ spans }: Results): string {
  const title = "One ADD with ipMasq, from exec to exit";
  return chart("timeline", title, lanes(title, LANES, spans));
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
