import { describe, expect, it } from "vitest";
import { refuseProblems, warnUnknownKeys } from "../../src/cni/findings.ts";
import { boolean, type Findings, integer, json, object } from "../../src/cni/shape.ts";
import { caught } from "../support/caught.ts";
import { fakeProcess } from "../support/fake-process.ts";

const shape = object({ mtu: integer, isGateway: boolean, ipam: object({ rangeStart: json }) });
function find(config: unknown): Findings {
  const findings: Findings = { problems: [], unknownKeys: [] };
  shape(config, "", findings);
  return findings;
}

describe("refuseProblems", () => {
  it("says nothing about a configuration that is right", () => {
    refuseProblems(find({ mtu: 1500, unknown: 1 }));
  });

  it("throws code 7 with the first problem, and all of them in the details", () => {
    expect(caught(() => refuseProblems(find({ mtu: "5", isGateway: 1 })))).toMatchObject({
      code: 7,
      message: 'invalid configuration: mtu: must be an integer, not "5"',
      details: 'mtu: must be an integer, not "5"\nisGateway: must be true or false, not 1',
    });
  });
});

describe("warnUnknownKeys", () => {
  const warnings = (config: unknown) => {
    const host = fakeProcess();
    warnUnknownKeys(host, find(config));
    return host.stderr;
  };

  it("names the key, and the one that was meant", () => {
    expect(warnings({ isGatway: true, ipam: { rangestrat: 1, other: 2 } })).toBe(
      "cni-bridge: unknown configuration key isGatway has no effect; did you mean isGateway?\n" +
        "cni-bridge: unknown configuration key ipam.rangestrat has no effect; did you mean rangeStart?\n" +
        "cni-bridge: unknown configuration key ipam.other has no effect\n",
    );
  });

  it("says nothing of keys that runtimes pass through", () => {
    const passed = {
      cniVersion: "1.1.0",
      CNIVersions: [],
      name: "n",
      type: "bridge",
      disableCheck: false,
      disableGC: false,
      loadOnlyInlinedPlugins: true,
      capabilities: { mac: true },
      runtimeConfig: {},
      args: {},
      dns: {},
      prevResult: {},
      "cni.dev/valid-attachments": [],
      "cni.dev/x": 1,
    };
    expect(warnings(passed)).toBe("");
    expect(warnings({ ipam: { name: 1 } })).toContain("ipam.name");
  });
});
