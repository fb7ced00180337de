import { describe, expect, it } from "vitest";
import { parsePrevResult, parseResult } from "../../src/cni/result.ts";
import { caught } from "../support/caught.ts";

const nothing = { interfaces: [], ips: [], routes: [], dns: {} };
const read = (value: unknown, cniVersion = "1.1.0") => parseResult(value, cniVersion, "prevResult");

describe("parseResult", () => {
  it("reads 1.1.0 whole", () => {
    const result = {
      interfaces: [
        { name: "cni0", mac: "02:00:00:00:00:01", mtu: 1500 },
        { name: "eth0", sandbox: "/n" },
      ],
      ips: [{ address: "10.1.0.5/16", gateway: "10.1.0.1", interface: 0 }],
      routes: [
        { dst: "0.0.0.0/0", gw: "10.1.0.1", mtu: 1, advmss: 2, priority: 3, table: 0, scope: 0 },
        { dst: "::/0" },
      ],
      dns: { nameservers: ["10.1.0.53"], domain: "d", search: ["s"], options: ["o"] },
    };
    expect(read({ cniVersion: "1.1.0", ...result })).toEqual(result);
  });

  it("reads 0.3.0 to 0.4.0, whose addresses say their family", () => {
    const ips = [{ version: "4", interface: 1, address: "10.1.0.5/16" }];
    for (const cniVersion of ["0.3.0", "0.3.1", "0.4.0"]) {
      expect(read({ cniVersion, ips, dns: {} }).ips).toEqual([{ interface: 1, address: "10.1.0.5/16" }]);
    }
  });

  it.each(["0.1.0", "0.2.0"])("reads %s: ip4 first, then ip6, routes together", (cniVersion) => {
    const ip4 = { ip: "10.1.0.5/16", gateway: "10.1.0.1", routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }] };
    const ip6 = { ip: "fd00::5/64", routes: [{ dst: "::/0" }] };
    expect(read({ cniVersion, ip6, ip4, dns: { domain: "d" } })).toEqual({
      interfaces: [],
      ips: [{ address: "10.1.0.5/16", gateway: "10.1.0.1" }, { address: "fd00::5/64" }],
      routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }, { dst: "::/0" }],
      dns: { domain: "d" },
    });
  });

  it.each([undefined, null, "", 5])("takes the configuration's version where its own is %j", (cniVersion) => {
    const ip4 = { ip: "10.1.0.5/16" };
    expect(read({ cniVersion, ip4 }, "0.2.0").ips).toEqual([{ address: "10.1.0.5/16" }]);
    expect(read({ cniVersion, ip4 }, "1.0.0").ips).toEqual([]);
  });

  it.each([
    ["keys in any case", { IPs: [{ ADDRESS: "10.1.0.5/16" }] }, { ips: [{ address: "10.1.0.5/16" }] }],
    ["null for nothing", { interfaces: null, ips: null, routes: null, dns: null }, {}],
    ["null inside", { dns: { nameservers: null, domain: null } }, {}],
    [
      "an empty gateway",
      { ips: [{ address: "10.1.0.5/16", gateway: "" }] },
      { ips: [{ address: "10.1.0.5/16" }] },
    ],
    ["a route with an empty gw", { routes: [{ dst: "::/0", gw: "" }] }, { routes: [{ dst: "::/0" }] }],
    [
      "interface -1 for none",
      { ips: [{ address: "10.1.0.5/16", interface: -1 }] },
      { ips: [{ address: "10.1.0.5/16" }] },
    ],
    [
      "unknown fields",
      { x: 1, interfaces: [{ name: "a", socketPath: "/s" }] },
      { interfaces: [{ name: "a" }] },
    ],
    ["keys of Object", { constructor: 1, toString: 2 }, {}],
    [
      "any spelling of an address",
      { ips: [{ address: "FD00:0::05/64" }] },
      { ips: [{ address: "fd00::5/64" }] },
    ],
    [
      "an IPv4-mapped address as Go",
      { ips: [{ address: "::ffff:10.0.0.1/104" }] },
      { ips: [{ address: "10.0.0.1/8" }] },
    ],
  ])("takes %s", (_, value, expected) => {
    expect(read(value)).toEqual({ ...nothing, ...expected });
  });

  it("lets no __proto__ key change what it reads", () => {
    expect(read(JSON.parse('{"__proto__":{"ips":[{"address":"10.1.0.5/16"}]}}'))).toEqual(nothing);
  });

  it.each([
    ["a text", "x", "it is not a JSON object"],
    ["an array", [], "it is not a JSON object"],
    ["nothing", undefined, "it is not a JSON object"],
    ["an unknown version", { cniVersion: "7.0.0" }, 'unsupported CNI result version "7.0.0"'],
    ["ips that are no list", { ips: {} }, "ips must be an array, not an object"],
    [
      "an interface that is a text",
      { ips: [{ interface: "0", address: "10.1.0.5/16" }] },
      "ips[0].interface must be an integer",
    ],
    [
      "a fraction",
      { interfaces: [{ name: "a", mtu: 1.5 }] },
      "interfaces[0].mtu must be an integer, not 1.5",
    ],
    ["no address", { ips: [{ gateway: "10.1.0.1" }] }, "ips[0].address is missing"],
    [
      "an address without a length",
      { ips: [{ address: "10.1.0.5" }] },
      'ips[0].address must be an address with a prefix length, not "10.1.0.5"',
    ],
    [
      "leading zeros",
      { ips: [{ address: "10.01.0.5/16" }] },
      "ips[0].address must be an address with a prefix length",
    ],
    [
      "a gateway with a length",
      { ips: [{ address: "10.1.0.5/16", gateway: "10.1.0.1/16" }] },
      "ips[0].gateway must be an IP address",
    ],
    [
      "the route default",
      { routes: [{ dst: "default" }] },
      "routes[0].dst must be an address with a prefix length",
    ],
    ["no dst", { routes: [{ gw: "10.1.0.1" }] }, "routes[0].dst is missing"],
    ["no name", { interfaces: [{ mac: "x" }] }, "interfaces[0].name is missing"],
    ["null in a list", { ips: [null] }, "ips[0] must not be null"],
    [
      "a nameserver that is a number",
      { dns: { nameservers: [1] } },
      "dns.nameservers[0] must be a string, not 1",
    ],
  ])("refuses %s", (_, value, words) => {
    const error = caught(() => read(value));
    expect(error.code).toBe(6);
    expect(error.message).toContain(`cannot decode prevResult: ${words}`);
  });

  it("refuses an ip4 without ip", () => {
    expect(caught(() => read({ ip4: {} }, "0.2.0")).message).toBe(
      "cannot decode prevResult: ip4.ip is missing",
    );
  });

  it("lists every fault in the details, each once", () => {
    const value = { ips: [{ address: 5 }, {}], routes: [{ dst: "x" }] };
    expect(
      caught(() => read(value))
        .details?.split("\n")
        .map((line) => line.split(":")[0]),
    ).toEqual(["ips[0].address", "ips[1].address", "routes[0].dst"]);
  });
});

describe("parsePrevResult", () => {
  const families = [
    ["0.1.0", "0.2.0"],
    ["0.3.0", "0.3.1", "0.4.0"],
    ["1.0.0", "1.1.0"],
  ];
  const all = families.flat();
  const pairs = all.flatMap((own) => all.map((configured) => ({ own, configured })));
  it.each(pairs)("a result of $own under $configured", ({ own, configured }) => {
    const run = () => parsePrevResult({ cniVersion: own }, configured);
    if (families.some((family) => family.includes(own) && family.includes(configured))) {
      expect(run()).toEqual(nothing);
    } else expect(caught(run)).toMatchObject({ code: 6, message: expect.stringContaining(own) });
  });

  it("takes a result without a version for one of the configuration's", () => {
    expect(parsePrevResult({ ip4: { ip: "10.1.0.5/16" } }, "0.1.0").ips).toHaveLength(1);
  });

  it.each([undefined, "x", [], { cniVersion: "7.0.0" }])("refuses %j", (value) => {
    expect(caught(() => parsePrevResult(value, "1.1.0")).code).toBe(6);
  });
});
