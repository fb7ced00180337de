// The local route of an IPv6 address, without which the kernel drops what is sent there. A work item makes it and joins
// the group at which others solicit the address (addrconf_dad_work in net/ipv6/addrconf.c), some time after the address
// was added, also where duplicates are not looked for. On a busy machine that is after the link is up: the answer to the
// container's first neighbour solicitation would be dropped, and its first packet wait a second for the next.

import { EHOSTUNREACH, ENETUNREACH } from "../errno.ts";
import { parsePrefix } from "../net/ip.ts";
import { getRoute, RTN_LOCAL, RTNLGRP_IPV6_ROUTE } from "../netlink/rtnetlink.ts";
import { NETLINK_ROUTE, Socket } from "../netlink/socket.ts";
import type { Session, Where } from "./session.ts";

export interface LocalRouteStep {
  readonly kind: "local-route";
  readonly where: Where;
  readonly link: string;
  /** With prefix, such as "fd00::5/64". */
  readonly address: string;
}

/** rtnl, which the work item needs, may be busy with others. */
const DEADLINE_MS = 5_000;
const AF_INET6 = 10;
const HOST_ROUTE = 128;

/** Whether the kernel takes what is sent to the address for its own. */
function isLocal(session: Session, { where, link, address }: LocalRouteStep): boolean {
  const query = {
    family: AF_INET6,
    dstLen: HOST_ROUTE,
    dst: parsePrefix(address)!.ip,
    // A link of a VRF has its routes in another table.
    oif: session.index(where, link),
  };
  const purpose = `look up the route to ${address} (${where})`;
  const found = session.route(where).get(purpose, getRoute, query, [ENETUNREACH, EHOSTUNREACH]);
  return found?.type === RTN_LOCAL;
}

export function apply(session: Session, step: LocalRouteStep): void {
  // Most often it is there, and nothing has to be listened to.
  if (isLocal(session, step)) return;
  const { host } = session;
  const deadline = host.monotonic() + DEADLINE_MS;
  const announcements = Socket.listen(host, session.netns(step.where), NETLINK_ROUTE, RTNLGRP_IPV6_ROUTE);
  try {
    // Asked again after each announcement, and first of all after the listening has begun.
    while (!isLocal(session, step)) {
      if (announcements.announced(deadline - host.monotonic()) !== undefined) continue;
      session.warnings.push(`${step.address} of ${step.link} (${step.where}) has no local route yet`);
      return;
    }
  } finally {
    announcements.close();
  }
}

/** It comes and goes with the address, which is verified. */
export function verify(): [] {
  return [];
}
