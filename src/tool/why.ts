// `why`: all that is known of whoever holds an address, of a container, or of a link: on which proof, and what is missing
// or left over.

import { DIRECTORY } from "../bridge/record.ts";
import { planHostSide, verifyHostStep } from "../bridge/restore.ts";
import { asCniError } from "../cni/error-object.ts";
import type { Host } from "../host.ts";
import { formatTimestamp } from "../host-local/timestamp.ts";
import { formatDifference } from "../kernel/difference.ts";
import { formatIp, parseIp } from "../net/ip.ts";
import { formatMac } from "../net/mac.ts";
import { IFF_UP, operstates } from "../netlink/if-link.ts";
import { formatAge } from "./age.ts";
import type { Command, Given } from "./command-line.ts";
import { confDirOption } from "./configured.ts";
import { dataDirOption, readDataDirs } from "./data-dir.ts";
import { listElements, type MasqueradeElement } from "./elements.ts";
import { bare, type Found, type Inventory, takeInventory } from "./inventory.ts";
import { elementsOf, leftOverOf } from "./left-over.ts";
import { attachmentJson, attachmentName } from "./ls.ts";
import { complain, type Paint, paintFor, print, printJson } from "./terminal.ts";

/** A shorter beginning of a container id would fit too many. */
const LEAST_PREFIX = 4;

/** What one attachment has, lacks, and has left behind. */
interface Account {
  readonly found: Found;
  /** Name and text, in the order in which they are shown. */
  readonly facts: readonly (readonly [string, string])[];
  /** What a living attachment ought to have on the host and has not. */
  readonly missing: readonly string[];
  /** What a dead one still has. */
  readonly leftOver: readonly string[];
}

/** Those whom a word means: an address, a container id or the beginning of one, a link's name. */
function select({ found, session }: Inventory, word: string): Found[] {
  const ip = parseIp(bare(word));
  if (ip !== undefined) return found.filter(({ addresses }) => addresses.includes(formatIp(ip)));
  const index = session.findLink("host", word)?.index;
  const link = found.filter(
    (each) => (index !== undefined && each.link?.index === index) || each.record?.hostName === word,
  );
  if (link.length > 0) return link;
  const exact = found.filter(({ containerId }) => containerId === word);
  if (exact.length > 0 || word.length < LEAST_PREFIX) return exact;
  return found.filter(({ containerId }) => containerId?.startsWith(word));
}

function factsOf(inventory: Inventory, found: Found, elements: readonly MasqueradeElement[], now: number) {
  const { record, holder, link, sinceMs } = found;
  const facts: [string, string][] = [["state", `${found.state}: ${found.because}`]];
  if (found.network !== undefined) facts.push(["network", found.network]);
  if (sinceMs !== undefined)
    facts.push(["since", `${formatTimestamp(sinceMs)}, ${formatAge(now - sinceMs)} ago`]);
  for (const { name, mtimeMs } of holder?.leases ?? [])
    facts.push(["lease", `${holder!.path}/${name}, written ${formatTimestamp(mtimeMs)}`]);
  facts.push(["record", record === undefined ? "none" : `${DIRECTORY}/${record.network}/${record.key}`]);
  if (found.netns !== undefined) facts.push(["namespace", found.netns]);
  if (link === undefined) facts.push(["host end", "none"]);
  else {
    const state = link.flags! & IFF_UP ? (operstates[link.operstate ?? 0] ?? "up") : "set down";
    const mac = link.address === undefined ? "" : `, ${formatMac(link.address)}`;
    facts.push(["host end", `${link.ifname} (link ${link.index})${mac}, mtu ${link.mtu}, ${state}`]);
    const { mode, isolated } = link.slaveinfo?.data ?? {};
    const flags = [mode === 1 && "hairpin", isolated === 1 && "isolated"].filter((flag) => flag !== false);
    const master = inventory.links.find(({ index }) => index === link.master)?.ifname;
    facts.push(["port", master === undefined ? "of no bridge" : [`of ${master}`, ...flags].join(", ")]);
  }
  for (const { address, chain, owner } of elements)
    facts.push(["masquerade", `${address} goes to ${chain} (${owner})`]);
  if (record !== undefined) facts.push(["spoof check", record.spoofCheck ? "on" : "off"]);
  return facts;
}

