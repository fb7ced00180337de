// The tables of docs/performance.md, as Markdown.

import type { Burst, Series } from "./measure.ts";
import { group, pick, type Results } from "./results.ts";
import { median, quantile, type Ratio, ratio } from "./statistics.ts";

/** Three digits that mean something. */
function ms(ns: number): string {
  const value = ns / 1e6;
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
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
  least = "floor",
): string[] {
  const [reference, own, floor] = [theirs, mine, least].map((contender) => pick(all, contender, what));
  const floored = times(ratio(own!, floor!));
  return [name, time(reference!), time(own!), time(floor!), times(ratio(reference!, own!)), floored];
}

export function timeTable(results: Results): string {
  const { startUp, plain, masq, dual, leases } = results;
  const rows = [row("VERSION", startUp, "VERSION")];
  for (const verb of ["ADD", "DEL"]) rows.push(row(`${verb}, no masquerade`, plain, verb));
  for (const backend of ["iptables", "nftables"]) {
    for (const verb of ["ADD", "DEL"])
      rows.push(row(`${verb}, ipMasq, the reference with ${backend}`, masq, verb, `reference, ${backend}`));
  }
  const oneQueue = ["cni-bridge", "floor, one queue"] as const;
  rows.push(row("ADD, no masquerade, the floor with one queue", plain, "ADD", "reference", ...oneQueue));
  rows.push(row("ADD, ipMasq, the floor with one queue", masq, "ADD", "reference, iptables", ...oneQueue));
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

export function burstTable(bursts: readonly Burst[]): string {
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

export function growthTable(growth: readonly Series[]): string {
  const most = growth[0]!.ns.length;
  const numbers = [1, 2, 100, 500].filter((number) => number < most).concat(most);
  const order = ["reference", "reference, nftables", "cni-bridge", "floor"];
  const rows = [...new Set(numbers)].map((number) => [
    `container ${number}`,
    ...order.map((who) => ms(median(around(growth.find(({ contender }) => contender === who)!, number)))),
  ]);
  return table(["ADD with ipMasq, milliseconds", "reference, iptables", ...order.slice(1)], rows);
}

/** What the README shows of it all. */
export function summaryTable({ startUp, plain, masq, dual, leases, counts, bytes, loss }: Results): string {
  const most = leases.at(-1)!;
  const timed = (name: string, all: readonly Series[], what: string, theirs = "reference") => [
    name,
    ...[theirs, "cni-bridge", "floor"].map((who) => `${ms(median(pick(all, who, what)))} ms`),
  ];
  const each = (name: string, cell: (contender: string) => string) => [
    name,
    ...["reference", "cni-bridge", "floor"].map(cell),
  ];
  const programs = (who: string) =>
    counts.find(({ contender, what }) => contender === who && what === "ADD, ipMasq")!.calls.programs;
  const lost = (who: string) => loss.find(({ contender }) => contender === who)!;
  return table(
    ["", "reference", "cni-bridge", "floor"],
    [
      timed("VERSION: start, answer, end", startUp, "VERSION"),
      timed("ADD", plain, "ADD"),
      timed("DEL", plain, "DEL"),
      timed("ADD, `ipMasq`", masq, "ADD", "reference, iptables"),
      timed("DEL, `ipMasq`", masq, "DEL", "reference, iptables"),
      timed("ADD, `ipMasq`, IPv4 and IPv6", dual, "ADD"),
      timed("DEL, `ipMasq`, IPv4 and IPv6", dual, "DEL"),
      timed(`ADD of host-local beside ${group(most.count)} leases`, most.series, "ADD"),
      each("programs started by an ADD with `ipMasq`", (who) => `${programs(who)}`),
      each("size of both plugins", (who) => megabytes(bytes, who)),
      each("first packets lost after ADD", (who) => `${lost(who).lost} of ${group(lost(who).of)}`),
    ],
  );
}

function megabytes(bytes: Results["bytes"], who: string): string {
  return `${(bytes.find(({ contender }) => contender === who)!.bytes / 1e6).toFixed(2)} MB`;
}

export function countTable({ counts, masq, plain, bytes, loss }: Results): string {
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
    rows.push([`… ${what}, ipMasq`, ...masqNames.map((who) => memory(masq, who, what))]);
  rows.push(["size, both plugins", ...contenders.map((who) => megabytes(bytes, who))]);
  rows.push([
    "first packets lost after ADD",
    ...contenders.map((who) => {
      const { lost, of } = loss.find(({ contender }) => contender === who)!;
      return `${lost} of ${group(of)}`;
    }),
  ]);
  return table(["counted", ...contenders], rows);
}
