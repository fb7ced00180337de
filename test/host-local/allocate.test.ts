// The reference's allocator_test.go (A1–A13), and the parts it lacks: what is avoided, and how much a range can give.

import { describe, expect, it } from "vitest";
import { avoided, candidates, capacity, isAvoided, order } from "../../src/host-local/allocate.ts";
import { parseRange, type Range, type RangeText } from "../../src/host-local/ranges.ts";
import { formatIp, parseIp, parsePrefix } from "../../src/net/ip.ts";
import { FakeHost } from "../support/fake-host.ts";
import fc from "../support/properties.ts";
import { addresses, dataDir, failure, run } from "./call.ts";

const range = (text: RangeText): Range => parseRange(text, () => {})!;
const slash29 = [range({ subnet: "192.168.1.0/29" })];

function tried(set: readonly Range[], last?: string, exclude: string[] = []): string[] {
  const avoid = avoided(
    [set],
    exclude.map((text) => parsePrefix(text)!),
  );
  return [...candidates(order(set, last === undefined ? undefined : parseIp(last)!, avoid))].map(({ ip }) =>
    formatIp(ip),
  );
}
const tail = (...numbers: number[]) => numbers.map((number) => `192.168.1.${number}`);

describe("order", () => {
  it.each<[string, string | undefined, string[]]>([
    ["A1 begins at the first address", undefined, tail(2, 3, 4, 5, 6)],
    ["A2 goes on behind the end with the first", "192.168.1.6", tail(2, 3, 4, 5, 6)],
    ["A3 goes once around from the middle", "192.168.1.3", tail(4, 5, 6, 2, 3)],
    ["starts anew where the last address is in no range", "10.9.9.9", tail(2, 3, 4, 5, 6)],
    ["takes a gateway for a last address too", "192.168.1.1", tail(2, 3, 4, 5, 6)],
  ])("%s", (_, last, expected) => {
    expect(tried(slash29, last)).toEqual(expected);
  });

  const two = [range({ subnet: "192.168.1.0/30" }), range({ subnet: "192.168.2.0/30" })];
  it.each<[string, string | undefined, string[]]>([
    ["A12 goes on in the next range behind the end of one", "192.168.1.2", ["192.168.2.2", "192.168.1.2"]],
    ["A13 begins with the first range", undefined, ["192.168.1.2", "192.168.2.2"]],
    ["rolls over from the last range to the first", "192.168.2.2", ["192.168.1.2", "192.168.2.2"]],
  ])("%s", (_, last, expected) => {
    expect(tried(two, last)).toEqual(expected);
  });

  it("skips the gateway of another range of the set, which the reference gives out", () => {
    const split = [
      range({ subnet: "10.0.0.0/24", rangeStart: "10.0.0.10", rangeEnd: "10.0.0.12", gateway: "10.0.0.20" }),
      range({ subnet: "10.0.0.0/24", rangeStart: "10.0.0.20", rangeEnd: "10.0.0.21", gateway: "10.0.0.11" }),
    ];
    expect(tried(split)).toEqual(["10.0.0.10", "10.0.0.12", "10.0.0.21"]);
  });

  it("leaves out what is excluded without walking over it", () => {
    const set = [range({ subnet: "2001:db8::/64" })];
    const first = candidates(order(set, undefined, avoided([set], [parsePrefix("2001:db8::/65")!]))).next();
    expect(formatIp(first.value!.ip)).toBe("2001:db8:0:0:8000::");
  });

  it("tries every address of the set exactly once, the last one at the end", () => {
    const subnet = fc.record({ third: fc.nat(3), length: fc.integer({ min: 24, max: 30 }) });
    fc.assert(
      fc.property(
        fc.array(subnet, { minLength: 1, maxLength: 3 }),
        fc.nat(),
        fc.array(fc.nat(255)),
        (subnets, pick, holes) => {
          const set = subnets.map(({ length }, index) => range({ subnet: `10.0.${index}.0/${length}` }));
          const exclude = holes.map((hole) =>
            `10.0.${hole % set.length}.${hole}/31`.replace(/\d+\/31/, `${hole & 254}/31`),
          );
          const all = tried(set);
          const last = all[pick % all.length]!;
          const wanted = new Set(all.filter((ip) => !exclude.some((prefix) => inside(prefix, ip))));
          const got = tried(set, last, exclude);
          expect(new Set(got)).toEqual(wanted);
          expect(got.length).toBe(wanted.size);
          if (wanted.has(last)) expect(got.at(-1)).toBe(last);
          const total = set.reduce(
            (sum, one) =>
              sum +
              capacity(
                one,
                avoided(
                  [set],
                  exclude.map((text) => parsePrefix(text)!),
                ),
              ),
            0n,
          );
          expect(total).toBe(BigInt(wanted.size));
        },
      ),
      { numRuns: 60 },
    );
  });
});

