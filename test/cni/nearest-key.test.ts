import { describe, expect, it } from "vitest";
import { nearestKey } from "../../src/cni/nearest-key.ts";

const known = [
  "mtu",
  "gw",
  "vlan",
  "vlanTrunk",
  "isGateway",
  "isDefaultGateway",
  "ipMasq",
  "hairpinMode",
  "subnet",
];

describe("nearestKey", () => {
  it.each([
    ["isGatway", "isGateway"],
    ["isGatewya", "isGateway"],
    ["isgateway", "isGateway"],
    ["ipmask", "ipMasq"],
    ["subent", "subnet"],
    ["sbnt", undefined],
    ["hairpin", undefined],
    ["hairpinMod", "hairpinMode"],
    ["vlna", "vlan"],
    ["vlans", "vlan"],
    ["mut", "mtu"],
    ["mt", "mtu"],
    ["xyz", undefined],
    ["", undefined],
    ["masqueradeEverything", undefined],
  ])("of %j is %s", (written, nearest) => {
    expect(nearestKey(written, known)).toBe(nearest);
  });

  it("prefers the one with fewer edits, then the first", () => {
    expect(nearestKey("rangeSart", ["rangeEnd", "rangeStop", "rangeStart"])).toBe("rangeStart");
    expect(nearestKey("abcdeX", ["abcdeY", "abcdeZ"])).toBe("abcdeY");
    expect(nearestKey("any", [])).toBeUndefined();
  });
});
