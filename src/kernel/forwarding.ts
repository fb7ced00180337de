// Forwarding in the host's namespace, for a network with a gateway. Shared, never switched off again.

import { getRoute, RTPROT_RA } from "../netlink/rtnetlink.ts";
import type { Difference } from "./difference.ts";
import type { Session } from "./session.ts";
import * as sysctl from "./sysctl.ts";

export interface ForwardingStep {
  readonly kind: "forwarding";
  readonly family: "ipv4" | "ipv6";
}

const AF_INET6 = 10;

function stepOf({ family }: ForwardingStep): sysctl.SysctlStep {
  const key = family === "ipv4" ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
  return { kind: "sysctl", where: "host", key, value: "1", required: true };
}

/**
 * A host that forwards ignores router advertisements (Documentation/networking/ip-sysctl.rst, accept_ra) and would lose
 * its own default route when it expires. An uplink that lives by them is told to go on: accept_ra 2.
 */
function keepRouterAdvertisements(session: Session): void {
  const routes = session.route("host").dump("list IPv6 routes", getRoute, { family: AF_INET6 });
  const advertised = routes.filter((route) => route.protocol === RTPROT_RA);
  for (const index of new Set(advertised.map((route) => route.oif))) {
    const name = index === undefined ? undefined : session.findLinkByIndex("host", index)?.ifname;
    if (name === undefined) continue;
    const key = `net/ipv6/conf/${name}/accept_ra`;
    if (sysctl.readSysctl(session, "host", key) !== "1") continue;
    sysctl.apply(session, { kind: "sysctl", where: "host", key, value: "2", required: false });
  }
}

export function apply(session: Session, step: ForwardingStep): void {
  const { key } = stepOf(step);
  if (step.family === "ipv6" && sysctl.readSysctl(session, "host", key) === "0")
    keepRouterAdvertisements(session);
  sysctl.apply(session, stepOf(step));
}

export function verify(session: Session, step: ForwardingStep): Difference[] {
  return sysctl.verify(session, stepOf(step));
}
