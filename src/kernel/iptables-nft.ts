// The iptables chain of a container where iptables is iptables-nft: then table nat is one of nf_tables, and the chain is
// found and removed over netlink. That needs no program, costs one request where there is nothing, and is one
// transaction, which iptables' own commands are not. The rules hold expressions that only iptables can write; to find
// them, jump and addresses are enough, and a deletion names a rule by its handle alone.

import { EBUSY, ENOENT } from "../errno.ts";
import { CniError, Code, NetlinkError } from "../errors.ts";
import type { Prefix } from "../net/ip.ts";
import { Batch } from "../netlink/nf-batch.ts";
import {
  delChain,
  delRule,
  getChain,
  getRule,
  NF_ACCEPT,
  NFT_CMP_EQ,
  NFT_JUMP,
  NFT_PAYLOAD_NETWORK_HEADER,
  type Rule,
} from "../netlink/nf-tables.ts";
import { type Family, type FoundRule, type IsOwn, POSTROUTING, selectOwn } from "./iptables-chain.ts";
import type { Session } from "./session.ts";

const TABLE = "nat";
/** Each round has lost against another process that changed the same chain. */
const ROUNDS = 50;

/** What a rule compares the address at `offset` of the header with: payload, bitwise where the mask is odd, cmp. */
function readPrefix({ expressions = [] }: Rule, offset: number, bytes: number): Prefix | undefined {
  const at = expressions.findIndex(
    ({ kind, data }) =>
      kind === "payload" && data?.base === NFT_PAYLOAD_NETWORK_HEADER && data.offset === offset,
  );
  const [first, second] = expressions.slice(at + 1);
  const mask = first?.kind === "bitwise" ? first.data?.mask?.value : undefined;
  const compared = first?.kind === "bitwise" ? second : first;
  if (at < 0 || compared?.kind !== "cmp" || compared.data?.op !== NFT_CMP_EQ) return undefined;
  const value = compared.data.data?.value;
  if (value === undefined || value.length > bytes) return undefined;
  const ip = new Uint8Array(bytes);
  ip.set(value);
  // A prefix of whole bytes is loaded by its length instead of masked.
  return { ip, length: mask === undefined ? value.length * 8 : countOnes(mask) };
}

function countOnes(mask: Uint8Array): number {
  return mask.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
}

/** Whether a rule's verdict is this; `chain` for a jump. */
function hasVerdict({ expressions = [] }: Rule, code: number, chain?: string): boolean {
  return expressions.some(
    ({ kind, data }) =>
      kind === "immediate" && data?.data?.verdict?.code === code && data.data.verdict.chain === chain,
  );
}

/** Removes an attachment's jumps to `chain`, and the chain when no other is left. Absent is fine. */
export function removeFromNft(session: Session, family: Family, chain: string, isOwn: IsOwn): void {
  const netfilter = session.netfilter();
  const table = { family: family.nfproto, table: TABLE };
  const list = (name: string) =>
    netfilter
      .dump(`list chain ${name}`, getRule, { ...table, chain: name }, [ENOENT])
      // Old kernels do not filter.
      .filter((rule) => rule.table === TABLE && rule.chain === name);
  const found = (rules: readonly Rule[], offset: number): (FoundRule & { handle: bigint })[] =>
    rules.map((rule) => ({ handle: rule.handle!, prefix: readPrefix(rule, offset, family.bytes) }));
  const purpose = `remove chain ${chain} of table ${TABLE} (${family.program})`;
  for (let round = 0; round < ROUNDS; round++) {
    const query = { ...table, name: chain };
    if (netfilter.get(`look up chain ${chain}`, getChain, query, [ENOENT]) === undefined) return;
    const jumps = list(POSTROUTING).filter((rule) => hasVerdict(rule, NFT_JUMP, chain));
    const accepts = list(chain).filter((rule) => hasVerdict(rule, NF_ACCEPT));
    const own = selectOwn(found(jumps, family.saddr), found(accepts, family.daddr), isOwn);
    const batch = new Batch();
    for (const { handle } of own.jumps) batch.add(delRule, { ...table, chain: POSTROUTING, handle });
    if (own.isLast) batch.add(delRule, { ...table, chain }).add(delChain, query);
    else for (const { handle } of own.accepts) batch.add(delRule, { ...table, chain, handle });
    if (!own.isLast && own.jumps.length === 0) return;
    const { errno, extack } = batch.commit(netfilter);
    if (errno === 0 && own.isLast) return;
    // 0: look again, as the DEL of the container's other interface may have removed the other jump at the same time.
    // ENOENT: another DEL was faster. EBUSY: an ADD has made a jump since.
    if (errno !== 0 && errno !== ENOENT && errno !== EBUSY)
      throw new NetlinkError(errno, `cannot ${purpose}`, extack);
  }
  throw new CniError(Code.tryAgainLater, `cannot ${purpose}: it keeps changing`);
}
