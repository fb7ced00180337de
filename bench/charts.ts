// The charts of docs/performance.md: each writes its file and is the Markdown that shows it.

import { writeFileSync } from "node:fs";
import { group, pick, type Results } from "./results.ts";
import { median } from "./statistics.ts";
import { bars, lanes, lines } from "./svg.ts";
import { LANES } from "./timeline.ts";

export const CHARTS = "docs/performance";

function chart(name: string, alt: string, svg: string): string {
  writeFileSync(`${CHARTS}/${name}.svg`, svg);
  return `![${alt}](performance/${name}.svg)`;
}

const milliseconds = (value: number) => (value >= 10 ? value.toFixed(0) : `${Number(value.toPrecision(2))}`);

export function verbChart({ startUp, plain, masq, dual }: Results): string {
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

export function leaseChart({ leases }: Results): string {
  const title = "host-local ADD beside other leases, median";
  const all = ["reference", "cni-bridge", "floor"].map((name) => ({
    name,
    points: leases.map(({ count, series }) => [count, median(pick(series, name, "ADD")) / 1e6] as const),
  }));
  const x = { title: "leases in the network", format: group, log: true };
  return chart("leases", title, lines(title, all, x, { title: "milliseconds", format: milliseconds }));
}

export function burstChart({ bursts }: Results): string {
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
export function growthChart({ growth }: Results): string {
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

export function timelineChart({ spans }: Results): string {
  const title = "One ADD with ipMasq, from exec to exit";
  return chart("timeline", title, lanes(title, LANES, spans));
}
