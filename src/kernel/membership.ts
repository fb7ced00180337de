// The host's end as a port of its bridge, and up. ADD's pair is born so (veth.ts); this puts back what somebody took out
// of the bridge or set down, and what lost its bridge.

import { formatMac } from "../net/mac.ts";
import { IFF_UP, newLink } from "../netlink/if-link.ts";
import type { Difference } from "./difference.ts";
import type { Session } from "./session.ts";

export interface MembershipStep {
  readonly kind: "membership";
  readonly name: string;
  readonly bridge: string;
}

export function apply(session: Session, { name, bridge }: MembershipStep): void {
  const link = session.link("host", name);
  const master = session.link("host", bridge);
  const change = { index: link.index!, flags: IFF_UP, change: IFF_UP, master: master.index! };
  session.route("host").ack(`make ${name} a port of bridge "${bridge}"`, newLink, change);
  // A bridge whose MAC nobody has set takes its lowest port's, and would change it under the containers.
  // One that had no port before has all zeros, which it cannot be given.
  if (master.address!.every((byte) => byte === 0)) return;
  const before = formatMac(master.address!);
  const after = session.findLink("host", bridge)?.address;
  if (after === undefined || formatMac(after) === before) return;
  const keep = { index: master.index!, address: master.address! };
  session.route("host").ack(`keep the MAC of bridge "${bridge}"`, newLink, keep);
}

export function verify(session: Session, { name, bridge }: MembershipStep): Difference[] {
  const link = session.findLink("host", name);
  if (link === undefined) return [{ what: `host end ${name}`, expected: "a link", found: "none" }];
  const differences: Difference[] = [];
  const master = session.findLink("host", bridge);
  if (link.master === undefined || link.master !== master?.index) {
    const other = link.master === undefined ? undefined : session.findLinkByIndex("host", link.master);
    const found = link.master === undefined ? "of none" : `of ${other?.ifname ?? `link ${link.master}`}`;
    differences.push({ what: `${name} as a port`, expected: `of ${bridge}`, found });
  }
  if (!(link.flags! & IFF_UP)) differences.push({ what: `host end ${name}`, expected: "up", found: "down" });
  return differences;
}
