// Removing the chains of a network that no container's element leads to any more: those of a subnet or of options that its
// configuration no longer has. The kernel decides: it deletes no chain that is in use (EBUSY), whoever comes between.

import { EBUSY, ENOENT } from "../errno.ts";
import { NetlinkError } from "../errors.ts";
import { Batch } from "../netlink/nf-batch.ts";
import { delChain, getChain, NFPROTO_INET } from "../netlink/nf-tables.ts";
import { commentText } from "./element-owner.ts";
import { chainCommentStart, TABLE } from "./masquerade-chain.ts";
import type { Session } from "./session.ts";

export function removeUnusedChains(session: Session, networkName: string): void {
  const netfilter = session.netfilter();
  const chains = netfilter
    .dump(`list the chains of table inet ${TABLE}`, getChain, { family: NFPROTO_INET })
    .filter(({ table }) => table === TABLE)
    .filter(({ userdata }) => commentText(session.host, userdata).startsWith(chainCommentStart(networkName)));
  for (const { table, name } of chains) {
    // Its rules go with it.
    const batch = new Batch().add(delChain, { family: NFPROTO_INET, table: table!, name: name! });
    const { errno, extack } = batch.commit(netfilter);
    if (errno === 0 || errno === EBUSY || errno === ENOENT) continue;
    throw new NetlinkError(errno, `cannot delete chain ${name} of table inet ${TABLE}`, extack);
  }
}
