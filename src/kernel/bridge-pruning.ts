// Deleting a bridge that nothing uses any more. The kernel cannot be asked to delete one only if it has no ports, so
// whoever calls must keep others from adding any meanwhile.

import { parseMac } from "../net/mac.ts";
import { vlanPortName } from "../net/names.ts";
import { AF_UNSPEC, getLink, type Link } from "../netlink/if-link.ts";
import { deleteLink } from "./link-removal.ts";
import type { Session } from "./session.ts";

/** The gateway's end of a VLAN gateway pair (vlan-gateway.ts) whose bridge end this port is; undefined for any other. */
function vlanGatewayOf(session: Session, bridge: string, port: Link): Link | undefined {
  if (port.linkinfo?.kind !== "veth" || port.link === undefined || port.linkNetnsid !== undefined) {
    return undefined;
  }
  const gateway = session.findLinkByIndex("host", port.link);
  const name = gateway?.ifname ?? "";
  const isGateway = name.startsWith(`${bridge}.`) && port.ifname === vlanPortName(session.host, name);
  return isGateway ? gateway : undefined;
}

/**
 * Deletes the bridge and its VLAN gateways where it has no other port, an uplink included. `mac` is the one that this
 * plugin gives a bridge of that name: a bridge with another was made by somebody else, and stays.
 */
export function prune(session: Session, name: string, mac: string): void {
  const bridge = session.findLink("host", name);
  if (bridge?.linkinfo?.kind !== "bridge") return;
  const wanted = parseMac(mac)!;
  if (!bridge.address!.every((byte, index) => byte === wanted[index])) return;
  const query = { family: AF_UNSPEC, master: bridge.index! };
  const ports = session
    .route("host")
    .dump(`list the ports of ${name}`, getLink, query)
    // Kernels before 4.20 may not filter.
    .filter(({ master }) => master === bridge.index);
  const gateways = ports.map((port) => vlanGatewayOf(session, name, port));
  if (gateways.includes(undefined)) return;
  for (const gateway of gateways) deleteLink(session, gateway!);
  deleteLink(session, bridge);
}
