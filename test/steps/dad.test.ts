// What a real kernel cannot be made to do at will; the rest is in test/kernel/dad.test.ts.

import { describe, expect, it } from "vitest";
import { ENOBUFS } from "../../src/errno.ts";
import { apply } from "../../src/kernel/dad.ts";
import { Session } from "../../src/kernel/session.ts";
import { parseIp } from "../../src/net/ip.ts";
import { type Address, delAddr, getAddr, newAddr } from "../../src/netlink/if-addr.ts";
import { getLink, newLink } from "../../src/netlink/if-link.ts";
import { datagram, fakeNetlink, listOf } from "../support/fake-netlink.ts";

const TENTATIVE = 0x40;
const FAILED = 0x48; // a failed address stays tentative
const UP = 6;
const DOWN = 2;
const ETH0 = 7;

const address = (ip: string, flags: number, index = ETH0): Address => ({
  family: 10,
  prefixlen: 64,
  index,
  flags,
  address: parseIp(ip)!,
});
const said = (ip: string, flags: number, index?: number) => datagram(newAddr, address(ip, flags, index));

interface Case {
  readonly name: string;
  /** What the listings show, in turn. */
  readonly lists: readonly (readonly Address[])[];
  readonly announcements?: (Uint8Array | number)[];
  readonly operstate?: number;
  readonly error?: string;
  readonly details?: string;
}

const one = address("fd00::9", TENTATIVE);
const cases: readonly Case[] = [
  { name: "nothing to wait for", lists: [[address("fd00::9", 0)]] },
  { name: "no address at all", lists: [[]] },
  {
    name: "each address in turn",
    lists: [[one, address("fe80::1", TENTATIVE)]],
    announcements: [said("fe80::1", 0), said("fd00::9", 0)],
  },
  {
    name: "an address that appears meanwhile",
    lists: [[one]],
    announcements: [said("fe80::1", TENTATIVE), said("fd00::9", 0), said("fe80::1", FAILED)],
    error: "link eth0 has address fe80::1 in DADFAILED state",
  },
  {
    name: "an address that is deleted meanwhile",
    lists: [[one]],
    announcements: [datagram(delAddr, one)],
  },
  {
    name: "another link's addresses do not count",
    lists: [[one]],
    announcements: [said("fd00::9", 0, 8), said("fd00::7", FAILED, 8), said("fd00::9", 0)],
  },
  {
    name: "announcements were lost, with them the good news",
    lists: [[one], [address("fd00::9", 0)]],
    announcements: [-ENOBUFS],
  },
  {
    name: "announcements were lost, with them the bad news",
    lists: [[one], [address("fd00::9", FAILED)]],
    announcements: [-ENOBUFS],
    error: "link eth0 has address fd00::9 in DADFAILED state",
  },
  {
    name: "announcements were lost, and the wait goes on",
    lists: [[one], [one]],
    announcements: [-ENOBUFS, said("fd00::9", 0)],
  },
  {
    name: "a duplicate from the beginning",
    lists: [[address("fd00::9", FAILED)]],
    error: "link eth0 has address fd00::9 in DADFAILED state",
  },
  { name: "the deadline, without carrier", lists: [[one]], operstate: DOWN },
  {
    name: "the deadline, with carrier",
    lists: [[one, address("fe80::1", TENTATIVE)]],
    announcements: [said("fe80::1", 0)],
    operstate: UP,
    error: "link eth0 still has tentative addresses after 5 seconds",
    details: "fd00::9",
  },
];

describe("apply of settle", () => {
  it.each(cases)("$name", ({ lists, announcements = [], operstate = UP, error, details }) => {
    let listed = 0;
    const host = fakeNetlink({
      announcements,
      answer: ([message]) => {
        if (message!.type === getLink.type) {
          return [datagram(newLink, { index: ETH0, ifname: "eth0", operstate }, message!.seq)];
        }
        expect(message!.type).toBe(getAddr.type);
        expect(host.listening(), "listens before it lists").toBe(1);
        return listOf(message!, newAddr, lists[listed++]!);
      },
    });
    const start = host.monotonic();
    const run = () => apply(new Session(host, 99), { kind: "settle", ifname: "eth0" });
    if (error === undefined) run();
    else expect(run).toThrow(expect.objectContaining({ message: error, ...(details && { details }) }));
    expect(listed).toBe(lists.length);
    expect(announcements).toEqual([]);
    expect(host.listening(), "closes what it opened").toBe(0);
    expect(host.monotonic() - start).toBeLessThanOrEqual(5000);
  });
});
