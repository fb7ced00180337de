// Links: struct ifinfomsg and IFLA_* attributes, include/uapi/linux/if_link.h and rtnetlink.h.

import { attrs, behind, body, list, tagged } from "./attributes.ts";
import { bytes, get32, type Infer, i32, str, struct, u8, u16, u32 } from "./codec.ts";
import { type Message, request } from "./message.ts";

export const AF_UNSPEC = 0;
export const IFF_UP = 0x1;
export const IFF_PROMISC = 0x100;
/** IFLA_OPERSTATE, RFC 2863: packets pass. */
export const IF_OPER_UP = 6;
/** Words of RFC 2863 for IFLA_OPERSTATE, by number. */
export const operstates = [
  "unknown",
  "not-present",
  "down",
  "lower-layer-down",
  "testing",
  "dormant",
  "up",
] as const;
/** Multicast group of link announcements: RTNLGRP_LINK. */
export const RTNLGRP_LINK = 1;

export const ifinfomsg = struct({ family: u8, pad: u8, type: u16, index: i32, flags: u32, change: u32 });

/** What a pair's two ends are given at birth. */
const common = {
  address: [1, bytes], // IFLA_ADDRESS
  ifname: [3, str], // IFLA_IFNAME
  mtu: [4, u32], // IFLA_MTU
  netNsFd: [28, u32], // IFLA_NET_NS_FD
  numTxQueues: [31, u32], // IFLA_NUM_TX_QUEUES
  numRxQueues: [32, u32], // IFLA_NUM_RX_QUEUES
} as const;

/** A bridge port's settings: in IFLA_PROTINFO and IFLA_INFO_SLAVE_DATA alike. */
export const brport = attrs({
  mode: [4, u8], // IFLA_BRPORT_MODE: hairpin
  isolated: [33, u8], // IFLA_BRPORT_ISOLATED
});

export const link = body(
  ifinfomsg,
  attrs({
    ...common,
    link: [5, u32], // IFLA_LINK: ifindex of the other end, in its own namespace
    master: [10, u32], // IFLA_MASTER
    operstate: [16, u8], // IFLA_OPERSTATE
    linkinfo: [
      18, // IFLA_LINKINFO
      // IFLA_INFO_KIND, IFLA_INFO_DATA
      tagged(1, 2, {
        veth: attrs({ peer: [1, body(ifinfomsg, attrs(common))] }), // VETH_INFO_PEER
        bridge: attrs({
          vlanFiltering: [7, u8], // IFLA_BR_VLAN_FILTERING
          groupFwdMask: [9, u16], // IFLA_BR_GROUP_FWD_MASK
          vlanDefaultPvid: [39, u16], // IFLA_BR_VLAN_DEFAULT_PVID
        }),
      }),
    ],
    // IFLA_LINKINFO once more: IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA
    slaveinfo: [18, attrs({ kind: [4, str], data: [5, brport] })],
    linkNetnsid: [37, i32], // IFLA_LINK_NETNSID
  }),
);
export type Link = Infer<typeof link>;

/** What names a link, or the links of a dump: those of a bridge. */
const query = body(
  ifinfomsg,
  attrs({
    ifname: common.ifname,
    master: [10, u32], // IFLA_MASTER
    extMask: [29, u32], // IFLA_EXT_MASK
  }),
);
export type LinkQuery = Infer<typeof query>;

export const newLink = request("RTM_NEWLINK", 16, link);
export const delLink = request("RTM_DELLINK", 17, link);
export const getLink = request("RTM_GETLINK", 18, query, link);

/** What is mostly asked of a bridge. IFLA_LINKINFO stands at three quarters of a link's message: what follows is not read. */
const device = body(
  ifinfomsg,
  attrs({
    address: common.address,
    ifname: common.ifname,
    mtu: common.mtu,
    linkinfo: [18, attrs({ kind: [1, str] })], // IFLA_LINKINFO, IFLA_INFO_KIND
  }),
);
export type Device = Infer<typeof device>;
export const getDevice = request("RTM_GETLINK", 18, query, device);

/**
 * What IPv4 keeps of an interface, as it is set. The kernel tells of it in another layout (inet_fill_link_af in
 * net/ipv4/devinet.c).
 */
const inetConf = attrs({ arpNotify: [22, u32] }); // IPV4_DEVCONF_ARP_NOTIFY
const linkInet = body(
  ifinfomsg,
  // IFLA_AF_SPEC, AF_INET, IFLA_INET_CONF
  attrs({ afSpec: [26, attrs({ inet: [2, attrs({ conf: [1, inetConf] })] })] }),
);
/** Changes a link and what IPv4 keeps of it. */
export const newLinkInet = request("RTM_NEWLINK", 16, linkInet);

/** What stands at the beginning of a link's message: reading the rest of it takes fifty times as long. */
export const linkHead = behind(ifinfomsg, attrs({ ifname: common.ifname, operstate: [16, u8] })); // IFLA_OPERSTATE
export const getLinkHead = request("RTM_GETLINK", 18, query, linkHead);

/** The link that an announcement is about; undefined for one of another family, as AF_BRIDGE tells of ports. */
export function announcedLink({ bytes, start, end }: Message): number | undefined {
  if (end - start < ifinfomsg.size) throw new RangeError(`${end - start} bytes where a link was expected`);
  return bytes[start] === AF_UNSPEC ? get32(bytes, start + 4) : undefined;
}

/** Names that a link has beside its own; a look-up by name finds it under each (Linux 5.5). */
const linkNames = body(
  ifinfomsg,
  attrs({
    propList: [52, list(53, str)], // IFLA_PROP_LIST, IFLA_ALT_IFNAME
  }),
);
/** Adds names to a link. */
export const newLinkProp = request("RTM_NEWLINKPROP", 108, linkNames);
