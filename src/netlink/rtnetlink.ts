// Routes and namespace ids: struct rtmsg, RTA_* and NETNSA_*, include/uapi/linux/{rtnetlink,net_namespace}.h.

import { attrs, body, bytes, type Infer, i32, struct, u8, u32 } from "./codec.ts";
import { request } from "./message.ts";

export const RT_TABLE_UNSPEC = 0;
export const RT_TABLE_MAIN = 254;
export const RTPROT_BOOT = 3;
/** Learnt from a router advertisement. */
export const RTPROT_RA = 9;
export const RT_SCOPE_UNIVERSE = 0;
export const RT_SCOPE_LINK = 253;
export const RTN_UNICAST = 1;

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
    table32: [15, u32], // RTA_TABLE
  }),
);
export type KernelRoute = Infer<typeof route>;

export const newRoute = request("RTM_NEWROUTE", 24, route);
export const getRoute = request("RTM_GETROUTE", 26, route);

const rtgenmsg = struct({ family: u8, pad1: u8, pad2: u8, pad3: u8 });
export const netnsId = body(
  rtgenmsg,
  attrs({
    nsid: [1, i32], // NETNSA_NSID
    fd: [3, u32], // NETNSA_FD
  }),
);
export const getNsid = request("RTM_GETNSID", 90, netnsId);