/** Membership by comparing the text of /31 pairs, so that it shares nothing with the code under test. */
function inside(prefix: string, ip: string): boolean {
  const base = prefix.split("/")[0]!;
  const at = base.lastIndexOf(".");
  const low = Number(base.slice(at + 1));
  return ip === base || ip === `${base.slice(0, at)}.${low + 1}`;
}

describe("avoided", () => {
  it("merges what overlaps and sorts what does not", () => {
    const avoid = avoided(
      [slash29],
      ["192.168.1.0/31", "192.168.1.1/32", "10.0.0.0/8"].map((text) => parsePrefix(text)!),
    );
    expect(avoid.map(({ first, last }) => `${formatIp(first)}-${formatIp(last)}`)).toEqual([
      "10.0.0.0-10.255.255.255",
      "192.168.1.0-192.168.1.1",
    ]);
    expect(isAvoided(avoid, parseIp("10.3.2.1")!)).toBe(true);
    expect(isAvoided(avoid, parseIp("192.168.1.2")!)).toBe(false);
    expect(isAvoided(avoid, parseIp("::1")!)).toBe(false);
  });
});

describe("capacity", () => {
  it.each<[RangeText, bigint]>([
    [{ subnet: "192.168.1.0/24" }, 253n],
    [{ subnet: "192.168.1.0/30" }, 1n],
    [{ subnet: "2001:db8::/64" }, 2n ** 64n - 2n],
    [{ subnet: "10.0.0.0/24", rangeStart: "10.0.0.10", rangeEnd: "10.0.0.19" }, 10n],
  ])("%j gives %i", (text, expected) => {
    const set = [range(text)];
    expect(capacity(set[0]!, avoided([set], []))).toBe(expected);
  });
});

/** A store with these addresses held, and the round at `last`. */
function store(held: readonly string[], last?: string): FakeHost {
  const host = new FakeHost();
  for (const ip of held) host.put(`${dataDir}/net/${ip}`, `id\r\n${ip}`);
  if (last !== undefined) host.put(`${dataDir}/net/last_reserved_ip.0`, last);
  return host;
}

