// A gateway address on the bridge (or its VLAN interface): shared by the network, added when missing, never removed by
// an attachment.

import { EEXIST } from "../errno.ts";
import { CniError, Code } from "../errors.ts";
import { contains, formatPrefix, type Prefix, parsePrefix } from "../net/ip.ts";
import { delAddr } from "../netlink/if-addr.ts";
import { newLink } from "../netlink/if-link.ts";
import { addAddress, family, listAddresses, samePrefix } from "./address.ts";
import type { Difference } from "./difference.ts";
import type { Session } from "./session.ts";

export interface GatewayStep {
  readonly kind: "gateway";
  readonly link: string;
  /** With prefix, such as "10.22.0.1/16". */
  readonly address: string;
  /** The network's other gateway addresses: they may stand beside this one. */
  readonly siblings: readonly string[];
  /** Replace an address that is in the way. */
  readonly force: boolean;
}

/** Whether an address that is there keeps the wanted one away: any other of IPv4, an overlapping network of IPv6. */
function inTheWay(there: Prefix, wanted: Prefix): boolean {
  return there.ip.length === 4 || contains(there, wanted.ip) || contains(wanted, there.ip);
}

export function apply(session: Session, step: GatewayStep): void {
  const wanted = parsePrefix(step.address)!;
  const link = session.link("host", step.link);
  const index = link.index!;
  const there = listAddresses(session, "host", link, wanted.ip);
  if (there.some((each) => samePrefix(each, wanted))) return;
  const siblings = step.siblings.map((text) => parsePrefix(text)!);
  for (const each of there) {
    if (siblings.some((sibling) => samePrefix(each, sibling)) || !inTheWay(each, wanted)) continue;
    if (!step.force) {
      throw new CniError(
        Code.kernelRefused,
        `"${step.link}" already has an IP address different from ${step.address}`,
        `It has ${formatPrefix(each)}. With "forceAddress": true it is replaced.`,
      );
    }
    const old = { family: family(each.ip), prefixlen: each.length, index, local: each.ip, address: each.ip };
    session.route("host").ack(`remove ${formatPrefix(each)} from ${step.link}`, delAddr, old);
  }
  const refused = addAddress(session, "host", link, step.address, false);
  // EEXIST: another container's ADD was faster.
  if (refused !== undefined && refused.errno !== EEXIST) throw refused;
  // A bridge that somebody else made follows its lowest port's MAC until one is set, and is all zeros when its last port
  // has gone: then it keeps what this container's port has given it.
  const known = link.address?.some((byte) => byte !== 0) ? link : session.findLink("host", step.link);
  if (known?.address !== undefined) {
    session.route("host").ack(`set the MAC of ${step.link}`, newLink, { index, address: known.address });
  }
}

export function verify(session: Session, step: GatewayStep): Difference[] {
  const wanted = parsePrefix(step.address)!;
  const link = session.findLink("host", step.link);
  const there = link === undefined ? [] : listAddresses(session, "host", link, wanted.ip);
  if (there.some((each) => samePrefix(each, wanted))) return [];
  const found = there.length === 0 ? "none" : there.map(formatPrefix).join(", ");
  return [{ what: `gateway address of ${step.link}`, expected: step.address, found }];
}
