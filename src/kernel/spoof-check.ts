// MAC spoof check of one attachment: frames that come in through its host end must bear the container's MAC. Table,
// chains, rules and comments are the reference's to the letter (pkg/link/spoofcheck.go), so that either plugin's DEL
// removes the other's. ID is CONTAINERID-IFNAME; every rule bears the comment macspoofchk-ID.
//
//   table bridge nat {
//     chain PREROUTING { type filter hook prerouting priority -300; policy accept;
//       iifname HOSTVETH jump cni-br-iface-ID }
//     chain cni-br-iface-ID { jump cni-br-iface-ID-mac }
//     chain cni-br-iface-ID-mac { ether saddr MAC return; drop }
//   }
//
// The table and PREROUTING are shared and stay.

import { EAFNOSUPPORT, EBUSY, EEXIST, EINVAL, ENOENT, EOPNOTSUPP, ERANGE } from "../errno.ts";
import { CniError, Code, NetlinkError } from "../errors.ts";
import type { AttachmentId } from "../net/names.ts";
import { encode } from "../netlink/codec.ts";
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import { Batch } from "../netlink/nf-batch.ts";
import {
  delChain,
  delRule,
  getChain,
  getGen,
  getRule,
  getRuleHead,
  NF_BR_PRE_ROUTING,
  NFPROTO_BRIDGE,
  newChain,
  newRule,
  newTable,
  type Rule,
} from "../netlink/nf-tables.ts";
import type { Difference } from "./difference.ts";
import type { Session } from "./session.ts";
import { type Names, namesOf, PREROUTING, rulesOf, type SpoofCheckStep } from "./spoof-check-rules.ts";

const here = { family: NFPROTO_BRIDGE, table: "nat" } as const;
/** NF_BR_PRI_NAT_DST_BRIDGED, nft's "dstnat" of the bridge family. */
const PRIORITY_DSTNAT = -300;
/** Only who changes the same attachment's rules can be in the way, and a runtime calls for one thing at a time. */
const ROUNDS = 20;
/** Somebody changed them between our look and our transaction. */
const CHANGED: readonly number[] = [EEXIST, ENOENT, EBUSY];
/** No such table or chain, no chain of a name so long, no nf_tables. */
const NO_CHAIN: readonly number[] = [ENOENT, ERANGE, EINVAL, EOPNOTSUPP];

function listRules(session: Session, chain: string): Rule[] {
  const purpose = `list chain ${chain} of table bridge nat`;
  return session.netfilter().dump(purpose, getRule, { ...here, chain }, [ENOENT]);
}

