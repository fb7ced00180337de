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
import { formatPrefix } from "../net/ip.ts";
import { hash16 } from "../net/names.ts";
import { constant, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import { Batch } from "../netlink/nf-batch.ts";
import {
  type Expression,
  getChainUse,
  getRule,
  NF_ACCEPT,
  NF_INET_POST_ROUTING,
  NFPROTO_INET,
  NFT_DATA_VERDICT,
  NFT_SET_MAP,
  newChain,
  newRule,
  newSet,
  newTable,
} from "../netlink/nf-tables.ts";
import { comment } from "./element-owner.ts";
import {
  excludedOf,
  families,
  lookupRules,
  maps,
  type NetworkChain,
  networkRules,
  subnetOf,
} from "./masquerade-rules.ts";
import type { Session } from "./session.ts";

export const TABLE = "cni-bridge";
const POSTROUTING = "postrouting";
/** NF_IP_PRI_NAT_SRC, nft's "srcnat". */
const PRIORITY_SRCNAT = 100;
const here = { family: NFPROTO_INET, table: TABLE } as const;

/** The chain's name; another subnet of the network has another, and so has the same one configured otherwise. */
export function chainName(session: Session, chain: NetworkChain): string {
  const options = [...excludedOf(chain).map(formatPrefix), ...(chain.randomFully ? ["random-fully"] : [])];
  return `net-${hash16(session.host, [chain.network, subnetOf(chain), ...options].join(" "))}`;
}

/** What the comment of each chain of a network begins with. */
export function chainCommentStart(networkName: string): string {
  return `net: ${networkName}, subnet: `;
}

/** How many rules and elements use a chain; undefined where there is none. */
function useOf(session: Session, name: string): number | undefined {
  const query = { ...here, name };
  return session.netfilter().get(`look up chain ${name}`, getChainUse, query, [ENOENT])?.use;
}

const getPostrouting = constant(getChainUse, { ...here, name: POSTROUTING });

/** How many rules the base chain has; undefined where it is gone. */
function countLookups(session: Session): number | undefined {
  const purpose = `look up chain ${POSTROUTING}`;
  return session.netfilter().get(purpose, getPostrouting, undefined, [ENOENT])?.use;
}

/**
 * Whether the base chain still has its rules: `nft flush table` takes them and leaves chains, maps and elements. One
 * request, which counts them.
 */
export function hasLookups(session: Session): boolean {
  return (countLookups(session) ?? 0) >= maps.length;
}

export function isEmpty(session: Session, chain: string): boolean {
  return session.netfilter().dump(`list chain ${chain}`, getRule, { ...here, chain }, [ENOENT]).length === 0;
}

function addRules(batch: Batch, chain: string, rules: readonly Expression[][]): void {
  for (const expressions of rules) {
    batch.add(newRule, { ...here, chain, expressions }, NLM_F_CREATE | NLM_F_APPEND);
  }
}

/** The table with its maps and the base chain. */
function addTable(session: Session, batch: Batch): void {
  const userdata = comment(session.host, "masquerading of containers' addresses by the CNI plugin bridge");
  batch.add(newTable, { family: NFPROTO_INET, name: TABLE, userdata }, NLM_F_CREATE | NLM_F_EXCL);
  for (const [index, { map, keyType, keyLen }] of [families[4], families[16]].entries()) {
    const shape = { keyType, keyLen, dataType: NFT_DATA_VERDICT };
    // The kernel wants a number that is unique in the batch.
    batch.add(newSet, { ...here, name: map, id: index + 1, flags: NFT_SET_MAP, ...shape }, NLM_F_CREATE);
  }
  const hook = { hooknum: NF_INET_POST_ROUTING, priority: PRIORITY_SRCNAT };
  batch.add(newChain, { ...here, name: POSTROUTING, type: "nat", hook, policy: NF_ACCEPT }, NLM_F_CREATE);
  addRules(batch, POSTROUTING, lookupRules());
}

/** The chain of a network's subnet. */
function addChain(session: Session, batch: Batch, name: string, chain: NetworkChain): void {
  const userdata = comment(session.host, `${chainCommentStart(chain.network)}${subnetOf(chain)}`);
  batch.add(newChain, { ...here, name, userdata }, NLM_F_CREATE | NLM_F_EXCL);
  addRules(batch, name, networkRules(chain));
}

/**
 * Makes whatever is missing of the constant part for one subnet of a network, in one transaction. It asks first, as a
 * transaction that the kernel refuses costs some 20 ms. True where the table or its rules were gone: then other
 * containers' are as well.
 */
export function ensureChain(session: Session, chain: NetworkChain): boolean {
  const name = chainName(session, chain);
  const lookups = countLookups(session);
  const isFlushed = lookups === undefined || lookups < maps.length;
  const batch = new Batch();
  if (lookups === undefined) addTable(session, batch);
  else if (isFlushed) addRules(batch, POSTROUTING, lookupRules());
  if (useOf(session, name) === undefined) addChain(session, batch, name, chain);
  else if (isEmpty(session, name)) addRules(batch, name, networkRules(chain));
  if (batch.empty) return false;
  const { errno, extack, of } = batch.commit(session.netfilter());
  if (errno === 0) return isFlushed;
  // Another process was faster (EEXIST), or deleted what we have just seen (ENOENT): `masquerade` looks again.
  if (errno === EEXIST || errno === ENOENT) return false;
  throw new NetlinkError(errno, `cannot make table inet ${TABLE}: ${of}`, extack);
}
