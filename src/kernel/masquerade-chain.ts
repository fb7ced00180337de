// The constant part of masquerading: one table, a map from container address to its network's chain for each family, and
// per network and subnet one chain. Made when the first container needs it; shared; gone only when somebody flushes it.
//
//   table inet cni-bridge {
//     map masquerade4 { type ipv4_addr : verdict; elements = { 10.22.0.5 : goto net-…  } }
//     map masquerade6 { type ipv6_addr : verdict }
//     chain postrouting { type nat hook postrouting priority srcnat; policy accept;
//       ip saddr vmap @masquerade4
//       ip6 saddr vmap @masquerade6 }
//     chain net-… { ip daddr 10.22.0.0/16 return; ip daddr 224.0.0.0/4 return; masquerade }
//   }

import { EEXIST } from "../errno.ts";
import { NetlinkError } from "../errors.ts";
import { formatPrefix, network, type Prefix } from "../net/ip.ts";
import { hash16 } from "../net/names.ts";
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import { Batch } from "../netlink/nf-batch.ts";
import {
  type Expression,
  NF_ACCEPT,
  NF_INET_POST_ROUTING,
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
  4: { map: "masquerade4", nfproto: NFPROTO_IPV4, keyType: 7, saddr: 12, daddr: 16, multicast: [[0xe0], 4] },
  16: { map: "masquerade6", nfproto: NFPROTO_IPV6, keyType: 8, saddr: 8, daddr: 24, multicast: [[0xff], 8] },
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

/** The chain of a network's subnet; another subnet of it has another. */
export function chainName(session: Session, networkName: string, prefix: Prefix): string {
  return `net-${hash16(session.host, `${networkName} ${formatPrefix({ ...prefix, ip: network(prefix) })}`)}`;
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

function commit(session: Session, purpose: string, batch: Batch): void {
  const { errno, extack, of } = batch.commit(session.netfilter());
  // EEXIST: another container's ADD was faster, and as a batch is all or nothing, everything is there.
  if (errno !== 0 && errno !== EEXIST) throw new NetlinkError(errno, `cannot ${purpose}: ${of}`, extack);
}

function makeTable(session: Session): void {
  const userdata = comment(session.host, "masquerading of containers' addresses by the CNI plugin bridge");
  const batch = new Batch().add(
    newTable,
    { family: NFPROTO_INET, name: TABLE, userdata },
    NLM_F_CREATE | NLM_F_EXCL,
  );
  const byLength = [4, 16] as const;
  for (const [id, length] of byLength.entries()) {
    const { map, keyType } = families[length];
    const shape = { keyType, keyLen: length, dataType: NFT_DATA_VERDICT };
    batch.add(newSet, { ...here, name: map, id: id + 1, flags: NFT_SET_MAP, ...shape }, NLM_F_CREATE);
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
  for (const [id, length] of byLength.entries()) {
    const { map, nfproto, saddr } = families[length];
    const lookup = { set: map, setId: id + 1, sreg: NFT_REG_1, dreg: NFT_REG_VERDICT };
    const expressions: Expression[] = [...load(nfproto, saddr, length), { kind: "lookup", data: lookup }];
    batch.add(newRule, { ...here, chain: POSTROUTING, expressions }, NLM_F_CREATE | NLM_F_APPEND);
  }
  commit(session, `make table inet ${TABLE}`, batch);
}

function makeChain(session: Session, networkName: string, prefix: Prefix): void {
  const name = chainName(session, networkName, prefix);
  const subnet = { ip: network(prefix), length: prefix.length };
  const userdata = comment(session.host, `net: ${networkName}, subnet: ${formatPrefix(subnet)}`);
  const [first, length] = familyOf(prefix.ip).multicast;
  const multicast = new Uint8Array(prefix.ip.length);
  multicast.set(first);
  const batch = new Batch().add(newChain, { ...here, name, userdata }, NLM_F_CREATE | NLM_F_EXCL);
  const rules: Expression[][] = [
    returnFor(subnet),
    returnFor({ ip: multicast, length }),
    [{ kind: "masq", data: {} }],
  ];
  for (const expressions of rules) {
    batch.add(newRule, { ...here, chain: name, expressions }, NLM_F_CREATE | NLM_F_APPEND);
  }
  commit(session, `make the masquerade chain of ${formatPrefix(subnet)}`, batch);
}

/** Makes whatever is missing of the constant part for one subnet of a network. */
export function ensureChain(session: Session, networkName: string, prefix: Prefix): void {
  makeTable(session);
  makeChain(session, networkName, prefix);
}
