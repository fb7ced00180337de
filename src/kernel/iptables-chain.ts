// The rules that masquerade a container with iptables, in the reference's words, so that either plugin removes the
// other's: pkg/ip/ipmasq_iptables_linux.go and pkg/utils/utils.go of containernetworking/plugins.
//
//   -A POSTROUTING -s 10.22.0.5/32 -m comment --comment "name: \"net\" id: \"c1\"" -j CNI-…
//   -A CNI-… -d 10.22.0.0/16 -m comment --comment … -j ACCEPT
//   -A CNI-… ! -d 224.0.0.0/4 -m comment --comment … -j MASQUERADE
//
// The chain belongs to a container and not to one of its interfaces: two interfaces on one network share it.

import type { Host } from "../host.ts";
import { contains, formatIp, formatPrefix, type Prefix, parsePrefix } from "../net/ip.ts";
import { type AttachmentId, hexHash } from "../net/names.ts";
import { NFPROTO_IPV4, NFPROTO_IPV6 } from "../netlink/nf-tables.ts";

export const POSTROUTING = "POSTROUTING";

export interface Family {
  readonly program: "iptables" | "ip6tables";
  readonly multicast: string;
  /** Where the kernel tells which tables of the old flavour a namespace has. */
  readonly legacyTables: string;
  readonly nfproto: number;
  /** Bytes of an address, and where the header has the source and the destination. */
  readonly bytes: number;
  readonly saddr: number;
  readonly daddr: number;
}

const ipv4: Family = {
  program: "iptables",
  multicast: "224.0.0.0/4",
  legacyTables: "/proc/net/ip_tables_names",
  nfproto: NFPROTO_IPV4,
  bytes: 4,
  saddr: 12,
  daddr: 16,
};
const ipv6: Family = {
  program: "ip6tables",
  multicast: "ff00::/8",
  legacyTables: "/proc/net/ip6_tables_names",
  nfproto: NFPROTO_IPV6,
  bytes: 16,
  saddr: 8,
  daddr: 24,
};
export const families: readonly Family[] = [ipv4, ipv6];

/** `CNI-` and 24 hex digits: 28 characters, as long as iptables takes. */
export function chainName(host: Host, { network, containerId }: AttachmentId): string {
  return `CNI-${hexHash(host, network + containerId, 24)}`;
}

/** Match and target of rules, each in a list of words for iptables. */
export interface RuleWords {
  readonly chain: string;
  /** What follows `-A POSTROUTING`. */
  readonly jump: readonly string[];
  /** What follows the chain's name. */
  readonly accept: readonly string[];
  readonly masquerade: readonly string[];
}

/** The comment that each rule carries. Go's %q; what a network's name and a container's id may hold needs no escape. */
function commentWords({ network, containerId }: AttachmentId): string[] {
  return ["-m", "comment", "--comment", `name: "${network}" id: "${containerId}"`];
}

/** The jump of a source, such as "10.22.0.5". */
export function jumpWords(host: Host, owner: AttachmentId, source: string): string[] {
  return ["-s", source, "-j", chainName(host, owner), ...commentWords(owner)];
}

/** The rule that leaves traffic to a subnet alone. */
export function acceptWords(owner: AttachmentId, subnet: string): string[] {
  return ["-d", subnet, "-j", "ACCEPT", ...commentWords(owner)];
}

/** The family and the rules of one address with prefix, such as "10.22.0.5/16". */
export function describeRules(
  host: Host,
  owner: AttachmentId,
  address: string,
): RuleWords & { family: Family } {
  const prefix = parsePrefix(address)!;
  const family = prefix.ip.length === ipv4.bytes ? ipv4 : ipv6;
  return {
    family,
    chain: chainName(host, owner),
    jump: jumpWords(host, owner, formatIp(prefix.ip)),
    accept: acceptWords(owner, formatPrefix(prefix)),
    masquerade: ["!", "-d", family.multicast, "-j", "MASQUERADE", ...commentWords(owner)],
  };
}

/** A rule that is there: the source of a jump, or the subnet of an ACCEPT; undefined where it has none. */
export interface FoundRule {
  readonly prefix: Prefix | undefined;
}

/** Whether a jump with this source is of the attachment that goes. */
export type IsOwn = (source: Prefix) => boolean;

/**
 * What goes with an attachment: its own jumps; where no other jump remains, the chain; else the ACCEPT rules of subnets
 * that only its own sources are in.
 */
export function selectOwn<Jump extends FoundRule, Accept extends FoundRule>(
  jumps: readonly Jump[],
  accepts: readonly Accept[],
  isOwn: IsOwn,
): { readonly jumps: Jump[]; readonly accepts: Accept[]; readonly isLast: boolean } {
  const own = jumps.filter(({ prefix }) => prefix !== undefined && isOwn(prefix));
  const others = jumps.filter((jump) => !own.includes(jump));
  const holds = (subnet: Prefix | undefined, sources: readonly Jump[]) =>
    subnet !== undefined && sources.some(({ prefix }) => prefix !== undefined && contains(subnet, prefix.ip));
  return {
    jumps: own,
    accepts: accepts.filter(({ prefix }) => holds(prefix, own) && !holds(prefix, others)),
    isLast: others.length === 0,
  };
}
