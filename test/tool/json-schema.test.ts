// zod reads the schemas and judges configurations by them: an implementation of JSON Schema that is not ours.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { keys as bridgeKeys } from "../../src/bridge/config.ts";
import type { Findings } from "../../src/cni/shape.ts";
import { schemas } from "../../src/tool/json-schema.ts";
import { keysOf } from "../../src/tool/key-docs.ts";

const EXAMPLES = new URL("../../conf.d-examples/", import.meta.url);
const files = readdirSync(EXAMPLES).filter((file) => file !== "README.md");

function accepts(name: string, value: unknown): boolean {
  const schema = z.fromJSONSchema(schemas[name]!() as Parameters<typeof z.fromJSONSchema>[0]);
  return schema.safeParse(value).success;
}

const hostLocal = { type: "host-local", subnet: "10.1.0.0/24" };
const bridge = { cniVersion: "1.1.0", name: "net", type: "bridge", ipam: hostLocal };
const list = { cniVersion: "1.1.0", name: "net", plugins: [{ type: "bridge", ipam: hostLocal }] };

describe("schemas", () => {
  it.each(files)("accept %s", (file) => {
    const value = JSON.parse(readFileSync(new URL(file, EXAMPLES), "utf8"));
    expect(accepts(file.endsWith(".conflist") ? "conflist" : "bridge", value)).toBe(true);
  });

  it.each([
    ["bridge", "a minimal configuration", { name: "net", type: "bridge" }],
    [
      "bridge",
      "every word and number in place",
      { ...bridge, mtu: "auto", vlan: 4094, ipMasqFamilies: ["ipv6"] },
    ],
    ["bridge", "keys of conventions", { ...bridge, "cni.dev/attachments": [], $schema: "x" }],
    ["bridge", "what the runtime adds", { ...bridge, runtimeConfig: { mac: "x", ips: [] }, prevResult: {} }],
    ["bridge", "keys of another IPAM plugin", { ...bridge, ipam: { type: "static", addresses: [] } }],
    ["bridge", "a layer 2 network", { ...bridge, ipam: {} }],
    ["host-local", "range sets", { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]] }],
    ["conflist", "other plugins", { ...list, plugins: [...list.plugins, { type: "tuning", sysctl: {} }] }],
    ["conflist", "keys of a list", { ...list, disableCheck: true, cniVersions: ["1.0.0"] }],
  ])("%s accepts %s", (name, _what, value) => {
    expect(accepts(name, value)).toBe(true);
  });

  it.each([
    ["bridge", "no name", { type: "bridge" }],
    ["bridge", "a misspelt key", { ...bridge, isGatway: true }],
    ["bridge", "a wrong type", { ...bridge, mtu: "1500" }],
    ["bridge", "a VLAN that is none", { ...bridge, vlan: 4095 }],
    ["bridge", "an unknown word", { ...bridge, ipMasqBackend: "nft" }],
    ["bridge", "a name too long", { ...bridge, bridge: "b".repeat(16) }],
    ["bridge", "a version that is none", { ...bridge, cniVersion: "1.0" }],
    ["bridge", "a misspelt key of host-local", { ...bridge, ipam: { ...hostLocal, gatway: "10.1.0.1" } }],
    ["host-local", "a number for a text", { type: "host-local", subnet: 10 }],
    ["host-local", "a set that is no array", { type: "host-local", ranges: [{ subnet: "10.1.0.0/24" }] }],
    ["conflist", "no plugins", { ...list, plugins: [] }],
    ["conflist", "a plugin without a type", { ...list, plugins: [{}] }],
    ["conflist", "a misspelt key of a plugin", { ...list, plugins: [{ type: "bridge", brigde: "b" }] }],
  ])("%s refuses %s", (name, _what, value) => {
    expect(accepts(name, value)).toBe(false);
  });

  const values = ["x", 5, -1, true, [], ["x"], {}];
  const scalars = keysOf(bridgeKeys.form!).filter(({ path }) => !/[.[]/.test(path));

  it.each(scalars)("accept no type of $path that the plugin refuses", ({ path }) => {
    for (const value of values.filter((each) => accepts("bridge", { ...bridge, ipam: {}, [path]: each }))) {
      const findings: Findings = { problems: [], unknownKeys: [] };
      bridgeKeys({ [path]: value }, "", findings);
      expect(findings).toEqual({ problems: [], unknownKeys: [] });
    }
  });
});
