// Routes and namespace ids: struct rtmsg, RTA_* and NETNSA_*, include/uapi/linux/{rtnetlink,net_namespace}.h.

import { attrs, body } from "./attributes.ts";
import { align, bytes, type Codec, type Infer, i32, struct, u8, u16, u32 } from "./codec.ts";
import { request } from "./message.ts";

export const RT_TABLE_UNSPEC = 0;
export const RT_TABLE_MAIN = 254;
export const RTPROT_BOOT = 3;
/** Learnt from a router advertisement. */
export const RTPROT_RA = 9;
export const RT_SCOPE_UNIVERSE = 0;
export const RTN_UNICAST = 1;
export const RTN_LOCAL = 2;
/** Multicast group of the announcements of IPv6 routes. */
export const RTNLGRP_IPV6_ROUTE = 11;

const rtnexthop = struct({ length: u16, flags: u8, hops: u8, ifindex: i32 });

/** A run of struct rtnexthop, each with attributes behind it that are not read. */
const nexthops: Codec<readonly { readonly ifindex?: number }[]> = {
  write(bytes, start, value) {
    let at = start;
    for (const { ifindex = 0 } of value) at = rtnexthop.write(bytes, at, { length: rtnexthop.size, ifindex });
    return at;
  },
  read(bytes, start, end) {
    const found: { ifindex?: number }[] = [];
    for (let at = start; at < end; ) {
      const { length = 0, ifindex } = rtnexthop.read(bytes, at, end);
      if (length < rtnexthop.size || length > end - at) {
        throw new RangeError(`rtnh_len ${length} is out of range [${rtnexthop.size}, ${end - at}]`);
      }
      found.push({ ifindex: ifindex! });
      at += align(length);
    }
    return found;
  },
};

export const route = body(
  struct({
    family: u8,
    dstLen: u8,
    srcLen: u8,
    tos: u8,
    table: u8,
    protocol: u8,
    scope: u8,
    type: u8,
    flags: u32,
  }),
  attrs({
    dst: [1, bytes], // RTA_DST
    oif: [4, u32], // RTA_OIF
    gateway: [5, bytes], // RTA_GATEWAY
    priority: [6, u32], // RTA_PRIORITY
    metrics: [8, attrs({ mtu: [2, u32], advmss: [8, u32] })], // RTA_METRICS: RTAX_MTU, RTAX_ADVMSS
    multipath: [9, nexthops], // RTA_MULTIPATH
    table32: [15, u32], // RTA_TABLE
  }),
);
export type KernelRoute = Infer<typeof route>;

export const newRoute = request("RTM_NEWROUTE", 24, route);
export const getRoute = request("RTM_GETROUTE", 26, route);

/** The routes of a dump that are default ones; of each other, as there can be very many, no more is read than that. */
export const getDefaultRoute = request("RTM_GETROUTE", 26, route, {
  read(bytes, start, end): KernelRoute | undefined {
    const dstLen = u8.read(bytes, start + 1, Math.min(start + 2, end));
    return dstLen === 0 ? route.read(bytes, start, end) : undefined;
  },
});

const rtgenmsg = struct({ family: u8, pad1: u8, pad2: u8, pad3: u8 });
const netnsId = body(
  rtgenmsg,
  attrs({
    nsid: [1, i32], // NETNSA_NSID
    fd: [3, u32], // NETNSA_FD
  }),
);
export const getNsid = request("RTM_GETNSID", 90, netnsId);
