// Masquerading of one container address: an element of the map in masquerade-chain.ts, which owns everything constant.
// The packet path and the cost of ADD and DEL do not grow with the number of containers.

import { EAFNOSUPPORT, EEXIST, EINVAL, ENOENT, EOPNOTSUPP, EPROTONOSUPPORT, ERESTART } from "../errno.ts";
import { CniError, Code, NetlinkError } from "../errors.ts";
import { formatIp, type Ip, parsePrefix } from "../net/ip.ts";
import type { AttachmentId } from "../net/names.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import { Batch } from "../netlink/nf-batch.ts";
import {
  delSetElem,
  type Element,
  getGen,
  getSetElem,
  NFPROTO_INET,
  NFT_GOTO,
  newSetElem,
} from "../netlink/nf-tables.ts";
import type { Difference } from "./difference.ts";
import { isOwnedBy, ownerComment } from "./element-owner.ts";
import { chainName, ensureChain, hasLookups, isEmpty, TABLE } from "./masquerade-chain.ts";
import { mapOf, maps, type NetworkChain } from "./masquerade-rules.ts";
import type { Session } from "./session.ts";

export interface MasqueradeStep {
  readonly kind: "masquerade";
  /** The container's address with its subnet's prefix, such as "10.22.0.5/16". */
  readonly address: string;
  readonly owner: AttachmentId;
  /** Destinations that see the container's own address, of both families, such as "10.0.0.0/8". */
  readonly exclude: readonly string[];
  /** Source ports are chosen at random. */
  readonly randomFully: boolean;
}

/** Each round has lost against another process that changed the same table; so many in a row are no accident. */
const ROUNDS = 50;

function elementsOf(ip: Ip, elements: readonly Element[]) {
  return { family: NFPROTO_INET, table: TABLE, set: mapOf(ip), elements };
}

/** The element of an address, if there is one. */
function find(session: Session, ip: Ip): Element | undefined {
  const query = elementsOf(ip, [{ key: { value: ip } }]);
  const found = session.netfilter().get("look up the masquerade element", getSetElem, query, [ENOENT]);
  return found?.elements?.[0];
}

function refused(errno: number, step: MasqueradeStep, extack: string | undefined): Error {
  if ([EOPNOTSUPP, EPROTONOSUPPORT, EAFNOSUPPORT].includes(errno)) {
    const details = "ipMasq needs a kernel with nf_tables and NAT (CONFIG_NF_TABLES_INET, CONFIG_NFT_MASQ).";
    return new CniError(
      Code.kernelRefused,
      `cannot masquerade ${step.address}: the kernel has no nf_tables`,
      details,
    );
  }
  return new NetlinkError(errno, `cannot masquerade ${step.address}`, extack);
}

/** The chain that the element of an address leads to. */
export function chainOf({ address, owner, exclude, randomFully }: MasqueradeStep): NetworkChain {
  return { network: owner.network, prefix: parsePrefix(address)!, exclude, randomFully };
}

function keepsChanging(purpose: string): Error {
  return new CniError(Code.tryAgainLater, `cannot ${purpose}: table ${TABLE} keeps changing`);
}

function ensure(session: Session, step: MasqueradeStep): void {
  if (ensureChain(session, chainOf(step))) session.rulesWereFlushed = true;
}

function elementFor(session: Session, step: MasqueradeStep, ip: Ip): Element {
  return {
    key: { value: ip },
    data: { verdict: { code: NFT_GOTO, chain: chainName(session, chainOf(step)) } },
    userdata: ownerComment(session.host, step.owner),
  };
}

export function apply(session: Session, step: MasqueradeStep): void {
  const { ip } = parsePrefix(step.address)!;
  const element = elementFor(session, step, ip);
  const create = NLM_F_CREATE | NLM_F_EXCL;
  // One flush took every chain; the address before this one has noticed.
  if (session.rulesWereFlushed) ensure(session, step);
  for (let round = 0; round < ROUNDS; round++) {
    const batch = new Batch();
    // A leftover of an earlier holder, or another network's chain: replaced, never merely kept.
    if (round > 0 && find(session, ip) !== undefined) {
      batch.add(delSetElem, elementsOf(ip, [{ key: element.key! }]));
    }
    const { errno, extack } = batch
      .add(newSetElem, elementsOf(ip, [element]), create)
      .commit(session.netfilter());
    if (errno === 0) {
      if (!session.rulesWereFlushed && !hasLookups(session)) ensure(session, step);
      return;
    }
    if (errno === ENOENT) ensure(session, step);
    else if (errno !== EEXIST) throw refused(errno, step, extack);
  }
  throw keepsChanging(`masquerade ${step.address}`);
}

