// IP addresses on links: listing and adding them, for the container's interface and for the bridge.

import { NetlinkError } from "../errors.ts";
import { equalIp, type Ip, lastIp, type Prefix, parsePrefix } from "../net/ip.ts";
import { getPrefix, IFA_F_NODAD, newAddr } from "../netlink/if-addr.ts";
import type { Device } from "../netlink/if-link.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import type { Session, Where } from "./session.ts";

const AF_INET = 2;
const AF_INET6 = 10;

/** The address family of socket(2). */
export function family(ip: Ip): number {
  return ip.length === 4 ? AF_INET : AF_INET6;
}

export function samePrefix(a: Prefix, b: Prefix): boolean {
  return a.length === b.length && equalIp(a.ip, b.ip);
}

/** The addresses of `like`'s family on a link. */
export function listAddresses(
  session: Session,
  where: Where,
  link: Pick<Device, "index" | "ifname">,
  like: Ip,
): Prefix[] {
  const request = { family: family(like), index: link.index! };
  const found: Prefix[] = [];
  for (const each of session.route(where).dump(`list the addresses of ${link.ifname}`, getPrefix, request)) {
    const ip = each.local ?? each.address;
    // Kernels before 4.20 do not filter by link.
    if (each.index === link.index && ip !== undefined) found.push({ ip, length: each.prefixlen! });
  }
  return found;
}

/** Adds an address, IPv6 without duplicate address detection unless `dad`; returns the kernel's refusal. */
export function addAddress(
  session: Session,
  where: Where,
  link: Pick<Device, "index" | "ifname">,
  text: string,
  dad: boolean,
): NetlinkError | undefined {
  const { ip, length } = parsePrefix(text)!;
  const { errno, extack } = session.route(where).try(
    newAddr,
    {
      family: family(ip),
      prefixlen: length,
      flags: ip.length === 16 && !dad ? IFA_F_NODAD : 0,
      index: link.index!,
      address: ip,
      local: ip,
      ...(ip.length === 4 && length < 31 ? { broadcast: lastIp({ ip, length }) } : {}),
    },
    NLM_F_CREATE | NLM_F_EXCL,
  );
  if (errno === 0) return undefined;
  return new NetlinkError(errno, `cannot add ${text} to ${link.ifname} (${where})`, extack);
}
