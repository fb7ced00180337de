// What the captured requests of ip and bridge say.

import * as ifAddr from "../../src/netlink/if-addr.ts";
import * as ifBridge from "../../src/netlink/if-bridge.ts";
import * as ifLink from "../../src/netlink/if-link.ts";
import { NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from "../../src/netlink/message.ts";
import * as rtnetlink from "../../src/netlink/rtnetlink.ts";
import { type Case, ip, mac, sends } from "./captures.ts";

const create = NLM_F_CREATE | NLM_F_EXCL;
const ALTNAME = create | NLM_F_APPEND;

// Left to right as the command says it.
export const rtnetlinkRequests: readonly Case[] = [
  sends(
    "bridge-add",
    ifLink.newLink,
    {
      flags: ifLink.IFF_UP,
      change: ifLink.IFF_UP,
      address: mac("02:00:00:00:00:01"),
      ifname: "br0",
      mtu: 1400,
      linkinfo: { kind: "bridge" },
    },
    NLM_F_ACK | create,
    "alike",
  ),
  sends(
    "bridge-add-options",
    ifLink.newLink,
    {
      ifname: "br1",
      linkinfo: { kind: "bridge", data: { vlanFiltering: 1, groupFwdMask: 0xfff8, vlanDefaultPvid: 5 } },
    },
    NLM_F_ACK | create,
    "alike",
  ),
  sends(
    "veth-add",
    ifLink.newLink,
    {
      flags: ifLink.IFF_UP,
      change: ifLink.IFF_UP,
      address: mac("02:00:00:00:00:02"),
      ifname: "host0",
      mtu: 1400,
      master: 2,
      linkinfo: {
        kind: "veth",
        data: { peer: { address: mac("02:00:00:00:00:03"), ifname: "eth0", mtu: 1400, netNsFd: 4 } },
      },
    },
    NLM_F_ACK | create,
    "alike",
  ),
  sends("link-set-master", ifLink.newLink, { index: 3, master: 2 }, NLM_F_ACK, "same"),
  sends(
    "link-set-up",
    ifLink.newLink,
    { index: 3, flags: ifLink.IFF_UP, change: ifLink.IFF_UP },
    NLM_F_ACK,
    "same",
  ),
  sends(
    "link-set-promisc",
    ifLink.newLink,
    { index: 2, flags: ifLink.IFF_PROMISC, change: ifLink.IFF_PROMISC },
    NLM_F_ACK,
    "same",
  ),
  sends("link-get", ifLink.getLink, { family: 17, ifname: "br0", extMask: 1 }, 0, "same"),
  sends("link-delete", ifLink.delLink, { index: 3 }, NLM_F_ACK, "same"),
  sends(
    "port-hairpin",
    ifBridge.setBridgePort,
    { family: ifBridge.AF_BRIDGE, index: 3, protinfo: { mode: 1 } },
    NLM_F_ACK,
    "same",
  ),
  sends(
    "port-isolated",
    ifBridge.setBridgePort,
    { family: ifBridge.AF_BRIDGE, index: 3, protinfo: { isolated: 1 } },
    NLM_F_ACK,
    "same",
  ),
  sends(
    "port-vlan",
    ifBridge.setBridgePort,
    {
      family: ifBridge.AF_BRIDGE,
      index: 3,
      afSpec: [{ flags: ifBridge.BRIDGE_VLAN_INFO_PVID | ifBridge.BRIDGE_VLAN_INFO_UNTAGGED, vid: 10 }],
    },
    NLM_F_ACK,
    "alike",
  ),
  sends(
    "port-vlan-range",
    ifBridge.setBridgePort,
    {
      family: ifBridge.AF_BRIDGE,
      index: 3,
      afSpec: [
        { flags: ifBridge.BRIDGE_VLAN_INFO_RANGE_BEGIN, vid: 20 },
        { flags: ifBridge.BRIDGE_VLAN_INFO_RANGE_END, vid: 29 },
      ],
    },
    NLM_F_ACK,
    "alike",
  ),
  sends(
    "port-vlan-delete",
    ifBridge.delBridgePort,
    { family: ifBridge.AF_BRIDGE, index: 3, afSpec: [{ flags: 0, vid: 10 }] },
    NLM_F_ACK,
    "alike",
  ),
  sends("altname-add", ifLink.newLinkProp, { index: 2, propList: ["other"] }, NLM_F_ACK | ALTNAME, "same"),
  sends("nsid-get", rtnetlink.getNsid, { fd: 6 }, 0, "same"),
  sends(
    "address-add-v4",
    ifAddr.newAddr,
    {
      family: 2,
      prefixlen: 16,
      index: 2,
      local: ip("10.22.0.5"),
      address: ip("10.22.0.5"),
      broadcast: ip("10.22.255.255"),
    },
    NLM_F_ACK | create,
    "alike",
  ),
  sends(
    "address-add-v6",
    ifAddr.newAddr,
    {
      family: 10,
      prefixlen: 64,
      flags: ifAddr.IFA_F_NODAD,
      index: 2,
      local: ip("fd00::5"),
      address: ip("fd00::5"),
    },
    NLM_F_ACK | create,
    "alike",
  ),
  sends(
    "address-delete",
    ifAddr.delAddr,
    { family: 2, prefixlen: 16, index: 2, local: ip("10.22.0.5"), address: ip("10.22.0.5") },
    NLM_F_ACK,
    "alike",
  ),
  sends(
    "route-add-v4",
    rtnetlink.newRoute,
    {
      family: 2,
      dstLen: 16,
      table: rtnetlink.RT_TABLE_UNSPEC,
      protocol: rtnetlink.RTPROT_BOOT,
      scope: rtnetlink.RT_SCOPE_UNIVERSE,
      type: rtnetlink.RTN_UNICAST,
      dst: ip("10.1.0.0"),
      gateway: ip("10.22.0.1"),
      oif: 2,
      priority: 5,
      metrics: { mtu: 1400, advmss: 1300 },
      table32: 1000,
    },
    NLM_F_ACK | create,
    "alike",
  ),
  sends(
    "route-add-v6",
    rtnetlink.newRoute,
    {
      family: 10,
      dstLen: 0,
      table: rtnetlink.RT_TABLE_MAIN,
      protocol: rtnetlink.RTPROT_BOOT,
      scope: rtnetlink.RT_SCOPE_UNIVERSE,
      type: rtnetlink.RTN_UNICAST,
      dst: ip("::"),
      gateway: ip("fd00::1"),
      oif: 2,
    },
    NLM_F_ACK | create,
    "alike",
  ),
  sends(
    "route-add-scope-link",
    rtnetlink.newRoute,
    {
      family: 2,
      dstLen: 16,
      table: 100,
      protocol: rtnetlink.RTPROT_BOOT,
      scope: 253, // RT_SCOPE_LINK
      type: rtnetlink.RTN_UNICAST,
      dst: ip("10.2.0.0"),
      oif: 2,
    },
    NLM_F_ACK | create,
    "same",
  ),
];
