// Bridge ports and their VLANs: AF_BRIDGE messages, include/uapi/linux/if_bridge.h. Kept apart from if-link.ts because
// the kernel uses the same attribute numbers for other things there (IFLA_AF_SPEC).

import { attrs, body, list } from "./attributes.ts";
import { struct, u16, u32 } from "./codec.ts";
import { brport, ifinfomsg } from "./if-link.ts";
import { request } from "./message.ts";

export const AF_BRIDGE = 7;
/** VLAN_INFO flags: the VLAN of untagged packets that come in; it leaves untagged; the two ends of a range. */
export const BRIDGE_VLAN_INFO_PVID = 0x2;
export const BRIDGE_VLAN_INFO_UNTAGGED = 0x4;
export const BRIDGE_VLAN_INFO_RANGE_BEGIN = 0x8;
export const BRIDGE_VLAN_INFO_RANGE_END = 0x10;
/** IFLA_EXT_MASK: tell the VLANs of each port, runs of them as ranges. */
export const RTEXT_FILTER_BRVLAN_COMPRESSED = 0x4;

export const bridgePort = body(
  ifinfomsg,
  attrs({
    protinfo: [12, brport], // IFLA_PROTINFO
    afSpec: [26, list(2, struct({ flags: u16, vid: u16 }))], // IFLA_AF_SPEC, IFLA_BRIDGE_VLAN_INFO
    extMask: [29, u32], // IFLA_EXT_MASK
  }),
);

export const setBridgePort = request("RTM_SETLINK", 19, bridgePort);
/** Deletes what it names (VLANs), not the link. */
export const delBridgePort = request("RTM_DELLINK", 17, bridgePort);
export const getBridgePorts = request("RTM_GETLINK", 18, bridgePort);
