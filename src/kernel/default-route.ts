// The default routes of the host's namespace, of both families.

import { EAFNOSUPPORT, ENODEV, ENOENT, EOPNOTSUPP } from "../errno.ts";
import { getDefaultRoute, type KernelRoute, RTN_UNICAST } from "../netlink/rtnetlink.ts";
import type { Session } from "./session.ts";

const AF_INET = 2;
const AF_INET6 = 10;

/**
 * The default routes of one family, those of a routing table or those through a link. The kernel selects by both before
 * it sends (Linux 4.20), as a host may have hundreds of thousands of routes elsewhere.
 */
function listOf(
  session: Session,
  family: number,
  filter: Pick<KernelRoute, "table32" | "oif">,
): KernelRoute[] {
  const query = { family, type: RTN_UNICAST, ...filter };
  // The table has never been used; no such link; no IPv6.
  const absent = [ENOENT, ENODEV, EOPNOTSUPP, EAFNOSUPPORT];
  return session
    .route("host")
    .dump("list default routes", getDefaultRoute, query, absent)
    .filter((route) => route !== undefined)
    .filter((route) => route.family === family && route.type === RTN_UNICAST);
}

/** The links of a route: several where it spreads its load. */
export function linksOf({ oif, multipath }: KernelRoute): number[] {
  const hops = (multipath ?? []).map(({ ifindex }) => ifindex!);
  return oif === undefined ? hops : [oif, ...hops];
}

/** The default routes in a table which the kernel prefers: for each family those of the lowest metric. */
export function preferredDefaultRoutes(session: Session, table: number): KernelRoute[] {
  return [AF_INET, AF_INET6].flatMap((family) => {
    const routes = listOf(session, family, { table32: table }).filter((route) => route.table32 === table);
    const metrics = routes.map(({ priority }) => priority ?? 0);
    const lowest = Math.min(...metrics);
    return routes.filter((_, index) => metrics[index] === lowest);
  });
}

/** Whether a default route in any table leads through a link. */
export function carriesDefaultRoute(session: Session, index: number): boolean {
  return [AF_INET, AF_INET6].some((family) =>
    listOf(session, family, { oif: index }).some((route) => linksOf(route).includes(index)),
  );
}