/**
 * Puts back an element that somebody took away. Unlike `apply`, which has just been given the address, it leaves another
 * owner's alone: that may be the address's next holder.
 */
export function restore(session: Session, step: MasqueradeStep): void {
  const { ip } = parsePrefix(step.address)!;
  const element = elementFor(session, step, ip);
  const netfilter = session.netfilter();
  for (let round = 0; round < ROUNDS; round++) {
    ensureChain(session, chainOf(step));
    const generation = netfilter.get("read the ruleset's generation", getGen, {}, [])?.id;
    const found = find(session, ip);
    if (found !== undefined && !isOwnedBy(session.host, found.userdata, step.owner)) return;
    const batch = new Batch();
    if (found !== undefined) batch.add(delSetElem, elementsOf(ip, [{ key: { value: ip } }]));
    const { errno, extack } = batch
      .add(newSetElem, elementsOf(ip, [element]), NLM_F_CREATE | NLM_F_EXCL)
      .commit(netfilter, generation);
    if (errno === 0) return;
    if (errno !== ERESTART && errno !== ENOENT) throw refused(errno, step, extack);
  }
  throw keepsChanging(`masquerade ${step.address}`);
}

/** Removes an address's element, unless it has a new holder. A late DEL must not cut off another container. */
function removeElement(session: Session, ip: Ip, owner: AttachmentId): void {
  const netfilter = session.netfilter();
  const purpose = `remove the masquerade element of ${formatIp(ip)}`;
  for (let round = 0; round < ROUNDS; round++) {
    const generation = netfilter.get("read the ruleset's generation", getGen, {}, [])?.id;
    const element = find(session, ip);
    if (element === undefined || !isOwnedBy(session.host, element.userdata, owner)) return;
    const batch = new Batch().add(delSetElem, elementsOf(ip, [{ key: { value: ip } }]));
    const { errno, extack } = batch.commit(netfilter, generation);
    if (errno === 0 || errno === ENOENT) return;
    if (errno !== ERESTART) throw new NetlinkError(errno, `cannot ${purpose}`, extack);
  }
  throw keepsChanging(purpose);
}

export function remove(session: Session, step: MasqueradeStep): void {
  removeElement(session, parsePrefix(step.address)!.ip, step.owner);
}

/** Removes every element of an attachment, found by reading the maps whole: for a DEL that knows no addresses. */
export function removeOwned(session: Session, owner: AttachmentId): void {
  for (const set of maps) {
    const query = { family: NFPROTO_INET, table: TABLE, set };
    const lists = session.netfilter().dump(`list ${set}`, getSetElem, query, [ENOENT]);
    for (const element of lists.flatMap((each) => each.elements ?? [])) {
      const ip = element.key?.value;
      if (ip !== undefined && isOwnedBy(session.host, element.userdata, owner))
        removeElement(session, ip, owner);
    }
  }
}

export function verify(session: Session, step: MasqueradeStep): Difference[] {
  const element = find(session, parsePrefix(step.address)!.ip);
  const what = `masquerade element of ${step.address}`;
  if (element === undefined || !isOwnedBy(session.host, element.userdata, step.owner)) {
    const found = element === undefined ? "none" : "another container's";
    return [{ what, expected: "this container's", found }];
  }
  const expected = chainName(session, chainOf(step));
  const found = element.data?.verdict?.chain ?? "no chain";
  if (found !== expected) return [{ what, expected: `goto ${expected}`, found }];
  if (hasLookups(session) && !isEmpty(session, expected)) return [];
  return [{ what: `rules of table ${TABLE}`, expected: "as they were made", found: "flushed" }];
}

/** Whether the kernel speaks nf_tables at all; asks for the ruleset's generation and changes nothing. */
export function canMasquerade(session: Session): boolean {
  if (!session.openNetfilter()) return false;
  const answer = session.netfilter().get("ask for nf_tables", getGen, {}, [EOPNOTSUPP, EINVAL]);
  return answer !== undefined;
}
