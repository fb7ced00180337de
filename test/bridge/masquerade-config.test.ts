import { describe, expect, it } from "vitest";
import { readMasquerade } from "../../src/bridge/masquerade-config.ts";
import type { Findings } from "../../src/cni/shape.ts";

function read(keys: Parameters<typeof readMasquerade>[0]) {
  const findings: Findings = { problems: [], unknownKeys: [] };
  return { config: readMasquerade(keys, findings), problems: findings.problems };
}
const paths = (keys: Parameters<typeof readMasquerade>[0]) => read(keys).problems.map(({ path }) => path);

describe("readMasquerade", () => {
  it("is off, for both families, with nothing left out, where nothing is configured", () => {
    expect(read({})).toEqual({
      config: {
        ipMasq: false,
        ipMasqBackend: "nftables",
        ipMasqFamilies: ["ipv4", "ipv6"],
        ipMasqRandomFully: false,
        masqExclude: [],
      },
      problems: [],
    });
  });

  it("takes the host bits off excluded networks", () => {
    expect(read({ masqExclude: ["10.1.2.3/8", "fd00::5/64"] }).config.masqExclude).toEqual([
      "10.0.0.0/8",
      "fd00::/64",
    ]);
  });

  it("takes no family for none", () => {
    expect(read({ ipMasqFamilies: [] }).config.ipMasqFamilies).toEqual([]);
  });

  it("names every word that it does not know", () => {
    expect(
      paths({
        ipMasqBackend: "pf",
        ipMasqFamilies: ["ipv4", "IPv6"],
        masqExclude: ["10.0.0.0/8", "10.0.0.1"],
      }),
    ).toEqual(["ipMasqBackend", "ipMasqFamilies[1]", "masqExclude[1]"]);
  });

  it("has families with iptables, and nothing else that the reference has not", () => {
    expect(paths({ ipMasqBackend: "iptables", ipMasqFamilies: ["ipv4"] })).toEqual([]);
    expect(
      paths({ ipMasqBackend: "iptables", ipMasqRandomFully: true, masqExclude: ["10.0.0.0/8"] }),
    ).toEqual(["ipMasqRandomFully", "masqExclude"]);
    expect(paths({ ipMasqBackend: "iptables", ipMasqRandomFully: false, masqExclude: [] })).toEqual([]);
  });
});
