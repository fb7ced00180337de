// The reference's config_test.go (C1–C13), and what we do beyond it: JSON paths, precedence, keys in any case.
import { describe, expect, it } from "vitest";
import { readIpamConfig, readStoreConfig } from "../../src/host-local/config.ts";
import { formatRange } from "../../src/host-local/ranges.ts";
import { formatIp, formatPrefix } from "../../src/net/ip.ts";
import { FakeHost } from "../support/fake-host.ts";
import { type Call, failure, requestOf } from "./call.ts";

const read = (call: Call) => readIpamConfig(new FakeHost(), requestOf("ADD", "c", call));
const sets = (call: Call) =>
  read(call).sets.map((set) =>
    set.map((range) => `${formatPrefix(range.subnet)} ${formatRange(range)} ${formatIp(range.gateway)}`),
  );
const requested = (call: Call) => read(call).requested.map(formatIp);

const three = [
  [
    { subnet: "10.1.2.0/24", rangeStart: "10.1.2.9", rangeEnd: "10.1.2.20", gateway: "10.1.2.30" },
    { subnet: "10.1.4.0/24" },
  ],
  [{ subnet: "11.1.2.0/24", rangeStart: "11.1.2.9", rangeEnd: "11.1.2.20", gateway: "11.1.2.30" }],
];
const threeRead = [
  ["10.1.2.0/24 10.1.2.9-10.1.2.20 10.1.2.30", "10.1.4.0/24 10.1.4.1-10.1.4.254 10.1.4.1"],
  ["11.1.2.0/24 11.1.2.9-11.1.2.20 11.1.2.30"],
];

