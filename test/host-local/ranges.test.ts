// The reference's range_test.go (R1–R18) and range_set_test.go (S1–S3), and what we check beyond them.
import { describe, expect, it } from "vitest";
import {
  faultOfSet,
  findRange,
  formatSet,
  overlaps,
  parseRange,
  type Range,
  type RangeText,
  setsOverlap,
} from "../../src/host-local/ranges.ts";
import { formatIp, formatPrefix, parseIp } from "../../src/net/ip.ts";

function faults(text: RangeText): string[] {
  const found: string[] = [];
  parseRange(text, (key, message) => found.push(`${key}: ${message}`));
  return found;
}

function range(text: RangeText): Range {
  expect(faults(text)).toEqual([]);
  return parseRange(text, () => {})!;
}

function spell(text: RangeText) {
  const { subnet, start, end, gateway } = range(text);
  return [formatPrefix(subnet), formatIp(start), formatIp(end), formatIp(gateway)].join(" ");
}

describe("parseRange", () => {
  it.each<[string, RangeText, string]>([
    ["R1 fills in an IPv4 /24", { subnet: "192.0.2.0/24" }, "192.0.2.0/24 192.0.2.1 192.0.2.254 192.0.2.1"],
    ["R2 fills in a /25", { subnet: "192.0.2.0/25" }, "192.0.2.0/25 192.0.2.1 192.0.2.126 192.0.2.1"],
    [
      "R7 fills in IPv6 to the last address",
      { subnet: "2001:db8:1::/64" },
      "2001:db8:1::/64 2001:db8:1::1 2001:db8:1:0:ffff:ffff:ffff:ffff 2001:db8:1::1",
    ],
    [
      "R10 keeps all that is given",
      { subnet: "192.0.2.0/24", rangeStart: "192.0.2.40", rangeEnd: "192.0.2.50", gateway: "192.0.2.254" },
      "192.0.2.0/24 192.0.2.40 192.0.2.50 192.0.2.254",
    ],
    [
      'takes "" for absent',
      { subnet: "192.0.2.0/24", rangeStart: "", rangeEnd: "", gateway: "" },
      "192.0.2.0/24 192.0.2.1 192.0.2.254 192.0.2.1",
    ],
    [
      "takes network and broadcast where they are given",
      { subnet: "192.0.2.0/24", rangeStart: "192.0.2.0", rangeEnd: "192.0.2.255" },
      "192.0.2.0/24 192.0.2.0 192.0.2.255 192.0.2.1",
    ],
    ["takes a /30", { subnet: "192.0.2.0/30" }, "192.0.2.0/30 192.0.2.1 192.0.2.2 192.0.2.1"],
    ["takes a /126", { subnet: "2001:db8::/126" }, "2001:db8::/126 2001:db8::1 2001:db8::3 2001:db8::1"],
  ])("%s", (_, text, expected) => {
    expect(spell(text)).toBe(expected);
  });

  it.each<[string, RangeText, string]>([
    [
      "R3 an IPv4 host address",
      { subnet: "192.0.2.12/24" },
      "subnet: Network has host bits set. For a subnet mask of length 24 the network address is 192.0.2.0",
    ],
    [
      "R4 an IPv6 host address",
      { subnet: "2001:db8::12/64" },
      "subnet: Network has host bits set. For a subnet mask of length 64 the network address is 2001:db8::",
    ],
    [
      "R5 a host bit in an odd IPv6 length",
      { subnet: "2001:db8:0:1::/63" },
      "subnet: Network has host bits set. For a subnet mask of length 63 the network address is 2001:db8::",
    ],
    [
      "R6 a host bit in an odd IPv4 length",
      { subnet: "192.0.3.0/23" },
      "subnet: Network has host bits set. For a subnet mask of length 23 the network address is 192.0.2.0",
    ],
    ["R8 a /31", { subnet: "192.0.2.0/31" }, "subnet: Network 192.0.2.0/31 too small to allocate from"],
    ["a /127", { subnet: "2001:db8::/127" }, "subnet: Network 2001:db8::/127 too small to allocate from"],
    [
      "R9 a start outside",
      { subnet: "192.0.2.0/24", rangeStart: "192.0.3.0" },
      "rangeStart: RangeStart 192.0.3.0 not in network 192.0.2.0/24",
    ],
    [
      "R9 an end outside",
      { subnet: "192.0.2.0/24", rangeEnd: "192.0.4.0" },
      "rangeEnd: RangeEnd 192.0.4.0 not in network 192.0.2.0/24",
    ],
    [
      "R9 an end before the start",
      { subnet: "192.0.2.0/24", rangeStart: "192.0.2.50", rangeEnd: "192.0.2.40" },
      "rangeStart: RangeStart 192.0.2.50 not in network 192.0.2.0/24",
    ],
    [
      "an end before the default start",
      { subnet: "192.0.2.0/24", rangeEnd: "192.0.2.0" },
      "rangeEnd: RangeEnd 192.0.2.0 not in network 192.0.2.0/24",
    ],
    [
      "a start of the other family",
      { subnet: "192.0.2.0/24", rangeStart: "2001:db8::1" },
      "rangeStart: RangeStart 2001:db8::1 not in network 192.0.2.0/24",
    ],
    [
      "a gateway outside",
      { subnet: "192.0.2.0/24", gateway: "192.0.3.1" },
      "gateway: Gateway 192.0.3.1 not in network 192.0.2.0/24",
    ],
    [
      "a gateway of the other family",
      { subnet: "192.0.2.0/24", gateway: "::1" },
      "gateway: Gateway ::1 not in network 192.0.2.0/24",
    ],
    ["no subnet", { rangeStart: "192.0.2.1" }, "subnet: IP <nil> not v4 nor v6"],
    ["a subnet without length", { subnet: "192.0.2.0" }, "subnet: invalid CIDR address: 192.0.2.0"],
    ["a mapped subnet", { subnet: "::ffff:192.0.2.0/120" }, "subnet: IPNet IP and Mask version mismatch"],
    [
      "a start that is no address",
      { subnet: "192.0.2.0/24", rangeStart: "192.0.2.010" },
      "rangeStart: invalid IP address: 192.0.2.010",
    ],
  ])("refuses %s", (_, text, expected) => {
    expect(faults(text)).toEqual([expected]);
  });

  it("tells of all that cannot be read at once", () => {
    expect(faults({ subnet: "x", rangeStart: "y", gateway: "z" })).toEqual([
      "subnet: invalid CIDR address: x",
      "gateway: invalid IP address: z",
      "rangeStart: invalid IP address: y",
    ]);
  });
});