function missingOf({ session }: Inventory, { record, link }: Found): string[] {
  if (record === undefined || link === undefined) return [];
  return planHostSide(session.host, record, link.ifname!).flatMap((step) => {
    try {
      return verifyHostStep(session, step).map(formatDifference);
    } catch (error) {
      return [`${step.kind}: ${asCniError(error).message}`];
    }
  });
}

function giveAccount(inventory: Inventory, found: Found, all: readonly MasqueradeElement[], now: number) {
  const elements = elementsOf(found, all);
  return {
    found,
    facts: factsOf(inventory, found, elements, now),
    missing: missingOf(inventory, found),
    leftOver: leftOverOf(inventory, found, elements),
  };
}

function formatAccount({ found, facts, missing, leftOver }: Account, paint: Paint): string {
  const addresses = found.addresses.join(" ") || "no address";
  let text = `${paint("strong", attachmentName(found, true))}  ${addresses}\n`;
  const line = (name: string, value: string) => `  ${name.padEnd(11)}  ${value}\n`;
  for (const [name, value] of facts) text += line(name, value);
  for (const each of missing) text += line("missing", paint("bad", each));
  for (const each of leftOver) text += line("left over", paint("doubtful", each));
  if (missing.length > 0) text += line("", "cni-bridge repair puts back what is missing");
  if (leftOver.length > 0) text += line("", "cni-bridge gc --yes removes what is left over");
  return text;
}

/** What an address is that no attachment holds. */
function describeUnheld({ links, addresses, stores }: Inventory, word: string): string {
  const ip = parseIp(bare(word));
  const address = ip === undefined ? word : formatIp(ip);
  const link = links.find(({ index }) => addresses.get(index!)?.some((each) => bare(each) === address));
  if (link !== undefined) return `${address} is an address of this node: ${link.ifname} has it`;
  const store = stores.find(({ remains }) => remains.includes(address));
  if (store !== undefined)
    return `${store.path}/${address} is what a power cut left of a lease; the next ADD that needs an address takes it`;
  return ip === undefined
    ? `nothing here is called ${word}: no container, no link`
    : `${address} is held by nobody that this node knows of`;
}

function run(host: Host, given: Given): number {
  const word = given.operands[0]!;
  const inventory = takeInventory(host, readDataDirs(host, given));
  const all = listElements(inventory.session);
  const now = host.realtime();
  const accounts = select(inventory, word).map((found) => giveAccount(inventory, found, all, now));
  if (given.options.has("--json")) {
    const rows = accounts.map(({ found, facts, missing, leftOver }) => ({
      ...attachmentJson(found),
      facts: facts.map(([name, value]) => ({ name, value })),
      missing,
      leftOver,
    }));
    return printJson(host, rows) || (rows.length === 0 ? 1 : 0);
  }
  if (accounts.length === 0) {
    complain(host, describeUnheld(inventory, word));
    return 1;
  }
  const paint = paintFor(host);
  return print(host, accounts.map((each) => formatAccount(each, paint)).join("\n"));
}

export const why: Command = {
  name: "why",
  summary: "who holds an address, and what is missing or left over",
  description: `Shows all that is known of one attachment: its state and the proof of it, since when, its lease, record, namespace, link, port and masquerading; what it lacks on the host; and what it left behind if it is dead. It is found by an address, a container id or its first ${LEAST_PREFIX} characters, or the name of the host's end of its link.`,
  operands: "IP | CONTAINER | VETH",
  operandCount: [1, 1],
  options: [{ name: "--json", summary: "for programs" }, confDirOption, dataDirOption],
  examples: [
    { words: "why 10.22.0.5", purpose: "who has this address?" },
    { words: "why 6fd9c1", purpose: "what does this container have, and what does it lack?" },
    { words: "why veth7k2m9q4x1aa", purpose: "whose link is this?" },
  ],
  statuses: [[1, "nothing of that name or address"]],
  run,
};
