// A route in the container's namespace. Nothing to remove: it goes with the veth pair.

import { NetlinkError } from "../errors.ts";
import { equalIp, network, parseIp, parsePrefix } from "../net/ip.ts";
import { NLM_F_CREATE } from "../netlink/message.ts";
import {
  getRoute,
  type KernelRoute,
  newRoute,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RT_TABLE_UNSPEC,
  RTN_UNICAST,
  RTPROT_BOOT,
} from "../netlink/rtnetlink.ts";
import { family } from "./address.ts";
import type { Difference } from "./difference.ts";
import type { Session } from "./session.ts";

export interface RouteStep {
  readonly kind: "route";
  readonly ifname: string;
  /** With prefix, such as "0.0.0.0/0". */
  readonly dst: string;
  /** Undefined: the destination is on the link itself. */
  readonly gw: string | undefined;
  readonly mtu: number | undefined;
  readonly advmss: number | undefined;
  readonly priority: number | undefined;
  readonly table: number | undefined;
  readonly scope: number | undefined;
}

/** `default via 10.22.0.1 dev eth0`, as ip(8) writes it. */
export function formatRoute(step: RouteStep): string {
  const via = step.gw === undefined ? "" : ` via ${step.gw}`;
  const extra = (["mtu", "advmss", "priority", "table", "scope"] as const)
    .filter((key) => step[key] !== undefined)
    .map((key) => ` ${key === "priority" ? "metric" : key} ${step[key]}`);
  return `${step.dst}${via} dev ${step.ifname}${extra.join("")}`;
}

/** The route as the kernel knows it, without what it does not keep apart. */
function encode(step: RouteStep, oif: number): KernelRoute {
  const dst = parsePrefix(step.dst)!;
  const table = step.table || RT_TABLE_MAIN;
  const metrics = {
    ...(step.mtu ? { mtu: step.mtu } : {}),
    ...(step.advmss ? { advmss: step.advmss } : {}),
  };
  return {
    family: family(dst.ip),
    dstLen: dst.length,
    table: table < 256 ? table : RT_TABLE_UNSPEC,
    protocol: RTPROT_BOOT,
    scope: step.scope ?? RT_SCOPE_UNIVERSE,
    type: RTN_UNICAST,
    ...(dst.length > 0 ? { dst: network(dst) } : {}),
    oif,
    ...(step.gw === undefined ? {} : { gateway: parseIp(step.gw)! }),
    ...(step.priority ? { priority: step.priority } : {}),
    ...(Object.keys(metrics).length > 0 ? { metrics } : {}),
    ...(table < 256 ? {} : { table32: table }),
  };
}

export function apply(session: Session, step: RouteStep): void {
  const wanted = encode(step, session.index("container", step.ifname));
  // Without NLM_F_EXCL, as the reference: a second route to the same place stands beside the first.
  const { errno, extack } = session.route("container").try(newRoute, wanted, NLM_F_CREATE);
  if (errno !== 0) throw new NetlinkError(errno, `cannot add route ${formatRoute(step)} (container)`, extack);
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalIp(a, b);
}

/** Whether a route that is there is the wanted one. */
function fits(there: KernelRoute, wanted: KernelRoute): boolean {
  const metrics = wanted.metrics ?? {};
  return (
    there.dstLen === wanted.dstLen &&
    sameBytes(there.dst, wanted.dst) &&
    there.oif === wanted.oif &&
    (there.table32 ?? there.table) === (wanted.table32 ?? wanted.table) &&
    (wanted.gateway === undefined || sameBytes(there.gateway, wanted.gateway)) &&
    // IPv6 gives every route a priority of its own and knows no scope.
    (wanted.priority === undefined || there.priority === wanted.priority) &&
    (metrics.mtu === undefined || there.metrics?.mtu === metrics.mtu) &&
    (metrics.advmss === undefined || there.metrics?.advmss === metrics.advmss)
  );
}

export function verify(session: Session, step: RouteStep): Difference[] {
  const what = "route in the container";
  const link = session.findLink("container", step.ifname);
  if (link === undefined) return [{ what, expected: formatRoute(step), found: `no ${step.ifname}` }];
  const wanted = encode(step, link.index!);
  const there = session
    .route("container")
    .dump("list routes (container)", getRoute, { family: wanted.family! });
  return there.some((each) => fits(each, wanted))
    ? []
    : [{ what, expected: formatRoute(step), found: "none" }];
}
