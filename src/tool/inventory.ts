// All that this node knows of its attachments, put together: records, leases, links, namespaces. Changes nothing. Each
// command shows its part of it; what each attachment ought to have is bridge/restore.ts.

import { findHostEnd } from "../bridge/attachment.ts";
import { type AttachmentRecord, hostSideOf } from "../bridge/attachment-record.ts";
import { DIRECTORY, listNetworks, listRecords } from "../bridge/record.ts";
import { AT_FDCWD, type Host } from "../host.ts";
import { isNamespaceGone } from "../host-local/attachment-proof.ts";
import { Session } from "../kernel/session.ts";
import { compareIp, formatPrefix, type Ip, parseIp } from "../net/ip.ts";
import { type AttachmentId, hostVethName } from "../net/names.ts";
import { getAddr } from "../netlink/if-addr.ts";
import { AF_UNSPEC, getLink, type Link } from "../netlink/if-link.ts";
import { AT_SYMLINK_NOFOLLOW } from "../open-flags.ts";
import { type Evidence, judge, type State } from "./attachment-state.ts";
import { type LeaseHolder, type LeaseStore, readStores } from "./lease-stores.ts";
import { type Inside, lookIntoNamespaces, peerKey } from "./namespaces.ts";
import { Progress } from "./terminal.ts";

/** One container interface, or what is left of it. */
export interface Found {
  readonly state: State;
  /** What the state was concluded from. */
  readonly because: string;
  /** Undefined for a link that nothing is known of. */
  readonly network: string | undefined;
  readonly containerId: string | undefined;
  readonly ifname: string | undefined;
  /** Without prefix. */
  readonly addresses: readonly string[];
  readonly holder: LeaseHolder | undefined;
  readonly record: AttachmentRecord | undefined;
  /** The host's end. */
  readonly link: Link | undefined;
  /** The bridge it is a port of, or else the recorded one. */
  readonly bridge: string | undefined;
  readonly netns: string | undefined;
  /** When it was made, in milliseconds since the epoch. */
  readonly sinceMs: number | undefined;
}

export interface Inventory {
  readonly session: Session;
  /** Every link of the host, in the order of their indexes. */
  readonly links: readonly Link[];
  /** With prefix, by index. */
  readonly addresses: ReadonlyMap<number, readonly string[]>;
  readonly stores: readonly LeaseStore[];
  readonly found: readonly Found[];
}

export function isBridge(link: Link): boolean {
  return link.linkinfo?.kind === "bridge";
}

function isVeth(link: Link): boolean {
  return link.linkinfo?.kind === "veth";
}

/** An address without its prefix length. */
export function bare(address: string): string {
  const slash = address.indexOf("/");
  return slash < 0 ? address : address.slice(0, slash);
}

