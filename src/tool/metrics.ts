// `metrics`: what the node knows of its attachments in Prometheus' text format (exposition_formats.md), for
// node_exporter's textfile collector, as a plugin lives too short to be asked.

import { isObject } from "../cni/json.ts";
import type { Host } from "../host.ts";
import { AT_FDCWD, ok } from "../host.ts";
import { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } from "../open-flags.ts";
import { version } from "../version.ts";
import type { State } from "./attachment-state.ts";
import type { Command, Given } from "./command-line.ts";
import { readText } from "./config-file.ts";
import { confDirOption, readConfiguration } from "./configured.ts";
import { dataDirOption, dataDirsOf } from "./data-dir.ts";
import type { View } from "./diagnosis.ts";
import { diagnose } from "./doctor.ts";
import { isBridge, takeInventory } from "./inventory.ts";
import { poolsOf } from "./pools.ts";
import { print } from "./terminal.ts";

type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly labels: Labels;
  readonly value: number | bigint;
}

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const states: readonly State[] = ["alive", "cut off", "unclear", "dead", "foreign"];

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function formatSample(name: string, { labels, value }: Sample): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
}

/** All are gauges: each run counts anew. */
export function formatMetrics(metrics: readonly Metric[]): string {
  return metrics
    .map(({ name, help, samples }) => {
      const lines = samples.map((sample) => formatSample(name, sample)).join("");
      return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines}`;
    })
    .join("");
}

function attachmentSamples({ inventory: { found } }: View): Sample[] {
  const networks = [...new Set(found.map(({ network }) => network ?? ""))];
  return networks.flatMap((network) =>
    states.map((state) => ({
      labels: { network, state: state.replaceAll(" ", "_") },
      value: found.filter((each) => (each.network ?? "") === network && each.state === state).length,
    })),
  );
}

function portSamples({ inventory: { links, found } }: View): Sample[] {
  return links
    .filter((link) => isBridge(link) && found.some(({ bridge }) => bridge === link.ifname))
    .map((bridge) => ({
      labels: { bridge: bridge.ifname! },
      value: links.filter(({ master }) => master === bridge.index).length,
    }));
}

/** The last failure of each plugin and verb in a log (run-log.ts). What is no line of it is passed over. */
export function lastErrors(log: string): Sample[] {
  const last = new Map<string, Sample>();
  for (const text of log.split("\n")) {
    if (!text.includes('"error"')) continue;
    const line = parsed(text);
    if (!isObject(line) || !isObject(line.error) || typeof line.time !== "string") continue;
    const labels = { plugin: `${line.plugin}`, verb: `${line.verb}`, code: `${line.error.code}` };
    last.set(`${labels.plugin} ${labels.verb}`, { labels, value: secondsOf(line.time) });
  }
  return [...last.values()];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Cut off by a full disk.
    return undefined;
  }
}

/** Seconds since the epoch of `2026-03-01T12:00:00Z`. The engine has no Date. */
function secondsOf(time: string): number {
  const at = (from: number, to: number) => Number(time.slice(from, to));
  const [year, month] = [at(0, 4) - (at(5, 7) <= 2 ? 1 : 0), at(5, 7)];
  // Howard Hinnant's days_from_civil: years counted from March.
  const era = Math.floor(year / 400);
  const yearOfEra = year - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + at(8, 10) - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  const days = era * 146_097 + dayOfEra - 719_468;
  return days * 86_400 + at(11, 13) * 3600 + at(14, 16) * 60 + at(17, 19);
}

/** Everything that is measured. `now`: milliseconds since the epoch; `log`: the text of a log, if there is one. */
function measure(view: View, now: number, log: string | undefined): Metric[] {
  const { inventory, configuration } = view;
  const pools = poolsOf(inventory, configuration).map((pool) => ({
    ...pool,
    labels: { network: pool.network, set: `${pool.set}`, range: pool.text },
  }));
  const diagnoses = diagnose(view);
  const left = inventory.found.filter(({ state }) => state === "dead");
  const remains = inventory.stores.reduce((sum, store) => sum + store.remains.length, 0);
  return [
    {
      name: "cni_bridge_info",
      help: "The version that wrote this.",
      samples: [{ labels: { version }, value: 1 }],
    },
    {
      name: "cni_bridge_collected_timestamp_seconds",
      help: "When this was written.",
      samples: [{ labels: {}, value: Math.floor(now / 1000) }],
    },
    {
      name: "cni_bridge_pool_addresses",
      help: "Addresses that a range set can give out.",
      samples: pools.map(({ labels, size }) => ({ labels, value: size })),
    },
    {
      name: "cni_bridge_pool_addresses_used",
      help: "Addresses of a range set that are leased.",
      samples: pools.map(({ labels, used }) => ({ labels, value: used })),
    },
    {
      name: "cni_bridge_leases",
      help: "Leases of a network, whether its ranges are known or not.",
      samples: inventory.stores.map(({ network, holders }) => ({
        labels: { network },
        value: holders.reduce((sum, { leases }) => sum + leases.length, 0),
      })),
    },
    {
      name: "cni_bridge_attachments",
      help: "Container interfaces by state; cni-bridge ls explains the states.",
      samples: attachmentSamples(view),
    },
    {
      name: "cni_bridge_bridge_ports",
      help: "Ports of a bridge, of which the kernel allows 1024.",
      samples: portSamples(view),
    },
    {
      name: "cni_bridge_leftovers",
      help: "What provably dead containers and power cuts have left, for cni-bridge gc.",
      samples: [
        { labels: { kind: "attachment" }, value: left.length },
        { labels: { kind: "torn_lease" }, value: remains },
      ],
    },
    {
      name: "cni_bridge_findings",
      help: "What cni-bridge doctor finds, by severity.",
      samples: (["warning", "problem"] as const).map((severity) => ({
        labels: { severity },
        value: diagnoses.filter((each) => each.severity === severity).length,
      })),
    },
    ...(log === undefined
      ? []
      : [
          {
            name: "cni_bridge_last_error_timestamp_seconds",
            help: "When a plugin last failed, by verb, with the error's code.",
            samples: lastErrors(log),
          },
        ]),
  ];
}

/** Writes a file whole or not at all, readable for all: node_exporter may not be root. */
function writeFile(host: Host, path: string, text: string): void {
  const temporary = `${path}.${host.getpid()}.tmp`;
  const flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
  const fd = ok(host.openat(AT_FDCWD, temporary, flags, 0o644), "create", temporary);
  const written = host.write(fd, text);
  host.close(fd);
  const done = written < 0 ? written : host.renameat(AT_FDCWD, temporary, AT_FDCWD, path);
  if (done < 0) host.unlinkat(AT_FDCWD, temporary, 0);
  ok(done, written < 0 ? "write" : "rename", path);
}

function run(host: Host, given: Given): number {
  const { options } = given;
  const configuration = readConfiguration(host, given);
  const inventory = takeInventory(host, dataDirsOf(given, configuration));
  const path = options.get("--log") ?? host.getenv("CNI_BRIDGE_LOG");
  const log = path ? readText(host, path) : undefined;
  const text = formatMetrics(measure({ inventory, configuration }, host.realtime(), log));
  const output = options.get("--output");
  if (output === undefined) return print(host, text);
  writeFile(host, output, text);
  return 0;
}

export const metrics: Command = {
  name: "metrics",
  summary: "figures for Prometheus, by node_exporter's textfile collector",
  description: `Prints how full each pool is, attachments by state, ports, what is left over, what doctor finds, and the last error of a log, in Prometheus' text format. A timer runs it and node_exporter reads the file: examples/systemd has both units, examples/prometheus alert rules, examples/grafana a dashboard.

Pools are known where a configuration in the directory names their ranges.`,
  options: [
    { name: "--output", value: "FILE", summary: "write it there, whole or not at all" },
    { name: "--log", value: "FILE", summary: "the plugins' log, CNI_BRIDGE_LOG unless told" },
    confDirOption,
    dataDirOption,
  ],
  examples: [
    { words: "metrics", purpose: "what is measured" },
    {
      words: "metrics --output /var/lib/node_exporter/textfile/cni-bridge.prom",
      purpose: "for node_exporter --collector.textfile.directory=/var/lib/node_exporter/textfile",
    },
  ],
  run,
};
