// What IPAM's answer means on this network: each address's gateway, the gateway addresses of the bridge, the routes.

import type { IpConfig, Result, Route } from "../cni/result.ts";
import { nameIp, namePrefix, network, nextIp, type Prefix, parseIp, parsePrefix } from "../net/ip.ts";
import type { Config } from "./config.ts";

/** Place of the container's interface in `interfaces` of a result: bridge, host veth, container. */
export const CONTAINER_INTERFACE = 2;

export interface Routing {
  readonly ips: readonly IpConfig[];
  readonly routes: readonly Route[];
  /** Addresses with prefix that the bridge gets. */
  readonly gateways: readonly string[];
}

function isDefault({ dst }: Route, bytes: number): boolean {
  const prefix = parsePrefix(dst)!;
  return prefix.length === 0 && prefix.ip.length === bytes;
}

function prefixOf({ address }: IpConfig): Prefix {
  return parsePrefix(address)!;
}

/** The first address of a subnet after its own, which a gateway has unless IPAM names another. */
function firstAddress(prefix: Prefix): string {
  return nameIp(nextIp(network(prefix)));
}

/**
 * The routes with a default route per family through the first gateway of that family. A default route that is there
 * already but names no gateway is completed; one with a gateway is left alone.
 */
function withDefaultRoutes(routes: readonly Route[], ips: readonly IpConfig[]): Route[] {
  const result = routes.map((route) => ({ ...route }));
  for (const [bytes, dst] of [
    [4, "0.0.0.0/0"],
    [16, "::/0"],
  ] as const) {
    const gw = ips.find((ip) => ip.gateway !== undefined && parseIp(ip.gateway)!.length === bytes)?.gateway;
    if (gw === undefined) continue;
    const present = result.filter((route) => isDefault(route, bytes));
    if (present.length === 0) result.push({ dst, gw });
    else if (!present.some((route) => route.gw !== undefined)) present[0]!.gw = gw;
  }
  return result;
}

/** Routes that are the same in every field are one: the kernel takes the second for an error. */
function distinct(routes: readonly Route[]): readonly Route[] {
  if (routes.length < 2) return routes;
  return [...new Map(routes.map((route) => [JSON.stringify(Object.entries(route).sort()), route])).values()];
}

export function planRouting(config: Config, ipam: Result): Routing {
  const ips = ipam.ips.map(({ address, gateway }) => {
    const known = gateway ?? (config.isGateway ? firstAddress(parsePrefix(address)!) : undefined);
    return { interface: CONTAINER_INTERFACE, address, ...(known === undefined ? {} : { gateway: known }) };
  });
  const gateways = config.isGateway
    ? ips.map((ip) => namePrefix({ ip: parseIp(ip.gateway!)!, length: prefixOf(ip).length }))
    : [];
  const routes = config.isDefaultGateway ? withDefaultRoutes(ipam.routes, ips) : ipam.routes;
  return { ips, routes: distinct(routes), gateways: [...new Set(gateways)] };
}

/** The gateway of a route: its own, else the first of its family among the addresses, else none. */
export function gatewayOf(route: Route, ips: readonly IpConfig[]): string | undefined {
  if (route.gw !== undefined) return route.gw;
  const bytes = parsePrefix(route.dst)!.ip.length;
  return ips.find((ip) => ip.gateway !== undefined && parseIp(ip.gateway)!.length === bytes)?.gateway;
}
