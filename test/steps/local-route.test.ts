// A kernel that takes its time over the local route of an IPv6 address, which a real one cannot be made to do at will.

import { describe, expect, it } from "vitest";
import { EINVAL, ENETUNREACH, ENOBUFS } from "../../src/errno.ts";
import { apply } from "../../src/kernel/local-route.ts";
import { Session } from "../../src/kernel/session.ts";
import { parseIp } from "../../src/net/ip.ts";
import { getLink, newLink } from "../../src/netlink/if-link.ts";
import { getRoute, newRoute } from "../../src/netlink/rtnetlink.ts";
import { datagram, errorOf, fakeNetlink } from "../support/fake-netlink.ts";

const ETH0 = 7;
// Types of include/uapi/linux/rtnetlink.h: what the route of the subnet is, and what the address's own.
const UNICAST = 1;
const LOCAL = 2;
const another = () => datagram(newRoute, { family: 10, type: UNICAST, oif: ETH0 });

interface Case {
  readonly name: string;
  /** What each look-up finds: a type of route, or a negative errno. */
  readonly found: readonly number[];
  readonly announcements?: (Uint8Array | number)[];
  readonly warning?: string;
}

const cases: readonly Case[] = [
  { name: "does not listen where the route is there", found: [LOCAL] },
  { name: "sees what came while it began to listen", found: [UNICAST, LOCAL] },
  {
    name: "looks again after each announcement",
    found: [UNICAST, UNICAST, UNICAST, LOCAL],
    announcements: [another(), another()],
  },
  {
    name: "looks again where announcements were lost",
    found: [UNICAST, UNICAST, LOCAL],
    announcements: [-ENOBUFS],
  },
  {
    name: "waits where there is no route at all",
    found: [-ENETUNREACH, -ENETUNREACH, LOCAL],
    announcements: [another()],
  },
  {
    name: "goes on after five seconds, with a warning",
    found: [UNICAST, UNICAST, UNICAST],
    announcements: [another()],
    warning: "fd00::9/64 of eth0 (container) has no local route yet",
  },
];

describe("apply of local-route", () => {
  const step = { kind: "local-route", where: "container", link: "eth0", address: "fd00::9/64" } as const;

  it.each(cases)("$name", ({ found, announcements = [], warning }) => {
    let looked = 0;
    const host = fakeNetlink({
      announcements,
      answer: ([message]) => {
        if (message!.type === getLink.type)
          return [datagram(newLink, { index: ETH0, ifname: "eth0" }, message!.seq)];
        expect(message!.type).toBe(getRoute.type);
        const asked = getRoute.codec.read(message!.bytes, message!.start, message!.end);
        expect(asked).toMatchObject({ family: 10, dstLen: 128, dst: parseIp("fd00::9"), oif: ETH0 });
        expect(host.listening()).toBe(looked === 0 ? 0 : 1);
        const type = found[looked++]!;
        return [
          type < 0
            ? errorOf(message!, -type)
            : datagram(newRoute, { family: 10, type, oif: ETH0 }, message!.seq),
        ];
      },
    });
    const start = host.monotonic();
    const session = new Session(host, 99);
    apply(session, step);
    expect(looked).toBe(found.length);
    expect(announcements).toEqual([]);
    expect(session.warnings).toEqual(warning === undefined ? [] : [warning]);
    expect(host.listening()).toBe(0);
    expect(host.monotonic() - start).toBe(warning === undefined ? 0 : 5000);
  });

  it("does not take another errno for a route that is not there", () => {
    const host = fakeNetlink({
      answer: ([message]) =>
        message!.type === getLink.type
          ? [datagram(newLink, { index: ETH0, ifname: "eth0" }, message!.seq)]
          : [errorOf(message!, EINVAL)],
    });
    expect(() => apply(new Session(host, 99), step)).toThrow(/look up the route to fd00::9\/64.*EINVAL/);
  });
});
