// The elements of the masquerade table: which addresses leave the node as the node's own, and whose they say they are.

import { EINVAL, ENOENT, EOPNOTSUPP } from "../errno.ts";
import { commentText } from "../kernel/element-owner.ts";
import { TABLE } from "../kernel/masquerade-chain.ts";
import { maps } from "../kernel/masquerade-rules.ts";
import type { Session } from "../kernel/session.ts";
import { formatIp } from "../net/ip.ts";
import { getSetElem, NFPROTO_INET } from "../netlink/nf-tables.ts";

export interface MasqueradeElement {
  readonly address: string;
  /** `net: NETWORK, if: IFNAME, id: CONTAINER`, behind two hashes. */
  readonly owner: string;
  readonly chain: string;
}

/** Every element; none where there is no such table, or no nf_tables. */
export function listElements(session: Session): MasqueradeElement[] {
  if (!session.openNetfilter()) return [];
  return maps.flatMap((set) => {
    const query = { family: NFPROTO_INET, table: TABLE, set };
    const lists = session.netfilter().dump(`list ${set}`, getSetElem, query, [ENOENT, EOPNOTSUPP, EINVAL]);
    return lists
      .flatMap(({ elements }) => elements ?? [])
      .map(({ key, data, userdata }) => ({
        address: formatIp(key!.value!),
        owner: commentText(session.host, userdata),
        chain: data?.verdict?.chain ?? "",
      }));
  });
}
