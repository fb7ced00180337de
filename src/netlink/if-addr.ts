// Addresses: struct ifaddrmsg and IFA_* attributes, include/uapi/linux/if_addr.h.

import { attrs, body } from "./attributes.ts";
import { bytes, type Infer, struct, u8, u32 } from "./codec.ts";
import { request } from "./message.ts";

/** Usable at once, without duplicate address detection. */
export const IFA_F_NODAD = 0x02;
export const IFA_F_DADFAILED = 0x08;
export const IFA_F_TENTATIVE = 0x40;
/** Multicast group of announcements of IPv6 addresses. */
export const RTNLGRP_IPV6_IFADDR = 9;

const ifaddrmsg = struct({ family: u8, prefixlen: u8, flags: u8, scope: u8, index: u32 });
export const address = body(
  ifaddrmsg,
  attrs({
    address: [1, bytes], // IFA_ADDRESS
    local: [2, bytes], // IFA_LOCAL
    broadcast: [4, bytes], // IFA_BROADCAST
    flags32: [8, u32], // IFA_FLAGS
  }),
);
export type Address = Infer<typeof address>;

export const newAddr = request("RTM_NEWADDR", 20, address);
export const delAddr = request("RTM_DELADDR", 21, address);
export const getAddr = request("RTM_GETADDR", 22, address);
/** The same without flags and lifetimes. */
export const getPrefix = request(
  "RTM_GETADDR",
  22,
  address,
  body(ifaddrmsg, attrs({ address: [1, bytes], local: [2, bytes] })), // IFA_ADDRESS, IFA_LOCAL
);
