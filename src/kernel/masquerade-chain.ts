// The constant part of masquerading: one table, a map from container address to its network's chain for each family, and
// per network and subnet one chain. Made when the first container needs it; shared; gone when somebody flushes it, or
// when no element leads to it any more (unused-chains.ts).
//
//   table inet cni-bridge {
//     map masquerade4 { type ipv4_addr : verdict; elements = { 10.22.0.5 : goto net-…  } }
//     map masquerade6 { type ipv6_addr : verdict }
//     chain postrouting { type nat hook postrouting priority srcnat; policy accept;
//       ip saddr vmap @masquerade4
//       ip6 saddr vmap @masquerade6 }
//     chain net-… { ip daddr 10.22.0.0/16 return; ip daddr 224.0.0.0/4 return; masquerade }
//     chain net-… { …; ip daddr EXCLUDED return; masquerade fully-random }
//   }

import { EEXIST, ENOENT } from "../errno.ts";
import { NetlinkError } from "../errors.ts";
import { formatPrefix, network, type Prefix, parsePrefix } from "../net/ip.ts";
import { hash16 } from "../net/names.ts";
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import { Batch } from "../netlink/nf-batch.ts";
import {
  type Expression,
  getChain,
  getRule,
  NF_ACCEPT,
  NF_INET_POST_ROUTING,
  NF_NAT_RANGE_PROTO_RANDOM_FULLY,
  NFPROTO_INET,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  NFT_CMP_EQ,
  NFT_DATA_VERDICT,
  NFT_META_NFPROTO,
  NFT_PAYLOAD_NETWORK_HEADER,
  NFT_REG_1,
  NFT_REG_VERDICT,
  NFT_RETURN,
  NFT_SET_MAP,
  newChain,
  newRule,
  newSet,
  newTable,
} from "../netlink/nf-tables.ts";
import { comment } from "./element-owner.ts";
import type { Session } from "./session.ts";

export const TABLE = "cni-bridge";
const POSTROUTING = "postrouting";
/** NF_IP_PRI_NAT_SRC, nft's "srcnat". */
const PRIORITY_SRCNAT = 100;
const here = { family: NFPROTO_INET, table: TABLE } as const;

/** What differs between the families: the map, nft's number of the key type, where the header holds the addresses. */
const families = {
  4: {
    map: "masquerade4",
    nfproto: NFPROTO_IPV4,
    keyType: 7,
    keyLen: 4,
    saddr: 12,
    daddr: 16,
    multicast: [[0xe0], 4],
  },
  16: {
    map: "masquerade6",
    nfproto: NFPROTO_IPV6,
    keyType: 8,
    keyLen: 16,
    saddr: 8,
    daddr: 24,
    multicast: [[0xff], 8],
  },
} as const;

function familyOf(ip: Uint8Array) {
  return families[ip.length === 4 ? 4 : 16];
}

/** Both maps. */
export const maps = [families[4].map, families[16].map] as const;

/** The map that holds an address. */
export function mapOf(ip: Uint8Array): string {
  return familyOf(ip).map;
}

/** All that decides what a chain holds. */
export interface NetworkChain {
  readonly network: string;
  /** The subnet, host bits or not. */
  readonly prefix: Prefix;
  /** Destinations that see the container's own address, of both families, such as "10.0.0.0/8". */
  readonly exclude: readonly string[];
  /** Source ports are chosen at random. */
  readonly randomFully: boolean;
}

function subnetOf({ prefix }: NetworkChain): string {
  return formatPrefix({ ...prefix, ip: network(prefix) });
}

/** The excluded destinations of the subnet's family, each once, in an order of their own. */
function excludedOf({ exclude, prefix }: NetworkChain): Prefix[] {
  const all = exclude.map((text) => parsePrefix(text)!).map((each) => ({ ...each, ip: network(each) }));
  const texts = all.filter(({ ip }) => ip.length === prefix.ip.length).map(formatPrefix);
  return [...new Set(texts)].sort().map((text) => parsePrefix(text)!);
}

/** The chain's name; another subnet of the network has another, and so has the same one configured otherwise. */
export function chainName(session: Session, chain: NetworkChain): string {
  const options = [...excludedOf(chain).map(formatPrefix), ...(chain.randomFully ? ["random-fully"] : [])];
  return `net-${hash16(session.host, [chain.network, subnetOf(chain), ...options].join(" "))}`;
}

/** `meta nfproto …`, then the address at `offset` of the network header in register 1. */
function load(nfproto: number, offset: number, len: number): Expression[] {
  return [
    { kind: "meta", data: { dreg: NFT_REG_1, key: NFT_META_NFPROTO } },
    { kind: "cmp", data: { sreg: NFT_REG_1, op: NFT_CMP_EQ, data: { value: Uint8Array.of(nfproto) } } },
    { kind: "payload", data: { dreg: NFT_REG_1, base: NFT_PAYLOAD_NETWORK_HEADER, offset, len } },
  ];
}

/** `ip daddr PREFIX return`. */
function returnFor(prefix: Prefix): Expression[] {
  const { nfproto, daddr } = familyOf(prefix.ip);
  const len = prefix.ip.length;
  const mask = new Uint8Array(len).fill(0xff);
  const hostBits = network({ ip: mask, length: prefix.length });
  return [
    ...load(nfproto, daddr, len),
    {
      kind: "bitwise",
      data: {
        sreg: NFT_REG_1,
        dreg: NFT_REG_1,
        len,
        mask: { value: hostBits },
        xor: { value: new Uint8Array(len) },
      },
    },
    { kind: "cmp", data: { sreg: NFT_REG_1, op: NFT_CMP_EQ, data: { value: network(prefix) } } },
    { kind: "immediate", data: { dreg: NFT_REG_VERDICT, data: { verdict: { code: NFT_RETURN } } } },
  ];
}

