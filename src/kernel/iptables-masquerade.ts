// Masquerading of one container address with iptables, for `ipMasqBackend: "iptables"`: made by the program, as its rules
// hold what only it can write, and removed by iptables-nft.ts or iptables-legacy.ts, wherever the rules are.

import { CniError, Code } from "../errors.ts";
import type { Host } from "../host.ts";
import { contains, type Ip, parsePrefix } from "../net/ip.ts";
import type { AttachmentId } from "../net/names.ts";
import { getAddr } from "../netlink/if-addr.ts";
import type { Difference } from "./difference.ts";
import { Iptables } from "./iptables.ts";
import {
  chainName,
  describeRules,
  type Family,
  families,
  type IsOwn,
  POSTROUTING,
  type RuleWords,
} from "./iptables-chain.ts";
import { removeFromLegacy } from "./iptables-legacy.ts";
import { removeFromNft } from "./iptables-nft.ts";
import { canMasquerade } from "./masquerade.ts";
import type { Session } from "./session.ts";

export interface IptablesMasqueradeStep {
  readonly kind: "iptables-masquerade";
  /** The container's address with its subnet's prefix, such as "10.22.0.5/16". */
  readonly address: string;
  readonly owner: AttachmentId;
}

/** A round is lost when the DEL of the container's other interface takes the chain away meanwhile. */
const ROUNDS = 5;

function findProgram(host: Host, { program }: Family): Iptables {
  const found = Iptables.find(host, program);
  if (found !== undefined) return found;
  throw new CniError(
    Code.delegationFailed,
    `ipMasqBackend is "iptables", but there is no ${program} in PATH ${host.getenv("PATH") ?? ""}`,
    'Install iptables, or leave ipMasqBackend out: "nftables", the default, needs no program.',
  );
}

/** Makes the rules that are missing; false where the chain vanished meanwhile. */
function addRules(iptables: Iptables, { chain, jump, accept, masquerade }: RuleWords): boolean {
  const isNew = iptables.run("-N", chain);
  const add = (verb: "-A" | "-I", to: string, words: readonly string[]) =>
    (!isNew && iptables.run("-C", to, ...words)) || iptables.run(verb, to, ...words);
  // The jump comes first: a chain that has one is not removed by another interface's DEL. ACCEPT goes to the top, since
  // behind the MASQUERADE of an earlier address it would never be reached.
  return add("-A", POSTROUTING, jump) && add("-I", chain, accept) && add("-A", chain, masquerade);
}

export function apply(session: Session, step: IptablesMasqueradeStep): void {
  const { family, ...rules } = describeRules(session.host, step.owner, step.address);
  const iptables = findProgram(session.host, family);
  try {
    for (let round = 0; round < ROUNDS; round++) if (addRules(iptables, rules)) return;
    throw new CniError(
      Code.tryAgainLater,
      `cannot masquerade ${step.address}: chain ${rules.chain} keeps vanishing`,
    );
  } catch (error) {
    try {
      remove(session, step);
    } catch {
      // The error that led here is the one to report; DEL finds what is left by the chain's name.
    }
    throw error;
  }
}

export function verify(session: Session, step: IptablesMasqueradeStep): Difference[] {
  const { family, chain, jump, accept, masquerade } = describeRules(session.host, step.owner, step.address);
  const iptables = findProgram(session.host, family);
  const rules = [
    [POSTROUTING, jump],
    [chain, accept],
    [chain, masquerade],
  ] as const;
  return rules
    .filter(([name, words]) => !iptables.run("-C", name, ...words))
    .map(([name, words]) => ({
      what: `masquerade rule of ${step.address} (${family.program})`,
      expected: `-A ${name} ${words.join(" ")}`,
      found: "none",
    }));
}

function removeJumps(session: Session, family: Family, owner: AttachmentId, isOwn: IsOwn): void {
  if (canMasquerade(session)) removeFromNft(session, family, chainName(session.host, owner), isOwn);
  removeFromLegacy(session.host, family, owner, isOwn);
}

export function remove(session: Session, step: IptablesMasqueradeStep): void {
  const { ip } = parsePrefix(step.address)!;
  const { family } = describeRules(session.host, step.owner, step.address);
  removeJumps(session, family, step.owner, (source) => contains(source, ip));
}

/** The addresses of the container's other interfaces. */
function findOthers(session: Session, ifname: string): Ip[] {
  if (!session.hasContainer) return [];
  const own = session.findLink("container", ifname)?.index;
  return session
    .route("container")
    .dump("list addresses (container)", getAddr, {})
    .filter(({ index }) => index !== own)
    .map(({ local, address }) => local ?? address!);
}

/**
 * Removes the rules of an attachment whose addresses nobody remembers: those of its container on this network, but for
 * addresses that another interface of the container holds. Whether there are any is asked of the kernel, so that
 * no program starts where there are none.
 */
export function removeOwned(session: Session, owner: AttachmentId): void {
  let others: Ip[] | undefined;
  const isOwn: IsOwn = (source) => {
    others ??= findOthers(session, owner.ifname);
    return !others.some((ip) => contains(source, ip));
  };
  for (const family of families) removeJumps(session, family, owner, isOwn);
}