describe("ADD", () => {
  const ofSubnets = (...subnets: string[]) => ({ ipam: { ranges: [subnets.map((subnet) => ({ subnet }))] } });
  it.each<[string, string[], string[], string | undefined, string]>([
    ["a fresh /29", ["10.0.0.0/29"], [], undefined, "10.0.0.2"],
    ["a fresh IPv6 /64", ["2001:db8:1::/64"], [], undefined, "2001:db8:1::2"],
    ["a fresh /30", ["10.0.0.0/30"], [], undefined, "10.0.0.2"],
    ["the first one taken", ["10.0.0.0/29"], ["10.0.0.2"], undefined, "10.0.0.3"],
    ["the one behind the last", ["10.0.0.0/29"], [], "10.0.0.2", "10.0.0.3"],
    ["the one behind the last taken", ["10.0.0.0/29"], ["10.0.0.4"], "10.0.0.3", "10.0.0.5"],
    ["around the end", ["10.0.0.0/29"], ["10.0.0.4", "10.0.0.5", "10.0.0.6"], "10.0.0.3", "10.0.0.2"],
    ["a last address outside", ["10.0.0.0/29"], [], "10.0.0.128", "10.0.0.2"],
    [
      "all taken but the last",
      ["10.0.0.0/29"],
      ["10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.6"],
      "10.0.0.3",
      "10.0.0.3",
    ],
    ["the first of several subnets", ["10.0.0.0/30", "10.0.1.0/30"], [], undefined, "10.0.0.2"],
    ["the next of several subnets", ["10.0.0.0/30", "10.0.1.0/30"], ["10.0.0.2"], undefined, "10.0.1.2"],
    [
      "rolling over between subnets",
      ["10.0.0.0/30", "10.0.1.0/30", "10.0.2.0/30"],
      ["10.0.1.2", "10.0.2.2"],
      "10.0.1.2",
      "10.0.0.2",
    ],
  ])("A4 allocates round robin: %s", (_, subnets, held, last, expected) => {
    const host = store(held, last);
    expect(addresses(host, "me", ofSubnets(...subnets))).toEqual([expected]);
    expect(host.get(`${dataDir}/net/last_reserved_ip.0`)).toBe(expected);
  });

  it("A5 never gives out the broadcast address", () => {
    const host = new FakeHost();
    const call = ofSubnets("192.168.1.0/29");
    expect([1, 2, 3, 4, 5].flatMap((number) => addresses(host, `c${number}`, call))).toEqual(
      tail(2, 3, 4, 5, 6),
    );
    expect(failure(() => addresses(host, "c6", call)).message).toContain(
      "no IP addresses available in range set",
    );
  });

  it("A6 uses a released address only after the round", () => {
    const host = new FakeHost();
    const call = ofSubnets("192.168.1.0/29");
    expect(addresses(host, "a", call)).toEqual(["192.168.1.2"]);
    run(host, "DEL", "a", call);
    expect(addresses(host, "b", call)).toEqual(["192.168.1.3"]);
  });

  const request = (ip: string) => ({ ...ofSubnets("192.168.1.0/29"), args: `IgnoreUnknown=1;IP=${ip}` });
  it("A7 gives the requested address", () => {
    expect(addresses(new FakeHost(), "me", request("192.168.1.5"))).toEqual(["192.168.1.5"]);
  });

  it("A8 refuses a requested address that is held, and says by whom", () => {
    const host = store(["192.168.1.5"]);
    expect(failure(() => addresses(host, "me", request("192.168.1.5")))).toEqual({
      code: 101,
      message:
        "failed to allocate for range 0: requested IP address 192.168.1.5 is not available in range set 192.168.1.1-192.168.1.6: " +
        "192.168.1.5 is held by id/192.168.1.5 since 2027-01-15T08:00:00Z",
    });
  });

  it.each([
    ["A9 behind the end", "192.168.1.5"],
    ["A10 before the start", "192.168.1.2"],
  ])("%s of the range, a requested address is refused", (_, ip) => {
    const ranges = [[{ subnet: "192.168.1.0/29", rangeStart: "192.168.1.3", rangeEnd: "192.168.1.4" }]];
    expect(
      failure(() => addresses(new FakeHost(), "me", { ipam: { ranges }, args: `IP=${ip}` })).message,
    ).toBe(
      `failed to allocate all requested IPs: ${ip}; each range set gives one address: 192.168.1.3-192.168.1.4`,
    );
  });

  it("refuses the gateway as requested address", () => {
    expect(failure(() => addresses(new FakeHost(), "me", request("192.168.1.1"))).message).toBe(
      "failed to allocate for range 0: requested ip 192.168.1.1 is subnet's gateway",
    );
  });

  it.each<[string, string[], string[], string]>([
    ["a /30", ["10.0.0.0/30"], ["10.0.0.2"], "10.0.0.1-10.0.0.2: 1 of 1 in use in 10.0.0.1-10.0.0.2"],
    [
      "a /29",
      ["10.0.0.0/29"],
      ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"],
      "10.0.0.1-10.0.0.6: 5 of 5 in use in 10.0.0.1-10.0.0.6",
    ],
    [
      "two subnets",
      ["10.0.0.0/30", "10.0.1.0/30"],
      ["10.0.0.2", "10.0.1.2"],
      "10.0.0.1-10.0.0.2,10.0.1.1-10.0.1.2: 1 of 1 in use in 10.0.0.1-10.0.0.2, 1 of 1 in use in 10.0.1.1-10.0.1.2",
    ],
  ])("A11 says that %s is out of addresses, and how many of how many are in use", (_, subnets, held, expected) => {
    expect(failure(() => addresses(store(held), "me", ofSubnets(...subnets)))).toEqual({
      code: 101,
      message: `failed to allocate for range 0: no IP addresses available in range set: ${expected}`,
    });
  });
});
