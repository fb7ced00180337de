// The VLANs of a bridge port. They go with the port: nothing to remove.

import {
  AF_BRIDGE,
  BRIDGE_VLAN_INFO_PVID,
  BRIDGE_VLAN_INFO_RANGE_BEGIN,
  BRIDGE_VLAN_INFO_RANGE_END,
  BRIDGE_VLAN_INFO_UNTAGGED,
  delBridgePort,
  getBridgePorts,
  RTEXT_FILTER_BRVLAN_COMPRESSED,
  setBridgePort,
} from "../netlink/if-bridge.ts";
import { newLink } from "../netlink/if-link.ts";
import type { Difference } from "./difference.ts";
import type { Session } from "./session.ts";

/** VLAN ids `first` to `last`, both included. */
export interface VlanRange {
  readonly first: number;
  readonly last: number;
}

export interface VlanStep {
  readonly kind: "vlan";
  readonly bridge: string;
  readonly port: string;
  /** Untagged packets belong to it; undefined: those of the bridge's default VLAN. */
  readonly access: number | undefined;
  /** Tagged VLANs, ascending. */
  readonly trunk: readonly VlanRange[];
  /** Leave the VLAN that the bridge gave the port at birth beside the wanted ones. */
  readonly preserveDefault: boolean;
}

interface VlanInfo {
  readonly flags: number;
  readonly vid: number;
}

function rangeInfo({ first, last }: VlanRange): VlanInfo[] {
  if (first === last) return [{ flags: 0, vid: first }];
  return [
    { flags: BRIDGE_VLAN_INFO_RANGE_BEGIN, vid: first },
    { flags: BRIDGE_VLAN_INFO_RANGE_END, vid: last },
  ];
}

/** A bridge that was made without VLAN filtering carries the tags but keeps nobody apart. */
function filter(session: Session, bridge: string): number {
  const link = session.wholeLink("host", bridge);
  const data = link.linkinfo?.kind === "bridge" ? link.linkinfo.data : undefined;
  if (data?.vlanFiltering !== 1) {
    session.warnings.push(`bridge "${bridge}" existed without VLAN filtering; it is switched on`);
    const change = { index: link.index!, linkinfo: { kind: "bridge", data: { vlanFiltering: 1 } } } as const;
    session.route("host").ack(`switch on VLAN filtering of bridge "${bridge}"`, newLink, change);
  }
  return data?.vlanDefaultPvid ?? 1;
}

export function apply(session: Session, step: VlanStep): void {
  const { access, trunk } = step;
  const defaultPvid = filter(session, step.bridge);
  const port = { family: AF_BRIDGE, index: session.index("host", step.port) };
  const socket = session.route("host");
  if (!step.preserveDefault && defaultPvid !== 0) {
    const afSpec = [{ flags: 0, vid: defaultPvid }];
    socket.ack(`remove VLAN ${defaultPvid} from ${step.port}`, delBridgePort, { ...port, afSpec });
  }
  // The native VLAN of a trunk without an access VLAN is 1, as the reference has it; it comes last and wins over a
  // tagged 1.
  const untagged = { flags: BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, vid: access ?? 1 };
  const tagged = trunk.flatMap(rangeInfo);
  const afSpec = access === undefined ? [...tagged, untagged] : [untagged, ...tagged];
  socket.ack(`set the VLANs of ${step.port}`, setBridgePort, { ...port, afSpec });
}

/** Each VLAN of a port with its flags; ranges spelt out. */
function readVlans(session: Session, index: number): Map<number, number> {
  const query = { family: AF_BRIDGE, extMask: RTEXT_FILTER_BRVLAN_COMPRESSED };
  const ports = session.route("host").dump("list the VLANs of bridge ports", getBridgePorts, query);
  const vlans = new Map<number, number>();
  let begin: number | undefined;
  for (const { flags, vid } of ports.find((port) => port.index === index)?.afSpec ?? []) {
    if (flags! & BRIDGE_VLAN_INFO_RANGE_BEGIN) begin = vid!;
    else {
      for (let each = begin ?? vid!; each <= vid!; each++) vlans.set(each, flags!);
      begin = undefined;
    }
  }
  return vlans;
}

export function verify(session: Session, step: VlanStep): Difference[] {
  const link = session.findLink("host", step.port);
  if (link === undefined) return [{ what: `VLANs of ${step.port}`, expected: "a port", found: "none" }];
  const vlans = readVlans(session, link.index!);
  const differences: Difference[] = [];
  const access = step.access ?? 1;
  if (((vlans.get(access) ?? 0) & BRIDGE_VLAN_INFO_PVID) === 0) {
    const found = [...vlans].find(([, flags]) => flags & BRIDGE_VLAN_INFO_PVID)?.[0] ?? "none";
    differences.push({ what: `untagged VLAN of ${step.port}`, expected: `${access}`, found: `${found}` });
  }
  for (const { first, last } of step.trunk) {
    for (let vid = first; vid <= last; vid++) {
      if (vlans.has(vid)) continue;
      differences.push({ what: `VLANs of ${step.port}`, expected: `${vid}`, found: "not a member" });
    }
  }
  return differences;
}
