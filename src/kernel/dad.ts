// Duplicate address detection (RFC 4862, 5.4): waits until the kernel has made sure of every IPv6 address of the
// container's interface, the link-local one included. The kernel probes for one to two seconds and announces the
// outcome of each address (inet6_ifa_notify in net/ipv6/addrconf.c), so nothing is polled.

import { CniError, Code } from "../errors.ts";
import { formatIp } from "../net/ip.ts";
import {
  type Address,
  delAddr,
  getAddr,
  IFA_F_DADFAILED,
  IFA_F_TENTATIVE,
  newAddr,
  RTNLGRP_IPV6_IFADDR,
} from "../netlink/if-addr.ts";
import { type Device, IF_OPER_UP } from "../netlink/if-link.ts";
import { NETLINK_ROUTE, Socket } from "../netlink/socket.ts";
import type { Difference } from "./difference.ts";
import type { Session } from "./session.ts";

export interface SettleStep {
  readonly kind: "settle";
  /** The container's interface. */
  readonly ifname: string;
}

/** The reference's. */
const DEADLINE_MS = 5_000;
const AF_INET6 = 10;

function listIpv6(session: Session, link: Device): Address[] {
  const request = { family: AF_INET6, index: link.index! };
  const purpose = `list the addresses of ${link.ifname} (container)`;
  // Kernels before 4.20 do not filter by link.
  const all = session.route("container").dump(purpose, getAddr, request);
  return all.filter(({ index }) => index === link.index);
}

/** Notes what is known of an address: waited for as long as it is tentative. Throws where it is a duplicate. */
function note(tentative: Set<string>, step: SettleStep, { address, flags }: Address): void {
  const text = formatIp(address!);
  if (flags! & IFA_F_DADFAILED) {
    throw new CniError(
      Code.kernelRefused,
      `link ${step.ifname} has address ${text} in DADFAILED state`,
      "Another interface on the bridge has this address already.",
    );
  }
  if (flags! & IFA_F_TENTATIVE) tentative.add(text);
  else tentative.delete(text);
}

function settle(session: Session, step: SettleStep, announcements: Socket): void {
  const { host } = session;
  const deadline = host.monotonic() + DEADLINE_MS;
  const link = session.link("container", step.ifname);
  const tentative = new Set<string>();
  for (const address of listIpv6(session, link)) note(tentative, step, address);
  while (tentative.size > 0) {
    const messages = announcements.announced(deadline - host.monotonic());
    if (messages === undefined) {
      // Without carrier nothing is probed: that is no fault of the addresses.
      if (session.findLink("container", step.ifname)?.operstate !== IF_OPER_UP) return;
      throw new CniError(
        Code.kernelRefused,
        `link ${step.ifname} still has tentative addresses after ${DEADLINE_MS / 1000} seconds`,
        [...tentative].join(", "),
      );
    }
    if (messages === "lost") {
      tentative.clear();
      for (const address of listIpv6(session, link)) note(tentative, step, address);
      continue;
    }
    for (const { type, bytes, start, end } of messages) {
      if (type !== newAddr.type && type !== delAddr.type) continue;
      const address = newAddr.codec.read(bytes, start, end);
      if (address.index !== link.index) continue;
      if (type === newAddr.type) note(tentative, step, address);
      else tentative.delete(formatIp(address.address!));
    }
  }
}

export function apply(session: Session, step: SettleStep): void {
  const { host } = session;
  // Listening before the addresses are listed, no outcome can fall between.
  const announcements = Socket.listen(host, session.netns("container"), NETLINK_ROUTE, RTNLGRP_IPV6_IFADDR);
  try {
    settle(session, step, announcements);
  } finally {
    announcements.close();
  }
}

/** Duplicates only: an address is tentative again for a moment whenever its link has lost and found its carrier. */
export function verify(session: Session, step: SettleStep): Difference[] {
  const link = session.findLink("container", step.ifname);
  if (link === undefined) return [];
  return listIpv6(session, link)
    .filter(({ flags }) => flags! & IFA_F_DADFAILED)
    .map(({ address }) => ({
      what: `address ${formatIp(address!)} of ${step.ifname}`,
      expected: "unique",
      found: "a duplicate (DADFAILED)",
    }));
}
