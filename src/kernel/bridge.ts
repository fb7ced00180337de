// The bridge device: made when absent, shared by every attachment of the network, never removed.
// Its MAC is given at creation, so that neither its ports nor udev's MACAddressPolicy change it later.

import { EEXIST } from "../errno.ts";
import { CniError, Code, NetlinkError } from "../errors.ts";
import { parseMac } from "../net/mac.ts";
import { type Device, IFF_PROMISC, IFF_UP, newLink } from "../netlink/if-link.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import type { Difference } from "./difference.ts";
import type { Session } from "./session.ts";

export interface BridgeStep {
  readonly kind: "bridge";
  readonly name: string;
  /** For a bridge that is made; one that exists keeps its own. */
  readonly mac: string;
  /** For a bridge that is made; undefined leaves it to the kernel. */
  readonly mtu?: number;
  /** For a bridge that is made; undefined sends nothing, as a kernel without VLAN filtering refuses even `false`. */
  readonly vlanFiltering?: true;
  /** Bit N: frames to 01:80:c2:00:00:0N are forwarded. Also set where an existing bridge differs. */
  readonly groupFwdMask?: number;
  readonly promisc: boolean;
}

function maskOf({ groupFwdMask }: BridgeStep): { readonly groupFwdMask?: number } {
  return groupFwdMask === undefined ? {} : { groupFwdMask };
}

/** The bridge's mask as the kernel tells it. */
function readGroupFwdMask(session: Session, name: string): number | undefined {
  const { linkinfo } = session.wholeLink("host", name);
  return linkinfo?.kind === "bridge" ? linkinfo.data?.groupFwdMask : undefined;
}

function create(session: Session, step: BridgeStep): void {
  const up = { flags: IFF_UP, change: IFF_UP };
  const { errno, extack } = session.route("host").try(
    newLink,
    {
      ...up,
      address: parseMac(step.mac)!,
      ifname: step.name,
      ...(step.mtu === undefined ? {} : { mtu: step.mtu }),
      linkinfo: {
        kind: "bridge",
        data: { ...(step.vlanFiltering ? { vlanFiltering: 1 } : {}), ...maskOf(step) },
      },
    },
    NLM_F_CREATE | NLM_F_EXCL,
  );
  // EEXIST: another container's ADD was faster.
  if (errno !== 0 && errno !== EEXIST)
    throw new NetlinkError(errno, `cannot create bridge "${step.name}"`, extack);
}

/** The bridge's link. Throws where the name belongs to something else. */
export function findBridge(session: Session, name: string): Device | undefined {
  const link = session.findDevice("host", name);
  if (link !== undefined && link.linkinfo?.kind !== "bridge") {
    throw new CniError(Code.kernelRefused, `"${name}" already exists but is not a bridge`);
  }
  return link;
}

export function apply(session: Session, step: BridgeStep): void {
  let link = findBridge(session, step.name);
  if (link === undefined) {
    create(session, step);
    link = session.link("host", step.name);
  }
  const wanted = IFF_UP | (step.promisc ? IFF_PROMISC : 0);
  if ((link.flags! & wanted) !== wanted) {
    const change = { index: link.index!, flags: wanted, change: wanted };
    session.route("host").ack(`set bridge "${step.name}" up`, newLink, change);
  }
  if (step.groupFwdMask !== undefined && readGroupFwdMask(session, step.name) !== step.groupFwdMask) {
    const change = { index: link.index!, linkinfo: { kind: "bridge", data: maskOf(step) } } as const;
    session.route("host").ack(`set groupFwdMask of bridge "${step.name}"`, newLink, change);
  }
}

export function verify(session: Session, step: BridgeStep): Difference[] {
  const what = `bridge ${step.name}`;
  const link = findBridge(session, step.name);
  if (link === undefined) return [{ what, expected: "a bridge", found: "none" }];
  const differences: Difference[] = [];
  if (!(link.flags! & IFF_UP)) differences.push({ what, expected: "up", found: "down" });
  if (step.promisc && !(link.flags! & IFF_PROMISC)) {
    differences.push({ what, expected: "promiscuous", found: "not promiscuous" });
  }
  if (step.groupFwdMask === undefined) return differences;
  const mask = readGroupFwdMask(session, step.name);
  if (mask !== step.groupFwdMask) {
    differences.push({ what: `${what} groupFwdMask`, expected: `${step.groupFwdMask}`, found: `${mask}` });
  }
  return differences;
}
