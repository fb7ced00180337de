import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { formatResult } from "../../src/cni/format-result.ts";
import { parseResult, type Result } from "../../src/cni/result.ts";
import { caught } from "../support/caught.ts";
import fc from "../support/properties.ts";
import { checkResultText } from "../support/result-schema.ts";

const versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
const sandbox = "/run/netns/t1";

const results: Record<string, Result> = {
  full: {
    interfaces: [
      { name: "cni0", mac: "02:00:00:00:00:01", mtu: 1500 },
      { name: "veth0123456789a", mac: "02:00:00:00:00:02", mtu: 1500 },
      { name: "eth0", mac: "02:00:00:00:00:03", mtu: 1500, sandbox },
    ],
    ips: [
      { address: "10.1.0.5/16", gateway: "10.1.0.1", interface: 2 },
      { address: "fd00::5/64", gateway: "fd00::1", interface: 2 },
      { address: "10.2.0.5/16", interface: 0 },
    ],
    routes: [
      { dst: "0.0.0.0/0" },
      { dst: "::/0", gw: "fd00::1" },
      { dst: "192.168.0.0/24", gw: "10.1.0.9", mtu: 1400, advmss: 1360, priority: 100, table: 0, scope: 0 },
    ],
    dns: {
      options: ["ndots:2"],
      search: ["a.example.org", "b.example.org"],
      domain: "example.org",
      nameservers: ["10.1.0.53", "fd00::53"],
    },
  },
  ipv6: { interfaces: [], ips: [{ address: "fd00::5/64" }], routes: [], dns: {} },
  layer2: { interfaces: [{ name: "cni0" }, { name: "eth0", sandbox }], ips: [], routes: [], dns: {} },
  empty: { interfaces: [], ips: [], routes: [], dns: {} },
};

const folder = new URL("../golden/results/", import.meta.url);
const goldens = readdirSync(folder).map((file) => {
  const [, name, version] = /^(\w+)-([0-9.]+)\.json$/.exec(file)!;
  return { file, name: name!, version: version! };
});

describe("formatResult", () => {
  it.each(goldens)("writes $file to the letter", ({ file, name, version }) => {
    const golden = readFileSync(new URL(file, folder), "utf8");
    expect(`${formatResult(results[name]!, version)}\n`).toBe(golden);
  });

  it("has a golden of every case and of every version", () => {
    expect(new Set(goldens.map(({ name }) => name))).toEqual(new Set(Object.keys(results)));
    expect(new Set(goldens.map(({ version }) => version))).toEqual(new Set(versions));
  });

  const cases = Object.keys(results).flatMap((name) => versions.map((version) => ({ name, version })));
  it.each(cases)("writes $name at $version in that version's shape, or refuses it", ({ name, version }) => {
    const result = results[name]!;
    if (version < "0.3.0" && result.ips.length === 0) {
      expect(caught(() => formatResult(result, version))).toMatchObject({
        code: 7,
        message: "cannot convert: no valid IP addresses",
      });
    } else checkResultText(formatResult(result, version), version);
  });

  it.each([
    ["0.3.0", "0.3.1"],
    ["0.3.1", "0.4.0"],
    ["0.1.0", "0.2.0"],
  ])("writes %s and %s the same but for the version", (one, other) => {
    expect(formatResult(results.full!, one).replace(one, other)).toBe(formatResult(results.full!, other));
  });

  it.each(["1.0.0", "1.1.0"])("sorts the keys of every object at %s", (version) => {
    JSON.parse(formatResult(results.full!, version), (_, value) => {
      if (typeof value === "object" && !Array.isArray(value)) {
        expect(Object.keys(value)).toEqual(Object.keys(value).toSorted());
      }
      return value;
    });
  });

  it("leaves out zero and nothing, except where zero has a meaning", () => {
    const result: Result = {
      interfaces: [{ name: "eth0", mac: "", mtu: 0, sandbox: "" }],
      ips: [{ address: "10.1.0.5/16", gateway: "", interface: 0 }],
      routes: [{ dst: "0.0.0.0/0", gw: "", mtu: 0, advmss: 0, priority: 0, table: 0, scope: 0 }],
      dns: { nameservers: [], domain: "", search: [], options: [] },
    };
    const rest = {
      ips: [{ address: "10.1.0.5/16", interface: 0 }],
      routes: [{ dst: "0.0.0.0/0", table: 0, scope: 0 }],
      interfaces: [{ name: "eth0" }],
    };
    expect(JSON.parse(formatResult(result, "1.1.0"))).toEqual({ cniVersion: "1.1.0", ...rest });
    expect(JSON.parse(formatResult(result, "0.4.0"))).toEqual({
      cniVersion: "0.4.0",
      ...rest,
      ips: [{ ...rest.ips[0], version: "4" }],
      dns: {},
    });
  });

  it("drops a route whose family has no address, where routes belong to addresses", () => {
    const result = { ...results.ipv6!, routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] };
    expect(JSON.parse(formatResult(result, "0.2.0"))).toMatchObject({ ip6: { routes: [{ dst: "::/0" }] } });
    expect(formatResult(result, "0.2.0")).not.toContain("0.0.0.0/0");
  });

  it("writes what any reader of the specification accepts, and what parseResult reads back", () => {
    fc.assert(
      fc.property(anyResult, fc.constantFrom(...versions), (result, version) => {
        const text = formatResult(result, version);
        checkResultText(text, version);
        expect(formatResult(parseResult(JSON.parse(text), version, "it"), version)).toBe(text);
        if (version === "1.1.0") expect(parseResult(JSON.parse(text), version, "it")).toEqual(result);
      }),
    );
  });
});

const byte = fc.integer({ min: 0, max: 255 });
const count = fc.integer({ min: 1, max: 0xffffffff });
const words = fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 3 });
const family = (address: fc.Arbitrary<string>, bits: number) => ({
  address,
  prefix: fc.tuple(address, fc.integer({ min: 0, max: bits })).map((parts) => parts.join("/")),
});
const families = [
  family(
    fc.tuple(byte, byte, byte).map((bytes) => `10.${bytes.join(".")}`),
    32,
  ),
  family(
    fc.integer({ min: 1, max: 0xffff }).map((group) => `fd00::${group.toString(16)}`),
    128,
  ),
];
const anyIp = families.map(({ address, prefix }) =>
  fc.record({ interface: fc.constant(0), address: prefix, gateway: address }, { requiredKeys: ["address"] }),
);
const anyRoute = families.map(({ address, prefix }) =>
  fc.record(
    {
      dst: prefix,
      gw: address,
      mtu: count,
      advmss: count,
      priority: count,
      table: fc.nat(),
      scope: fc.nat(),
    },
    { requiredKeys: ["dst"] },
  ),
);
const anyInterface = fc.record(
  {
    name: fc.string({ minLength: 1, maxLength: 15 }),
    mac: fc.constant("02:00:00:00:00:0a"),
    mtu: count,
    sandbox: fc.string({ minLength: 1 }),
  },
  { requiredKeys: ["name"] },
);
const anyResult = fc.record({
  interfaces: fc.array(anyInterface, { minLength: 1, maxLength: 4 }),
  ips: fc.array(fc.oneof(...anyIp), { minLength: 1, maxLength: 4 }),
  routes: fc.array(fc.oneof(...anyRoute), { maxLength: 4 }),
  dns: fc.record(
    { nameservers: words, domain: fc.string({ minLength: 1 }), search: words, options: words },
    { requiredKeys: [] },
  ),
});
