// `ls`: networks, bridges and attachments, as a tree for people and as JSON for programs.

import type { Host } from "../host.ts";
import { formatTimestamp } from "../host-local/timestamp.ts";
import { formatMac } from "../net/mac.ts";
import { IFF_UP } from "../netlink/if-link.ts";
import { formatAge } from "./age.ts";
import type { State } from "./attachment-state.ts";
import type { Command, Given } from "./command-line.ts";
import { confDirOption } from "./configured.ts";
import { dataDirOption, readDataDirs } from "./data-dir.ts";
import { type Found, type Inventory, isBridge, takeInventory } from "./inventory.ts";
import { counted } from "./phrases.ts";
import { type Paint, paintFor, print, printJson } from "./terminal.ts";

const colours = {
  alive: "good",
  "cut off": "bad",
  unclear: "doubtful",
  dead: "bad",
  foreign: "faint",
} as const satisfies Record<State, Parameters<Paint>[0]>;

/** A container id as long as tells it from others. */
const SHORT = 12;

interface Bridge {
  readonly name: string;
  readonly up: boolean;
  readonly mac: string;
  readonly mtu: number;
  readonly addresses: readonly string[];
  readonly ports: number;
}

/** Bridges that attachments are ports of, or ought to be. */
function bridgesOf({ links, addresses, found }: Inventory): Bridge[] {
  return links
    .filter((link) => isBridge(link) && found.some(({ bridge }) => bridge === link.ifname))
    .map((link) => ({
      name: link.ifname!,
      up: (link.flags! & IFF_UP) !== 0,
      mac: formatMac(link.address!),
      mtu: link.mtu!,
      addresses: (addresses.get(link.index!) ?? []).filter((address) => !address.startsWith("fe80:")),
      ports: links.filter(({ master }) => master === link.index).length,
    }));
}

/** One attachment for programs. */
export function attachmentJson(found: Found) {
  const { state, because, network, containerId, ifname, addresses, bridge, netns, sinceMs } = found;
  return {
    network: network ?? null,
    containerId: containerId ?? null,
    ifname: ifname ?? null,
    addresses,
    hostInterface: found.link?.ifname ?? null,
    bridge: bridge ?? null,
    netns: netns ?? null,
    since: sinceMs === undefined ? null : formatTimestamp(sinceMs),
    state,
    because,
  };
}

/** `6fd9c1c0ab12…/eth0`, a question mark for what is not known. */
export function attachmentName({ containerId, ifname }: Found, whole: boolean): string {
  const id = containerId ?? "?";
  const shown = whole || id.length <= SHORT + 1 ? id : `${id.slice(0, SHORT)}…`;
  return `${shown}/${ifname ?? "?"}`;
}

/** Cells padded to the widest of their column, two spaces apart, without spaces at the end. */
function alignRows(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join("  ")
      .trimEnd(),
  );
}

function describeBridge(name: string | undefined, bridge: Bridge | undefined): string {
  if (name === undefined) return "no bridge";
  if (bridge === undefined) return `bridge ${name}, missing`;
  const address = bridge.addresses.length === 0 ? "no address" : bridge.addresses.join(" ");
  return `bridge ${name}, ${bridge.up ? "up" : "down"}, ${address}, mtu ${bridge.mtu}, ${counted(bridge.ports, "port")}`;
}

/** Keys in the order in which they come first. */
function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}

/** The tree: network, bridge, attachments. `now`: milliseconds since the epoch. */
export function formatTree(inventory: Inventory, paint: Paint, now: number, whole: boolean): string {
  const { found } = inventory;
  if (found.length === 0) return "no attachments on this node\n";
  const rows = found.map((each) => [
    attachmentName(each, whole),
    each.addresses.join(" ") || "-",
    each.link?.ifname ?? "-",
    each.sinceMs === undefined ? "-" : formatAge(now - each.sinceMs),
    each.state,
  ]);
  const lines = new Map(alignRows(rows).map((line, at) => [found[at]!, line]));
  const bridges = bridgesOf(inventory);
  let text = "";
  for (const [network, ofNetwork] of groupBy(found, (each) => each.network ?? "")) {
    text += `${paint("strong", network === "" ? "no network known" : `network ${network}`)}\n`;
    const groups = [...groupBy(ofNetwork, (each) => each.bridge ?? "")];
    for (const [at, [name, ofBridge]] of groups.entries()) {
      const last = at === groups.length - 1;
      const bridge = bridges.find((each) => each.name === name);
      text += `${last ? "└─" : "├─"} ${describeBridge(name || undefined, bridge)}\n`;
      for (const [number, each] of ofBridge.entries()) {
        const branch = number === ofBridge.length - 1 ? "└─" : "├─";
        const line = lines.get(each)!;
        const state = paint(colours[each.state], each.state);
        text += `${last ? "   " : "│  "}${branch} ${line.slice(0, -each.state.length)}${state}\n`;
      }
    }
  }
  return text;
}

function run(host: Host, given: Given): number {
  const { options } = given;
  const inventory = takeInventory(host, readDataDirs(host, given));
  if (!options.has("--json"))
    return print(host, formatTree(inventory, paintFor(host), host.realtime(), options.has("--long")));
  return printJson(host, {
    bridges: bridgesOf(inventory),
    attachments: inventory.found.map(attachmentJson),
  });
}

export const ls: Command = {
  name: "ls",
  summary: "networks, bridges and attachments of this node",
  description: `Shows every attachment with container and interface, addresses, host interface, age and state. It reads the records in /run/cni-bridge, the leases, and the kernel; it changes nothing. A configuration only tells where leases are that no record speaks of.

States: "alive": the recorded path leads to the recorded namespace, and the link exists. "cut off": the namespace is there, the link is gone. "unclear": one of the two cannot be found from here, which proves nothing. "dead": proved, both are gone, or the lease is of an earlier boot. "foreign": made by another plugin, or without a record.`,
  options: [
    { name: "--json", summary: "for programs" },
    { name: "--long", summary: "container ids in full" },
    confDirOption,
    dataDirOption,
  ],
  examples: [
    { words: "ls", purpose: "what is there" },
    {
      words: `ls --json | jq -r '.attachments[] | select(.state == "dead") | .addresses[]'`,
      purpose: "addresses of containers that are provably gone",
    },
  ],
  run,
};
