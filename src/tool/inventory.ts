// All that this node knows of its attachments, put together: records, leases, links, namespaces. Changes nothing. Each
// command shows its part of it; what each attachment ought to have is bridge/restore.ts.

import { findHostEnd } from "../bridge/attachment.ts";
import { type AttachmentRecord, DIRECTORY, listNetworks, listRecords } from "../bridge/record.ts";
import { AT_FDCWD, type Host } from "../host.ts";
import { isNamespaceGone } from "../host-local/attachment-proof.ts";
import { Session } from "../kernel/session.ts";
import { compareIp, formatPrefix, parseIp } from "../net/ip.ts";
import { hostVethName } from "../net/names.ts";
import { getAddr } from "../netlink/if-addr.ts";
import { AF_UNSPEC, getLink, type Link } from "../netlink/if-link.ts";
import { AT_SYMLINK_NOFOLLOW } from "../open-flags.ts";
import { type Evidence, judge, type State } from "./attachment-state.ts";
import { type LeaseHolder, type LeaseStore, readStores } from "./lease-stores.ts";
import { type Inside, lookIntoNamespaces, peerKey } from "./namespaces.ts";

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

/** Joins what is known of each attachment. */
class Joining {
  readonly #session: Session;
  readonly #links: readonly Link[];
  readonly #inside: ReadonlyMap<string, Inside>;
  readonly #holders: Set<LeaseHolder>;
  readonly #seen = new Set<number>();
  readonly found: Found[] = [];
  readonly #home: string | undefined;

  constructor(session: Session, links: readonly Link[], stores: readonly LeaseStore[]) {
    this.#session = session;
    this.#links = links;
    this.#home = session.route("host").netnsCookie();
    this.#inside = lookIntoNamespaces(session.host, session.route("host"));
    this.#holders = new Set(stores.flatMap(({ holders }) => holders));
  }

  #masterOf(link: Link | undefined): string | undefined {
    return this.#links.find(({ index }) => link?.master !== undefined && index === link.master)?.ifname;
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
    const cookie = record?.hostSide?.netnsCookie ?? holder?.netnsCookie;
    const verdict = judge({
      recorded: record !== undefined,
      earlierBoot: record === undefined && holder?.earlierBoot === true,
      // A namespace that was found by its link proves nothing of one that was recorded.
      namespace: this.#namespaceState(record?.netns ?? holder?.netns, cookie),
      link: link !== undefined,
      home: this.#home !== undefined && (record?.hostSide?.homeCookie ?? holder?.homeCookie) === this.#home,
    });
    if (link !== undefined) this.#seen.add(link.index!);
    if (holder !== undefined) this.#holders.delete(holder);
    const leased = holder?.leases.map(({ name }) => name) ?? [];
    const others = [...(record?.addresses ?? []), ...(inside?.addresses ?? [])].map(bare);
    this.found.push({
      ...verdict,
      network: record?.network ?? holder?.network,
      containerId: record?.containerId ?? holder?.containerId,
      ifname: record?.ifname ?? (holder?.ifname || inside?.ifname),
      addresses: [...new Set([...leased, ...others])].sort((a, b) => compareFirst([a], [b])),
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
      const { network, containerId, ifname } = record;
      const holder = [...this.#holders].find(
        (each) =>
          each.network === network &&
          each.containerId === containerId &&
          (each.ifname === ifname || each.ifname === ""),
      );
      this.#add(record, holder, findHostEnd(this.#session, record), undefined);
    }
  }

  /** Leases without a record: an earlier boot's, or another plugin's. Their links are found by name or by address. */
  addLeased(): void {
    for (const holder of [...this.#holders]) {
      const own = this.#session.findLink("host", hostVethName(this.#session.host, holder));
      const link = own ?? (holder.earlierBoot ? undefined : this.#portOf(holder));
      this.#add(undefined, holder, link, link && this.#insideOf(link));
    }
  }

  #ports(): Link[] {
    const isPort = (link: Link) => isVeth(link) && this.#masterOf(link) !== undefined;
    return this.#links.filter((link) => isPort(link) && !this.#seen.has(link.index!));
  }

  #portOf(holder: LeaseHolder): Link | undefined {
    return this.#ports().find((port) => {
      const held = this.#insideOf(port)?.addresses.map(bare) ?? [];
      return holder.leases.some(({ name }) => held.includes(name));
    });
  }

  /** By network, then by address. */
  sort(): void {
    const last = "\uffff";
    const byNetwork = (a: Found, b: Found) => {
      const [one, other] = [a.network ?? last, b.network ?? last];
      return one < other ? -1 : one > other ? 1 : compareFirst(a.addresses, b.addresses);
    };
    this.found.sort(byNetwork);
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
function compareFirst(a: readonly string[], b: readonly string[]): number {
  const [one, other] = [parseIp(a[0] ?? ""), parseIp(b[0] ?? "")];
  if (one === undefined || other === undefined)
    return Number(one === undefined) - Number(other === undefined);
  return compareIp(one, other);
}

function recordTime(host: Host, { network, key }: AttachmentRecord): number | undefined {
  const stat = host.fstatat(AT_FDCWD, `${DIRECTORY}/${network}/${key}`, AT_SYMLINK_NOFOLLOW);
  return typeof stat === "number" ? undefined : stat.mtimeMs;
}

/** Looks at everything. `dataDirs`: where leases are, above the networks' own directories. */
export function takeInventory(host: Host, dataDirs: Iterable<string>): Inventory {
  const session = new Session(host, undefined);
  const links = session.route("host").dump("list links", getLink, { family: AF_UNSPEC });
  const stores = readStores(host, dataDirs);
  const joining = new Joining(session, links, stores);
  joining.addRecorded(listNetworks(host).flatMap((network) => listRecords(host, network)));
  joining.addLeased();
  joining.addPorts();
  joining.sort();
  return { session, links, addresses: listAddresses(session), stores, found: joining.found };
}
