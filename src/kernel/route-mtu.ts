// The MTU of what leaves the host: `mtu: "auto"`. Only the main table counts: those of VRFs and of policy rules lead
// elsewhere, and their default routes say nothing of the host's own.

import { RT_TABLE_MAIN } from "../netlink/rtnetlink.ts";
import { linksOf, preferredDefaultRoutes } from "./default-route.ts";
import type { Session } from "./session.ts";

/**
 * The smallest MTU of the interfaces that the host's default routes of both families lead through, or that a route
 * itself names; undefined where there is no default route.
 */
export function defaultRouteMtu(session: Session): number | undefined {
  const mtus = preferredDefaultRoutes(session, RT_TABLE_MAIN).flatMap((route) => [
    route.metrics?.mtu,
    ...linksOf(route).map((index) => session.findLinkByIndex("host", index)?.mtu),
  ]);
  const known = mtus.filter((mtu) => mtu !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
