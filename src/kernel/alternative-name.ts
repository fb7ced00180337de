// The derived name of an attachment, given as a second name to a host's end that is called otherwise: whoever looks the
// derived name up finds it, and no other link can be taken for it. It goes with the link.

import { EINVAL, EOPNOTSUPP } from "../errno.ts";
import { NetlinkError } from "../errors.ts";
import { newLinkProp } from "../netlink/if-link.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import type { Session } from "./session.ts";

export interface AlternativeNameStep {
  readonly kind: "alternative-name";
  readonly link: string;
  readonly name: string;
}

export function apply(session: Session, { link, name }: AlternativeNameStep): void {
  const change = { index: session.index("host", link), propList: [name] };
  const { errno, extack } = session.route("host").try(newLinkProp, change, NLM_F_CREATE | NLM_F_EXCL);
  // Before Linux 5.5 there are none: the record and the container's end lead to the link.
  if (errno === 0 || errno === EOPNOTSUPP || errno === EINVAL) return;
  throw new NetlinkError(errno, `cannot give ${link} the second name ${name}`, extack);
}

/** It helps DEL, and is no part of what the container was given. */
export function verify(): [] {
  return [];
}
