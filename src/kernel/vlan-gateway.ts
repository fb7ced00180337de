// The host's own foot in a VLAN: a veth pair in the host's namespace, one end named `<bridge>.<vlan>`, which holds the
// gateway address, the other a port of the bridge in that VLAN. Shared by the network, never removed by an attachment.

import { EEXIST } from "../errno.ts";
import { CniError, Code, NetlinkError } from "../errors.ts";
import { parseMac } from "../net/mac.ts";
import { IFF_UP, type Link, newLink } from "../netlink/if-link.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import type { Difference } from "./difference.ts";
import type { Session } from "./session.ts";
import * as vlan from "./vlan.ts";

export interface VlanGatewayStep {
  readonly kind: "vlan-gateway";
  readonly bridge: string;
  readonly name: string;
  readonly mac: string;
  /** The end that is a port of the bridge. */
  readonly portName: string;
  readonly portMac: string;
  readonly vlan: number;
  readonly preserveDefault: boolean;
}

function create(session: Session, step: VlanGatewayStep): void {
  const bridge = session.link("host", step.bridge);
  const mtu = bridge.mtu === undefined ? {} : { mtu: bridge.mtu };
  const { errno, extack } = session.route("host").try(
    newLink,
    {
      flags: IFF_UP,
      change: IFF_UP,
      address: parseMac(step.portMac)!,
      ifname: step.portName,
      ...mtu,
      master: bridge.index!,
      linkinfo: { kind: "veth", data: { peer: { address: parseMac(step.mac)!, ifname: step.name, ...mtu } } },
    },
    NLM_F_CREATE | NLM_F_EXCL,
  );
  // EEXIST: another container's ADD was faster.
  if (errno !== 0 && errno !== EEXIST) {
    throw new NetlinkError(errno, `cannot make VLAN gateway ${step.name}`, extack);
  }
}

/** The gateway's end, which must be a veth. */
function find(session: Session, name: string): Link | undefined {
  const link = session.findLink("host", name);
  if (link !== undefined && link.linkinfo?.kind !== "veth") {
    throw new CniError(Code.kernelRefused, `"${name}" already exists but is not a VLAN gateway (a veth)`);
  }
  return link;
}

export function apply(session: Session, step: VlanGatewayStep): void {
  if (find(session, step.name) === undefined) create(session, step);
  const link = session.wholeLink("host", step.name);
  // Always, and not only by whoever made the pair: that process may have been killed before it came to this.
  const port = link.link === undefined ? undefined : session.findLinkByIndex("host", link.link)?.ifname;
  if (port !== undefined) {
    const { bridge, preserveDefault } = step;
    vlan.apply(session, { kind: "vlan", bridge, port, access: step.vlan, trunk: [], preserveDefault });
  }
  if (link.flags! & IFF_UP) return;
  const up = { index: link.index!, flags: IFF_UP, change: IFF_UP };
  session.route("host").ack(`set ${step.name} up`, newLink, up);
}

export function verify(session: Session, step: VlanGatewayStep): Difference[] {
  const link = find(session, step.name);
  const what = `VLAN gateway ${step.name}`;
  if (link === undefined) return [{ what, expected: "a link", found: "none" }];
  return link.flags! & IFF_UP ? [] : [{ what, expected: "up", found: "down" }];
}
