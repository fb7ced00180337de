// The container's end: its addresses, then up, and with them arp_notify on (for announcement.ts). That goes with the
// request, as a look-up below /proc/sys takes the longer the more namespaces have an interface of that name. Nothing to
// remove: it goes with the veth pair.

import { formatPrefix, parsePrefix } from "../net/ip.ts";
import { IFF_UP, newLinkInet } from "../netlink/if-link.ts";
import { addAddress, listAddresses, samePrefix } from "./address.ts";
import type { Difference } from "./difference.ts";
import type { Session } from "./session.ts";

export interface InterfaceStep {
  readonly kind: "interface";
  readonly name: string;
  /** With prefix, such as "10.22.0.5/16". */
  readonly addresses: readonly string[];
  /** IPv6 duplicate address detection; without it an address is usable at once. */
  readonly dad: boolean;
}

export function apply(session: Session, step: InterfaceStep): void {
  const index = session.index("container", step.name);
  for (const address of step.addresses) {
    const refused = addAddress(session, "container", { ifname: step.name, index }, address, step.dad);
    if (refused !== undefined) throw refused;
  }
  const notifies = step.addresses.length > 0 ? { afSpec: { inet: { conf: { arpNotify: 1 } } } } : {};
  const up = { index, flags: IFF_UP, change: IFF_UP, ...notifies };
  session.route("container").ack(`set ${step.name} up (container)`, newLinkInet, up);
}

export function verify(session: Session, step: InterfaceStep): Difference[] {
  const link = session.findLink("container", step.name);
  if (link === undefined)
    return [{ what: `${step.name} in the container`, expected: "a link", found: "none" }];
  const differences: Difference[] = [];
  if (!(link.flags! & IFF_UP)) {
    differences.push({ what: `${step.name} in the container`, expected: "up", found: "down" });
  }
  for (const address of step.addresses) {
    const wanted = parsePrefix(address)!;
    const there = listAddresses(session, "container", link, wanted.ip);
    if (there.some((each) => samePrefix(each, wanted))) continue;
    const found = there.map(formatPrefix).join(", ") || "none";
    differences.push({ what: `address of ${step.name}`, expected: address, found });
  }
  return differences;
}