/** Commits a batch; false where the kernel answers `done`: others have seen to it. */
function commit(session: Session, purpose: string, batch: Batch, done: number): boolean {
  const { errno, extack, of } = batch.commit(session.netfilter());
  if (errno !== 0 && errno !== done) throw new NetlinkError(errno, `cannot ${purpose}: ${of}`, extack);
  return errno === 0;
}

/** Makes the table with its maps and the base chain; false where it is there. */
function makeTable(session: Session): boolean {
  const userdata = comment(session.host, "masquerading of containers' addresses by the CNI plugin bridge");
  const batch = new Batch().add(
    newTable,
    { family: NFPROTO_INET, name: TABLE, userdata },
    NLM_F_CREATE | NLM_F_EXCL,
  );
  for (const [index, { map, keyType, keyLen }] of [families[4], families[16]].entries()) {
    const shape = { keyType, keyLen, dataType: NFT_DATA_VERDICT };
    // The kernel wants a number that is unique in the batch.
    batch.add(newSet, { ...here, name: map, id: index + 1, flags: NFT_SET_MAP, ...shape }, NLM_F_CREATE);
  }
  batch.add(
    newChain,
    {
      ...here,
      name: POSTROUTING,
      type: "nat",
      hook: { hooknum: NF_INET_POST_ROUTING, priority: PRIORITY_SRCNAT },
      policy: NF_ACCEPT,
    },
    NLM_F_CREATE,
  );
  addLookups(batch);
  return commit(session, `make table inet ${TABLE}`, batch, EEXIST);
}

/** The base chain's rules: each family's address is looked up in its map. */
function addLookups(batch: Batch): void {
  for (const { map, nfproto, keyLen, saddr } of [families[4], families[16]]) {
    const lookup = { set: map, sreg: NFT_REG_1, dreg: NFT_REG_VERDICT };
    const expressions: Expression[] = [...load(nfproto, saddr, keyLen), { kind: "lookup", data: lookup }];
    batch.add(newRule, { ...here, chain: POSTROUTING, expressions }, NLM_F_CREATE | NLM_F_APPEND);
  }
}

/**
 * Whether the base chain still has its rules: `nft flush table` takes them and leaves chains, maps and elements. One
 * request, which counts them.
 */
export function hasLookups(session: Session): boolean {
  const query = { ...here, name: POSTROUTING };
  const chain = session.netfilter().get(`look up chain ${POSTROUTING}`, getChain, query, [ENOENT]);
  return (chain?.use ?? 0) >= maps.length;
}

export function isEmpty(session: Session, chain: string): boolean {
  return session.netfilter().dump(`list chain ${chain}`, getRule, { ...here, chain }, [ENOENT]).length === 0;
}

/** Puts back the rules of chains that were flushed, in the table that is there; false where none was. */
function refill(session: Session, chain: NetworkChain): boolean {
  const batch = new Batch();
  if (isEmpty(session, POSTROUTING)) addLookups(batch);
  const name = chainName(session, chain);
  if (isEmpty(session, name)) addRules(batch, name, chain);
  // ENOENT: a chain was not flushed but deleted, which the next round of `masquerade` finds out.
  return !batch.empty && commit(session, `put back the rules of table inet ${TABLE}`, batch, ENOENT);
}

/** `ip daddr SUBNET return; ip daddr MULTICAST return; ip daddr EXCLUDED return; masquerade`. */
function addRules(batch: Batch, name: string, chain: NetworkChain): void {
  const { prefix, randomFully } = chain;
  const [first, length] = familyOf(prefix.ip).multicast;
  const multicast = new Uint8Array(prefix.ip.length);
  multicast.set(first);
  const rules: Expression[][] = [
    returnFor(prefix),
    returnFor({ ip: multicast, length }),
    ...excludedOf(chain).map(returnFor),
    [{ kind: "masq", data: randomFully ? { flags: NF_NAT_RANGE_PROTO_RANDOM_FULLY } : {} }],
  ];
  for (const expressions of rules) {
    batch.add(newRule, { ...here, chain: name, expressions }, NLM_F_CREATE | NLM_F_APPEND);
  }
}

/** What the comment of each chain of a network begins with. */
export function chainCommentStart(networkName: string): string {
  return `net: ${networkName}, subnet: `;
}

/** Makes the chain of a network's subnet; false where it is there. */
function makeChain(session: Session, chain: NetworkChain): boolean {
  const name = chainName(session, chain);
  const subnet = subnetOf(chain);
  const userdata = comment(session.host, `${chainCommentStart(chain.network)}${subnet}`);
  const batch = new Batch().add(newChain, { ...here, name, userdata }, NLM_F_CREATE | NLM_F_EXCL);
  addRules(batch, name, chain);
  return commit(session, `make the masquerade chain of ${subnet}`, batch, EEXIST);
}

/**
 * Makes whatever is missing of the constant part for one subnet of a network. True where the table or its rules were
 * gone: then other containers' are as well.
 */
export function ensureChain(session: Session, chain: NetworkChain): boolean {
  const tableWasGone = makeTable(session);
  const chainWasGone = makeChain(session, chain);
  return tableWasGone || (!chainWasGone && refill(session, chain));
}