describe("readIpamConfig", () => {
  it("C1 reads the old single range as one set", () => {
    const ipam = {
      subnet: "10.1.2.0/24",
      rangeStart: "10.1.2.9",
      rangeEnd: "10.1.2.20",
      gateway: "10.1.2.30",
    };
    expect(sets({ ipam })).toEqual([["10.1.2.0/24 10.1.2.9-10.1.2.20 10.1.2.30"]]);
  });

  it("C2 reads range sets, in order and filled in", () => {
    expect(sets({ ipam: { ranges: three } })).toEqual(threeRead);
  });

  it("C3 puts the runtime's sets first, then the single range, then the others", () => {
    const ipam = { subnet: "10.1.7.0/24", ranges: three };
    const more = { runtimeConfig: { ipRanges: [[{ subnet: "12.1.3.0/24" }]] } };
    expect(sets({ ipam, more })).toEqual([
      ["12.1.3.0/24 12.1.3.1-12.1.3.254 12.1.3.1"],
      ["10.1.7.0/24 10.1.7.1-10.1.7.254 10.1.7.1"],
      ...threeRead,
    ]);
  });

  it.each<[string, string, string[]]>([
    ["C4 without prefix", "IP=10.1.2.10", ["10.1.2.10"]],
    ["C5 with prefix", "IP=10.1.2.11/24", ["10.1.2.11"]],
    ["among other keys", "IgnoreUnknown=1;K8S_POD_NAME=p;IP=10.1.2.10", ["10.1.2.10"]],
    ["that is empty", "IP=", []],
    ["of which only the exact name counts", "ip=10.1.2.10", []],
  ])("%s: reads IP of CNI_ARGS", (_, args, expected) => {
    expect(requested({ args })).toEqual(expected);
  });

  const cni = (ips: unknown) => ({ args: { cni: { ips } } });
  it.each<[string, unknown]>([
    ["C6 without prefix", ["10.1.2.11", "11.11.11.11", "2001:db8:1::11"]],
    ["C7 with prefix", ["10.1.2.11/24", "11.11.11.11/24", "2001:db8:1::11/64"]],
  ])("%s: reads args.cni.ips", (_, ips) => {
    expect(requested({ more: cni(ips) })).toEqual(["10.1.2.11", "11.11.11.11", "2001:db8:1::11"]);
  });

  it("C13 reads runtimeConfig.ips, each address once", () => {
    const ips = ["192.168.0.1", "192.168.0.5/24", "2001:db8::1/64", "192.168.0.1/16", "::ffff:192.168.0.5"];
    expect(requested({ more: { runtimeConfig: { ips } } })).toEqual([
      "192.168.0.1",
      "192.168.0.5",
      "2001:db8::1",
    ]);
  });

  it.each<[string, Call, string[]]>([
    [
      "runtimeConfig.ips over the rest",
      { args: "IP=10.1.2.3", more: { ...cni(["10.1.2.4"]), runtimeConfig: { ips: ["10.1.2.5"] } } },
      ["10.1.2.5"],
    ],
    ["args.cni.ips over CNI_ARGS", { args: "IP=10.1.2.3", more: cni(["10.1.2.4"]) }, ["10.1.2.4"]],
    [
      "CNI_ARGS where the others are empty",
      { args: "IP=10.1.2.3", more: { ...cni([]), runtimeConfig: { ips: null } } },
      ["10.1.2.3"],
    ],
    ["args.cni.ips over a broken CNI_ARGS", { args: "IP=nonsense", more: cni(["10.1.2.4"]) }, ["10.1.2.4"]],
  ])("prefers %s", (_, call, expected) => {
    expect(requested(call)).toEqual(expected);
  });

  it("C12 takes one set of each family for version 0.2.0", () => {
    const ipam = { ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:1::/48" }]] };
    expect(sets({ ipam, cniVersion: "0.2.0" })).toHaveLength(2);
  });

  it("reads keys in any case, as go-cni sends them, and its flat ipRanges as one set", () => {
    const ipRanges = [{ Subnet: "10.5.0.0/24", RangeStart: "", RangeEnd: "10.5.0.9", Gateway: "" }];
    expect(sets({ ipam: {}, more: { RuntimeConfig: { IPRanges: ipRanges } } })).toEqual([
      ["10.5.0.0/24 10.5.0.1-10.5.0.9 10.5.0.1"],
    ]);
  });

  it("keeps all of a route, host bits too", () => {
    const routes = [
      { dst: "192.168.7.1/16", gw: "10.1.2.9", mtu: 1400, advmss: 1300, priority: 7, table: 0, scope: 253 },
      { dst: "::/0", gw: "" },
    ];
    expect(read({ ipam: { subnet: "10.1.2.0/24", routes } }).routes).toEqual([
      { dst: "192.168.7.1/16", gw: "10.1.2.9", mtu: 1400, advmss: 1300, priority: 7, table: 0, scope: 253 },
      { dst: "::/0" },
    ]);
  });

  it("has the documented defaults", () => {
    const { path, lockTimeoutMs, cooldownMs, stickyName, statusFailsWhenFull } = read({});
    expect({ path, lockTimeoutMs, cooldownMs, stickyName, statusFailsWhenFull }).toEqual({
      path: "/var/lib/cni/networks/net",
      lockTimeoutMs: 30_000,
      cooldownMs: 0,
      stickyName: undefined,
      statusFailsWhenFull: false,
    });
  });

  const subnet = "10.1.2.0/24";
  const overlap = [[{ subnet }, { subnet: "10.2.2.0/24" }], [{ subnet: "10.1.0.0/16" }]];
  it.each<[string, Call, string]>([
    ["no ranges", { ipam: {} }, "no IP ranges specified: ipam has neither subnet nor ranges"],
    [
      "a range without subnet only",
      { ipam: { rangeStart: "10.1.2.3" } },
      "no IP ranges specified: ipam has neither subnet nor ranges",
    ],
    ["ipam that is null", { ipam: null }, "IPAM config missing 'ipam' key"],
    ["ipam that is no object", { ipam: "x" }, 'invalid configuration: ipam: must be an object, not "x"'],
    [
      "C8 sets that overlap",
      { ipam: { ranges: overlap } },
      "invalid configuration: ipam.ranges[1][0]: range set 0 overlaps with 1",
    ],
    [
      "C9 ranges that overlap",
      { ipam: { ranges: [[{ subnet: "10.1.0.0/22" }, { subnet }]] } },
      "invalid configuration: ipam.ranges[0][0]: invalid range set 0: subnets 10.1.0.1-10.1.3.254 and 10.1.2.1-10.1.2.254 overlap",
    ],
    [
      "C10 two families in a set",
      { ipam: { ranges: [[{ subnet: "10.1.0.0/22" }, { subnet: "2001:db8:5::/64" }]] } },
      "invalid configuration: ipam.ranges[0][0]: invalid range set 0: mixed address families",
    ],
    [
      "C11 two IPv4 sets for 0.2.0",
      { cniVersion: "0.2.0", ipam: { ranges: [[{ subnet }], [{ subnet: "11.1.2.0/24" }]] } },
      "invalid configuration: ipam.ranges[1][0]: CNI version 0.2.0 does not support more than 1 address per family",
    ],
    [
      "an empty set",
      { ipam: { ranges: [[]] } },
      "invalid configuration: ipam.ranges: invalid range set 0: empty range set",
    ],
    [
      "a bad subnet deep inside",
      { ipam: { ranges: [[{ subnet }], [{ subnet: "10.2.2.1/24" }]] } },
      "invalid configuration: ipam.ranges[1][0].subnet: invalid range set 1: Network has host bits set. For a subnet mask of length 24 the network address is 10.2.2.0",
    ],
    [
      "a bad start in the single range",
      { ipam: { subnet, rangeStart: "10.9.9.9" } },
      "invalid configuration: ipam.rangeStart: invalid range set 0: RangeStart 10.9.9.9 not in network 10.1.2.0/24",
    ],
    [
      "a gateway outside",
      { ipam: { subnet, gateway: "10.9.9.9" } },
      "invalid configuration: ipam.gateway: invalid range set 0: Gateway 10.9.9.9 not in network 10.1.2.0/24",
    ],
    [
      "a bad range of the runtime",
      { more: { runtimeConfig: { ipRanges: [[{ subnet: "x" }]] } } },
      "invalid configuration: runtimeConfig.ipRanges[0][0].subnet: invalid range set 0: invalid CIDR address: x",
    ],
    [
      "a subnet that is a number",
      { ipam: { ranges: [[{ subnet: 5 }]] } },
      "invalid configuration: ipam.ranges[0][0].subnet: must be a string, not 5",
    ],
    [
      "a range that is null",
      { ipam: { ranges: [[null]] } },
      "invalid configuration: ipam.ranges[0][0]: must not be null",
    ],
    [
      "a set that is null",
      { ipam: { ranges: [null] } },
      "invalid configuration: ipam.ranges[0]: must not be null",
    ],
    [
      "an address that is null",
      { more: { runtimeConfig: { ips: [null] } } },
      "invalid configuration: runtimeConfig.ips[0]: must not be null",
    ],
    [
      "an address that is none",
      { more: { runtimeConfig: { ips: ["10.1.2.3", "zz"] } } },
      "invalid configuration: runtimeConfig.ips[1]: invalid IP address zz",
    ],
    [
      "an address that is empty",
      { more: cni([""]) },
      "invalid configuration: args.cni.ips[0]: cannot understand ip: IP <nil> not v4 nor v6",
    ],
    [
      "a bad IP in CNI_ARGS",
      { args: "IP=foo" },
      'invalid configuration: CNI_ARGS: ARGS: error parsing value of pair "IP=foo": invalid IP address foo',
    ],
    [
      "a route without dst",
      { ipam: { subnet, routes: [{ gw: "10.1.2.1" }] } },
      "invalid configuration: ipam.routes[0].dst: invalid CIDR address: ",
    ],
    [
      "a route with a bad dst",
      { ipam: { subnet, routes: [{ dst: "default" }] } },
      "invalid configuration: ipam.routes[0].dst: invalid CIDR address: default",
    ],
    [
      "a route with a bad gw",
      { ipam: { subnet, routes: [{ dst: "0.0.0.0/0", gw: "x" }] } },
      "invalid configuration: ipam.routes[0].gw: invalid IP address: x",
    ],
    [
      "a route that is null",
      { ipam: { subnet, routes: [null] } },
      "invalid configuration: ipam.routes[0]: must not be null",
    ],
    [
      "an mtu that is a text",
      { ipam: { subnet, routes: [{ dst: "0.0.0.0/0", mtu: "1400" }] } },
      'invalid configuration: ipam.routes[0].mtu: must be an integer, not "1400"',
    ],
    [
      "an exclusion that is none",
      { ipam: { subnet, exclude: ["10.1.2.9", "10.1.2.x"] } },
      "invalid configuration: ipam.exclude[1]: neither an IP address nor a CIDR: 10.1.2.x",
    ],
    [
      "a cooldown below zero",
      { ipam: { subnet, cooldown: -1 } },
      "invalid configuration: ipam.cooldown: must not be negative",
    ],
    [
      "a lock timeout below zero",
      { ipam: { subnet, lockTimeout: -1 } },
      "invalid configuration: ipam.lockTimeout: must not be negative",
    ],
    [
      "a dataDir that is a number",
      { ipam: { subnet, dataDir: 5 } },
      "invalid configuration: ipam.dataDir: must be a string, not 5",
    ],
  ])("refuses %s with code 7 and its path", (_, call, message) => {
    const { details: _details, ...found } = failure(() => read(call));
    expect(found).toEqual({ code: 7, message });
  });

  it("tells of everything that is wrong at once", () => {
    const ipam = { ranges: [[{ subnet: "x" }], [{ subnet, gateway: "1.1.1.1" }]], exclude: ["y"] };
    expect(failure(() => read({ ipam })).details?.split("\n")).toEqual([
      "ipam.ranges[0][0].subnet: invalid range set 0: invalid CIDR address: x",
      "ipam.ranges[1][0].gateway: invalid range set 1: Gateway 1.1.1.1 not in network 10.1.2.0/24",
      "ipam.exclude[0]: neither an IP address nor a CIDR: y",
    ]);
  });

  it("tells of a key that nobody knows, without failing", () => {
    const host = new FakeHost();
    readIpamConfig(host, requestOf("ADD", "c", { ipam: { subnet, rangeStrat: "10.1.2.9" } }));
    expect(host.stderr).toBe(
      "cni-bridge: unknown configuration key ipam.rangeStrat has no effect; did you mean rangeStart?\n",
    );
  });
});

describe("readStoreConfig", () => {
  it.each<[string, unknown, string, string]>([
    ["ipam missing", undefined, "/var/lib/cni/networks/net", ""],
    [
      "ipam of another type",
      5,
      "/var/lib/cni/networks/net",
      "cni-bridge: DEL goes on without ipam: must be an object, not 5\n",
    ],
    ["bad ranges, of which DEL needs none", { ranges: "x", subnet: 7, dataDir: "/d" }, "/d/net", ""],
    [
      "a dataDir of another type",
      { dataDir: [] },
      "/var/lib/cni/networks/net",
      "cni-bridge: DEL goes on without ipam.dataDir: must be a string, not an array\n",
    ],
  ])("goes on with %s", (_, ipam, path, stderr) => {
    const host = new FakeHost();
    const request = requestOf("DEL", "c");
    const config = { ...request.config, ipam };
    expect(readStoreConfig(host, { ...request, config }).path).toBe(path);
    expect(host.stderr).toBe(stderr);
  });
});
