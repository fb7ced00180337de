// The rules of the masquerade table as expressions, for each family. Pure: masquerade-chain.ts sends them.

import { formatPrefix, network, type Prefix, parsePrefix } from "../net/ip.ts";
import {
  type Expression,
  NF_NAT_RANGE_PROTO_RANDOM_FULLY,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  NFT_CMP_EQ,
  NFT_META_NFPROTO,
  NFT_PAYLOAD_NETWORK_HEADER,
  NFT_REG_1,
  NFT_REG_VERDICT,
  NFT_RETURN,
} from "../netlink/nf-tables.ts";

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

/** What differs between the families: the map, nft's number of the key type, where the header holds the addresses. */
export const families = {
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

/** The network address with its prefix length. */
export function subnetOf({ prefix }: NetworkChain): string {
  return formatPrefix({ ...prefix, ip: network(prefix) });
}

/** The excluded destinations of the subnet's family, each once, in an order of their own. */
export function excludedOf({ exclude, prefix }: NetworkChain): Prefix[] {
  if (exclude.length === 0) return [];
  const all = exclude.map((text) => parsePrefix(text)!).map((each) => ({ ...each, ip: network(each) }));
  const texts = all.filter(({ ip }) => ip.length === prefix.ip.length).map(formatPrefix);
  return [...new Set(texts)].sort().map((text) => parsePrefix(text)!);
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

/** The base chain's rules: each family's address is looked up in its map. */
export function lookupRules(): Expression[][] {
  return [families[4], families[16]].map(({ map, nfproto, keyLen, saddr }) => [
    ...load(nfproto, saddr, keyLen),
    { kind: "lookup", data: { set: map, sreg: NFT_REG_1, dreg: NFT_REG_VERDICT } },
  ]);
}

/** `ip daddr SUBNET return; ip daddr MULTICAST return; ip daddr EXCLUDED return; masquerade`. */
export function networkRules(chain: NetworkChain): Expression[][] {
  const { prefix, randomFully } = chain;
  const [first, length] = familyOf(prefix.ip).multicast;
  const multicast = new Uint8Array(prefix.ip.length);
  multicast.set(first);
  return [
    returnFor(prefix),
    returnFor({ ip: multicast, length }),
    ...excludedOf(chain).map(returnFor),
    [{ kind: "masq", data: randomFully ? { flags: NF_NAT_RANGE_PROTO_RANDOM_FULLY } : {} }],
  ];
}