/** The handles of an attachment's jumps; one may be missing where other rules came or went while they were listed. */
function findJumps(session: Session, { userdata }: Names): bigint[] {
  const purpose = `list chain ${PREROUTING} of table bridge nat`;
  const query = { ...here, chain: PREROUTING };
  const torn = true;
  const rules = session.netfilter().dump(purpose, getRuleHead, query, [ENOENT], torn);
  return rules.filter((rule) => sameBytes(rule.userdata, userdata)).map((rule) => rule.handle!);
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a?.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** A chain of the table, with how many rules and jumps use it; undefined where there is none. */
function findChain(session: Session, name: string): { readonly use?: number } | undefined {
  return session.netfilter().get(`look up chain ${name}`, getChain, { ...here, name }, NO_CHAIN);
}

function hasChain(session: Session, name: string): boolean {
  return findChain(session, name) !== undefined;
}

/**
 * Puts the removal of all that an attachment has into a batch; false where it has nothing. Where the list of jumps has
 * a gap or is out of date the batch does no harm: it deletes the chains too, and the kernel refuses the whole while a rule
 * jumps to them, and when they have gone (with the table, so that the handles are another's now).
 */
function addRemoval(session: Session, batch: Batch, names: Names): boolean {
  const there = names.chains.filter((name) => hasChain(session, name));
  if (there.length === 0) return false;
  for (const handle of findJumps(session, names)) batch.add(delRule, { ...here, chain: PREROUTING, handle });
  for (const name of there) batch.add(delChain, { ...here, name });
  return true;
}

function refused({ errno, extack, of }: ReturnType<Batch["commit"]>, step: SpoofCheckStep): Error {
  const purpose = `cannot set up the MAC spoof check of ${step.hostName}`;
  if (errno === ERANGE) {
    const { containerId } = step.owner;
    return new CniError(
      Code.invalidEnvironment,
      `CNI_CONTAINERID is too long for macspoofchk: ${containerId.length} characters`,
      "It is part of the name of a chain of nf_tables, which has at most 255 (before Linux 4.14: 31).",
    );
  }
  if (of === newChain.name && (errno === EEXIST || errno === EOPNOTSUPP)) {
    const details =
      "It has another type, hook or priority than filter, prerouting, -300, or it is no base chain.";
    return new CniError(
      Code.kernelRefused,
      `${purpose}: chain ${PREROUTING} of table bridge nat is taken`,
      details,
    );
  }
  // In order: no nf_tables; no bridge family in it, as older and as newer kernels say it.
  if ([EOPNOTSUPP, EAFNOSUPPORT, ENOENT].includes(errno)) {
    const details = "macspoofchk needs a kernel with nf_tables for bridges (CONFIG_NF_TABLES_BRIDGE).";
    return new CniError(Code.kernelRefused, `${purpose}: the kernel has no nf_tables for bridges`, details);
  }
  return new NetlinkError(errno, `${purpose}: ${of}`, extack);
}

export function apply(session: Session, step: SpoofCheckStep): void {
  const names = namesOf(session, step.owner);
  const hook = { hooknum: NF_BR_PRE_ROUTING, priority: PRIORITY_DSTNAT };
  // None at all: the first of a boot, or a flush.
  if (!findChain(session, PREROUTING)?.use) session.rulesWereFlushed = true;
  for (let round = 0; ; round++) {
    const batch = new Batch();
    // What an earlier holder of the id left is replaced in the same transaction, never added to.
    const replaces = round > 0 && addRemoval(session, batch, names);
    batch.add(newTable, { family: NFPROTO_BRIDGE, name: here.table }, NLM_F_CREATE);
    batch.add(newChain, { ...here, name: PREROUTING, type: "filter", hook }, NLM_F_CREATE);
    for (const name of names.chains) batch.add(newChain, { ...here, name }, NLM_F_CREATE | NLM_F_EXCL);
    for (const { chain, rules } of rulesOf(session, step, names.chains)) {
      for (const expressions of rules) {
        const rule = { ...here, chain, expressions, userdata: names.userdata };
        batch.add(newRule, rule, NLM_F_CREATE | NLM_F_APPEND);
      }
    }
    const answer = batch.commit(session.netfilter());
    if (answer.errno === 0) return;
    const changed = round === 0 ? answer.errno === EEXIST : replaces && CHANGED.includes(answer.errno);
    if (!changed || round === ROUNDS) throw refused(answer, step);
  }
}

/** Whether the attachment has chains, whatever they hold; false where the kernel has no nf_tables. */
export function hasChains(session: Session, owner: Pick<AttachmentId, "containerId" | "ifname">): boolean {
  if (!session.openNetfilter()) return false;
  return namesOf(session, owner).chains.some((name) => hasChain(session, name));
}

/** Removes whatever the attachment has, by its id alone; absent is fine. */
export function remove(session: Session, owner: AttachmentId): void {
  const names = namesOf(session, owner);
  for (let round = 0; ; round++) {
    const batch = new Batch();
    if (!addRemoval(session, batch, names)) return;
    const { errno, extack } = batch.commit(session.netfilter());
    if (errno === 0) return;
    if (!CHANGED.includes(errno) || round === ROUNDS) {
      const purpose = `cannot remove the MAC spoof check of ${owner.ifname} of ${owner.containerId}`;
      throw new NetlinkError(errno, purpose, extack);
    }
  }
}

/** A rule as text that two equal ones have in common. */
function contentOf({ expressions = [] }: Pick<Rule, "expressions">): string {
  return encode(newRule.codec, { expressions }).join();
}

/** The rules of PREROUTING by their comments, as of one generation of the ruleset: who verifies many reads them once. */
const jumps = new WeakMap<
  Session,
  { readonly generation: number; readonly byComment: Map<string, string[]> }
>();

function jumpsOf(session: Session, userdata: Uint8Array): readonly string[] {
  const generation = session.netfilter().get("read the ruleset's generation", getGen, {}, [])?.id ?? 0;
  let known = jumps.get(session);
  if (known?.generation !== generation) {
    const byComment = new Map<string, string[]>();
    for (const rule of listRules(session, PREROUTING)) {
      const comment = rule.userdata?.join() ?? "";
      byComment.set(comment, [...(byComment.get(comment) ?? []), contentOf(rule)]);
    }
    known = { generation, byComment };
    jumps.set(session, known);
  }
  return known.byComment.get(userdata.join()) ?? [];
}

export function verify(session: Session, step: SpoofCheckStep): Difference[] {
  const { chains, userdata } = namesOf(session, step.owner);
  const differences: Difference[] = [];
  for (const { chain, texts, rules } of rulesOf(session, step, chains)) {
    const shared = chain === PREROUTING;
    const there = shared ? jumpsOf(session, userdata) : listRules(session, chain).map(contentOf);
    const wanted = rules.map((expressions) => contentOf({ expressions }));
    // A jump for an earlier host end may stand beside ours; the attachment's own chains hold nothing else.
    const fits = shared ? there.includes(wanted[0]!) : there.join(" ") === wanted.join(" ");
    if (fits) continue;
    const found = there.length === 0 ? "none" : "other rules";
    differences.push({ what: `MAC spoof check, chain ${chain}`, expected: texts.join("; "), found });
  }
  return differences;
}
