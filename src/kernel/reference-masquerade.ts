// What the reference's nftables backend leaves of an attachment: rules of table inet cni_plugins_masquerade, chain
// masq_checks, one per address, known by their comment (pkg/ip/ipmasq_nftables_linux.go of containernetworking/plugins).
// Table and chains stay, as they do after the reference's own DEL.

import { ENOENT } from "../errno.ts";
import { CniError, Code, NetlinkError } from "../errors.ts";
import type { AttachmentId } from "../net/names.ts";
import { Batch } from "../netlink/nf-batch.ts";
import { delRule, getRule, NFPROTO_INET } from "../netlink/nf-tables.ts";
import { isOwnedBy } from "./element-owner.ts";
import type { Session } from "./session.ts";

const TABLE = "cni_plugins_masquerade";
const CHAIN = "masq_checks";
/** Each round has lost against another process that deleted one of the same rules. */
const ROUNDS = 50;

/** Removes the rules; absent is fine. The chain is read whole, which is paid only while containers of the reference live. */
export function removeReferenceRules(session: Session, owner: AttachmentId): void {
  const netfilter = session.netfilter();
  const chain = { family: NFPROTO_INET, table: TABLE, chain: CHAIN };
  for (let round = 0; round < ROUNDS; round++) {
    const rules = netfilter
      .dump(`list chain ${CHAIN}`, getRule, chain, [ENOENT])
      // Old kernels do not filter.
      .filter(({ table, chain: name }) => table === TABLE && name === CHAIN);
    const batch = new Batch();
    const own = rules.filter(({ userdata }) => isOwnedBy(session.host, userdata, owner));
    if (own.length === 0) return;
    // Handles are not used twice, so that no other's rule can be hit.
    for (const { handle } of own) batch.add(delRule, { ...chain, handle: handle! });
    const { errno, extack } = batch.commit(netfilter);
    if (errno === 0) return;
    if (errno !== ENOENT) throw new NetlinkError(errno, `cannot delete rules of chain ${CHAIN}`, extack);
  }
  throw new CniError(Code.tryAgainLater, `cannot delete rules of chain ${CHAIN}: it keeps changing`);
}
