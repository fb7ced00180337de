// Tells the network about a container's new address, so that neighbours which remember it at an earlier holder's MAC
// correct themselves at once: gratuitous ARP for IPv4, an unsolicited neighbour advertisement for IPv6 (RFC 5227 §3,
// RFC 4861 §7.2.6). The kernel sends both when a MAC is set on an interface that has arp_notify and ndisc_notify on,
// even the MAC that it has already. It must come after `carrier`: what is sent earlier is dropped on the way.
// A packet socket would do too, but closing one waits for an RCU grace period, more than the whole ADD takes.

import { parseMac } from "../net/mac.ts";
import { newLink } from "../netlink/if-link.ts";
import type { Session } from "./session.ts";

export interface AnnouncementStep {
  readonly kind: "announcement";
  readonly ifname: string;
  readonly mac: string;
}

export function apply(session: Session, step: AnnouncementStep): void {
  const change = { index: session.index("container", step.ifname), address: parseMac(step.mac)! };
  session.route("container").ack(`announce the addresses of ${step.ifname} (container)`, newLink, change);
}

/** An announcement leaves nothing to look at. */
export function verify(): [] {
  return [];
}