function listAddresses(session: Session): Map<number, string[]> {
  const byIndex = new Map<number, string[]>();
  for (const each of session.route("host").dump("list addresses", getAddr, { family: AF_UNSPEC })) {
    const ip = each.local ?? each.address;
    if (ip === undefined) continue;
    const text = formatPrefix({ ip, length: each.prefixlen! });
    byIndex.set(each.index!, [...(byIndex.get(each.index!) ?? []), text]);
  }
  return byIndex;
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Unique, since no network's name has a slash. */
function holderKey({ network, containerId, ifname }: AttachmentId): string {
  return `${network}/${containerId}/${ifname}`;
}

/** Joins what is known of each attachment. */
class Joining {
  readonly #session: Session;
  readonly #links: readonly Link[];
  readonly #inside: ReadonlyMap<string, Inside>;
  /** Leases that no attachment was found for yet, by `holderKey`. */
  readonly #holders: Map<string, LeaseHolder>;
  readonly #byName: ReadonlyMap<string, Link>;
  readonly #byIndex: ReadonlyMap<number, Link>;
  readonly #seen = new Set<number>();
  readonly found: Found[] = [];
  readonly #home: string | undefined;

  constructor(session: Session, links: readonly Link[], stores: readonly LeaseStore[]) {
    this.#session = session;
    this.#links = links;
    this.#home = session.route("host").netnsCookie();
    this.#inside = lookIntoNamespaces(session.host, session.route("host"));
    this.#holders = new Map(stores.flatMap(({ holders }) => holders).map((each) => [holderKey(each), each]));
    this.#byName = new Map(links.map((link) => [link.ifname!, link]));
    this.#byIndex = new Map(links.map((link) => [link.index!, link]));
  }

  #masterOf(link: Link | undefined): string | undefined {
    return link?.master === undefined ? undefined : this.#byIndex.get(link.master)?.ifname;
  }

  #namespaceState(netns: string | undefined, cookie: string | undefined): Evidence["namespace"] {
    if (netns === undefined || netns === "") return "unknown";
    if (isNamespaceGone(this.#session.host, netns, cookie)) return "gone";
    return cookie === undefined ? "some" : "same";
  }

  #add(
    record: AttachmentRecord | undefined,
    holder: LeaseHolder | undefined,
    link: Link | undefined,
    inside: Inside | undefined,
  ): void {
    const netns = record?.netns ?? holder?.netns ?? inside?.netns;
    const hostSide = record && hostSideOf(record);
    const cookie = hostSide?.netnsCookie ?? holder?.netnsCookie;
    const verdict = judge({
      recorded: record !== undefined,
      earlierBoot: record === undefined && holder?.earlierBoot === true,
      // A namespace that was found by its link proves nothing of one that was recorded.
      namespace: this.#namespaceState(record?.netns ?? holder?.netns, cookie),
      link: link !== undefined,
      home: this.#home !== undefined && (hostSide?.homeCookie ?? holder?.homeCookie) === this.#home,
    });
    if (link !== undefined) this.#seen.add(link.index!);
    if (holder !== undefined) this.#holders.delete(holderKey(holder));
    const leased = holder?.leases.map(({ name }) => name) ?? [];
    const others = [...(record?.addresses ?? []), ...(inside?.addresses ?? [])].map(bare);
    this.found.push({
      ...verdict,
      network: record?.network ?? holder?.network,
      containerId: record?.containerId ?? holder?.containerId,
      ifname: record?.ifname ?? (holder?.ifname || inside?.ifname),
      addresses: [...new Set([...leased, ...others])].sort((a, b) => compareKnown(parseIp(a), parseIp(b))),
      holder,
      record,
      link,
      bridge: this.#masterOf(link) ?? record?.bridge,
      netns,
      sinceMs: earliest([
        ...(holder?.leases.map(({ mtimeMs }) => mtimeMs) ?? []),
        record === undefined ? undefined : recordTime(this.#session.host, record),
      ]),
    });
  }

  #insideOf(link: Link): Inside | undefined {
    if (link.link === undefined || link.linkNetnsid === undefined) return undefined;
    return this.#inside.get(peerKey(link.linkNetnsid, link.link));
  }

  /** Attachments with a record. */
  addRecorded(records: readonly AttachmentRecord[]): void {
    for (const record of records) {
      const old = holderKey({ ...record, ifname: "" });
      const holder = this.#holders.get(holderKey(record)) ?? this.#holders.get(old);
      this.#add(record, holder, findHostEnd(this.#session, record), undefined);
    }
  }

  /** Leases without a record: an earlier boot's, or another plugin's. Their links are found by name or by address. */
  addLeased(): void {
    const { host } = this.#session;
    const portOf = new Map<string, Link>();
    for (const port of this.#ports())
      for (const address of this.#insideOf(port)?.addresses ?? []) portOf.set(bare(address), port);
    const progress = new Progress(host, "looking at leases");
    const holders = [...this.#holders.values()];
    for (const [done, holder] of holders.entries()) {
      progress.at(done, holders.length);
      const own = this.#byName.get(hostVethName(host, holder));
      const found = holder.leases.map(({ name }) => portOf.get(name)).find((port) => port !== undefined);
      const link = own ?? (holder.earlierBoot ? undefined : found);
      this.#add(undefined, holder, link, link && this.#insideOf(link));
    }
    progress.end();
  }

  #ports(): Link[] {
    const isPort = (link: Link) => isVeth(link) && this.#masterOf(link) !== undefined;
    return this.#links.filter((link) => isPort(link) && !this.#seen.has(link.index!));
  }

  /** By network, then by address. */
  sort(): void {
    const last = "\uffff";
    const keyed = this.found.map((each) => ({
      each,
      network: each.network ?? last,
      ip: parseIp(each.addresses[0] ?? ""),
    }));
    keyed.sort((a, b) =>
      a.network === b.network ? compareKnown(a.ip, b.ip) : a.network < b.network ? -1 : 1,
    );
    this.found.splice(0, this.found.length, ...keyed.map(({ each }) => each));
  }

  /** Ports of bridges that neither record nor lease speaks of. */
  addPorts(): void {
    for (const port of this.#ports()) {
      // With both ends here it is no container's: a VLAN's gateway, or two bridges joined.
      if (port.linkNetnsid !== undefined) this.#add(undefined, undefined, port, this.#insideOf(port));
    }
  }
}

/** As numbers; what is no address comes last. */
function compareKnown(one: Ip | undefined, other: Ip | undefined): number {
  if (one === undefined || other === undefined)
    return Number(one === undefined) - Number(other === undefined);
  return compareIp(one, other);
}

function recordTime(host: Host, { network, key }: AttachmentRecord): number | undefined {
  const stat = host.fstatat(AT_FDCWD, `${DIRECTORY}/${network}/${key}`, AT_SYMLINK_NOFOLLOW);
  return typeof stat === "number" ? undefined : stat.mtimeMs;
}

/** Looks at everything. `dataDirs`: where leases are, above the networks' own directories, beside where the records say. */
export function takeInventory(host: Host, dataDirs: Iterable<string>): Inventory {
  const session = new Session(host, undefined);
  const links = session.route("host").dump("list links", getLink, { family: AF_UNSPEC });
  const records = listNetworks(host).flatMap((network) => listRecords(host, network));
  const recorded = records.flatMap(({ dataDir }) => dataDir ?? []);
  const stores = readStores(host, new Set([...dataDirs, ...recorded]));
  const joining = new Joining(session, links, stores);
  joining.addRecorded(records);
  joining.addLeased();
  joining.addPorts();
  joining.sort();
  return { session, links, addresses: listAddresses(session), stores, found: joining.found };
}
