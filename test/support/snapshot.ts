// All that a plugin could have changed on a node and in its containers, as plain data for toEqual. What differs by
// itself between two looks (indices, handles, counters, timers, link-local addresses on their way) is left out.

import type { Node } from "./node.ts";

export interface SnapshotOptions {
  /** Directories whose files count; a file's content is part of the snapshot. */
  readonly directories?: readonly string[];
  /**
   * Leaves out what host-local keeps by design after DEL: `lock`, `last_reserved_ip.N`, and what lives in a
   * directory whose name starts with a dot; and the lock of a bridge that is pruned.
   */
  readonly exceptMemory?: boolean;
}

/** Of one network namespace. */
export interface NetnsSnapshot {
  readonly links: unknown;
  readonly addresses: unknown;
  readonly routes: unknown;
  readonly rules: unknown;
  readonly ports: unknown;
  readonly nft: unknown;
  readonly iptables: readonly string[];
}

export interface Snapshot {
  /** "" is the node itself. */
  readonly netns: Readonly<Record<string, NetnsSnapshot>>;
  /** Path → content. */
  readonly files: Readonly<Record<string, string>>;
}

const DIRECTORIES = ["/var/lib/cni", "/run/cni-bridge"];
const MEMORY = /\/(lock|last_reserved_ip\.\d+)$|\/\.[^/]+(\/|\.lock$)/;
const VOLATILE = new Set(
  (
    "ifindex link_index link_netnsid operstate state qdisc group txqlen stats stats64 num_tx_queues num_rx_queues " +
    "gso_max_size gso_max_segs gso_ipv4_max_size tso_max_size tso_max_segs gro_max_size gro_ipv4_max_size " +
    "info_data hold_timer message_age_timer forward_delay_timer valid_life_time preferred_life_time expires " +
    "cache metainfo handle counter tentative"
  ).split(" "),
);

// One process instead of a dozen: each answer ends with a line that none of them can hold.
const MARK = "\u001e";
const COMMANDS = [
  "ip -j -d link show",
  "ip -j addr show",
  "ip -j -4 route show table all",
  "ip -j -6 route show table all",
  "ip -j -4 rule show",
  "ip -j -6 rule show",
  "bridge -j -d link show",
  "nft -j list ruleset",
  // The nft flavour only reads; the old one would create tables by loading modules.
  "if iptables -V 2>/dev/null | grep -q nf_tables; then iptables-save; ip6tables-save; fi",
];
const SCRIPT = COMMANDS.map((command) => `${command}; printf '${MARK}'`).join("\n");

/** Words the kernel writes some time after a port comes or goes (linkwatch), in flags of links and routes. */
const LATE_FLAGS = new Set(["LOWER_UP", "NO-CARRIER", "linkdown"]);

/** Deep copy without what differs by itself. */
function steady(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => !LATE_FLAGS.has(item)).map(steady);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !VOLATILE.has(key));
  return Object.fromEntries(entries.map(([key, inner]) => [key, steady(inner)]));
}

function sorted(values: readonly unknown[]): unknown[] {
  return values
    .map((value) => [JSON.stringify(value), value] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, value]) => value);
}

function parse(text: string): Record<string, unknown>[] {
  return text.trim() === "" ? [] : JSON.parse(text);
}

/** Rules keep their order; set elements have none of their own. */
function nftables(text: string): unknown {
  if (text.trim() === "") return [];
  const { nftables: items } = JSON.parse(text) as { nftables: Record<string, Record<string, unknown>>[] };
  for (const item of items) {
    const set = item.set ?? item.map;
    if (set !== undefined && Array.isArray(set.elem)) set.elem = sorted(set.elem);
  }
  return items.filter((item) => item.metainfo === undefined).map(steady);
}

/** The kernel makes and drops these on its own, some time after a link comes up. */
function isKernelsOwn(entry: Record<string, unknown>): boolean {
  const dst = String(entry.dst ?? "");
  return dst.startsWith("fe80:") || dst === "ff00::/8" || dst.startsWith("multicast ff00");
}

function netnsSnapshot(node: Node, netns: string): NetnsSnapshot {
  const answers = node.sh(SCRIPT, netns === "" ? {} : { netns }).split(MARK);
  const [links, addresses, routes4, routes6, rules4, rules6, ports, nft, iptables] = answers as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ]; // prettier-ignore
  return {
    links: sorted(parse(links).map(steady)),
    addresses: sorted(
      parse(addresses).map(({ ifname, addr_info }) => ({
        ifname,
        addresses: sorted(
          (addr_info as Record<string, unknown>[]).filter(({ scope }) => scope !== "link").map(steady),
        ),
      })),
    ),
    routes: sorted(
      [...parse(routes4), ...parse(routes6)].filter((route) => !isKernelsOwn(route)).map(steady),
    ),
    rules: [...parse(rules4), ...parse(rules6)].map(steady),
    ports: sorted(parse(ports).map(steady)),
    nft: nftables(nft),
    iptables: iptables
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.replace(/\[\d+:\d+\]/, "")),
  };
}

function files(node: Node, options: SnapshotOptions): Record<string, string> {
  const directories = options.directories ?? DIRECTORIES;
  const script = `for d; do [ ! -d "$d" ] || find "$d" -type f -print0; done | sort -z |
    while IFS= read -r -d '' f; do printf '%s\\0' "$f"; base64 -w0 "$f"; printf '\\0'; done`;
  const parts = node.must("bash", ["-euc", script, "files", ...directories]).split("\0");
  const found: Record<string, string> = {};
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const path = parts[i]!;
    if (options.exceptMemory === true && MEMORY.test(path)) continue;
    found[path] = Buffer.from(parts[i + 1]!, "base64").toString("latin1");
  }
  return found;
}

/** Looks at the node, at each of its named network namespaces, and at the files. */
export function snapshotOf(node: Node, options: SnapshotOptions): Snapshot {
  const names = node.sh("ls /run/netns 2>/dev/null || true").split("\n").filter(Boolean);
  const netns: Record<string, NetnsSnapshot> = {};
  for (const name of ["", ...names]) netns[name] = netnsSnapshot(node, name);
  return { netns, files: files(node, options) };
}