describe("findRange", () => {
  const v4 = { subnet: "192.0.2.0/24", rangeStart: "192.0.2.40", rangeEnd: "192.0.2.50" };
  const v6 = { subnet: "2001:db8::/64", rangeStart: "2001:db8::40", rangeEnd: "2001:db8::50" };
  it.each<[string, RangeText, string, boolean]>([
    ["R11 below the start", v4, "192.0.2.39", false],
    ["R11 the start", v4, "192.0.2.40", true],
    ["R11 the end", v4, "192.0.2.50", true],
    ["R11 above the end", v4, "192.0.2.51", false],
    ["R11 the network address", { subnet: "192.0.2.0/24" }, "192.0.2.0", false],
    ["R11 the broadcast address", { subnet: "192.0.2.0/24" }, "192.0.2.255", false],
    ["R12 below an IPv6 start", v6, "2001:db8::39", false],
    ["R12 an IPv6 start", v6, "2001:db8::40", true],
    ["R12 an IPv6 end", v6, "2001:db8::50", true],
    ["R12 above an IPv6 end", v6, "2001:db8::51", false],
    ["R12 an address of the other family", v6, "192.0.2.1", false],
  ])("%s", (_, text, ip, inside) => {
    const one = range(text);
    expect(findRange([one], parseIp(ip)!)).toBe(inside ? one : undefined);
  });

  it("S1 names the range of a set that holds an address", () => {
    const set = [range({ subnet: "192.168.0.0/20" }), range({ subnet: "172.16.3.0/24" })];
    expect(findRange(set, parseIp("192.168.2.99")!)).toBe(set[0]);
    expect(findRange(set, parseIp("172.16.3.99")!)).toBe(set[1]);
    expect(findRange(set, parseIp("192.168.99.99")!)).toBeUndefined();
    expect(formatSet(set)).toBe("192.168.0.1-192.168.15.254,172.16.3.1-172.16.3.254");
  });
});

describe("overlaps", () => {
  it.each<[string, RangeText, RangeText, boolean]>([
    ["R13 apart", { subnet: "10.1.0.0/24" }, { subnet: "10.0.0.0/24" }, false],
    [
      "R14 of different families, though the bits are the same",
      { subnet: "0.0.0.0/24" },
      { subnet: "::/120" },
      false,
    ],
    ["R15 identical", { subnet: "10.0.0.0/24" }, { subnet: "10.0.0.0/24" }, true],
    ["R16 containing", { subnet: "10.0.0.0/20" }, { subnet: "10.0.1.0/24" }, true],
    [
      "R17 one subnet, split",
      { subnet: "10.0.0.0/24", rangeEnd: "10.0.0.127" },
      { subnet: "10.0.0.0/24", rangeStart: "10.0.0.128" },
      false,
    ],
    [
      "R18 one subnet, sharing an address",
      { subnet: "10.0.0.0/24", rangeEnd: "10.0.0.127" },
      { subnet: "10.0.0.0/24", rangeStart: "10.0.0.127" },
      true,
    ],
  ])("%s", (_, a, b, expected) => {
    expect(overlaps(range(a), range(b))).toBe(expected);
    expect(overlaps(range(b), range(a))).toBe(expected);
  });

  it("S3 finds an overlap between sets, either way round", () => {
    const one = [range({ subnet: "192.168.0.0/20" })];
    const two = [range({ subnet: "10.0.0.0/24" }), range({ subnet: "192.168.2.0/24" })];
    expect(setsOverlap(one, two)).toBe(true);
    expect(setsOverlap(two, one)).toBe(true);
    expect(setsOverlap(one, [two[0]!])).toBe(false);
  });
});

describe("faultOfSet", () => {
  it.each<[string, RangeText[], string | undefined]>([
    ["accepts ranges apart", [{ subnet: "10.0.0.0/24" }, { subnet: "10.0.1.0/24" }], undefined],
    ["refuses an empty set", [], "empty range set"],
    [
      "refuses two families",
      [{ subnet: "10.0.0.0/24" }, { subnet: "2001:db8::/64" }],
      "mixed address families",
    ],
    [
      "S2 refuses an overlap",
      [{ subnet: "192.168.0.0/20" }, { subnet: "192.168.2.0/24" }],
      "subnets 192.168.0.1-192.168.15.254 and 192.168.2.1-192.168.2.254 overlap",
    ],
  ])("%s", (_, texts, expected) => {
    expect(faultOfSet(texts.map(range))).toBe(expected);
  });
});
