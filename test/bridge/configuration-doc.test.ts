// docs/configuration.md has a row for each key that the plugin reads.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { keys } from "../../src/bridge/config.ts";
import type { Findings } from "../../src/cni/shape.ts";

const text = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8");
const documented = [...text.matchAll(/^\| `(\w+)` \|/gm)].map(([, key]) => key!);

function knownKeys(): readonly string[] {
  const findings: Findings = { problems: [], unknownKeys: [] };
  keys({ nobodyKnowsThis: 1 }, "", findings);
  return findings.unknownKeys[0]!.known;
}

describe("docs/configuration.md", () => {
  // In a section of their own.
  const elsewhere = ["args", "runtimeConfig"];
  // Read before the plugin's own keys.
  const protocol = ["cniVersion", "name"];

  it("has a row for each key", () => {
    expect(knownKeys().length).toBeGreaterThan(25);
    expect(knownKeys().filter((key) => !documented.includes(key))).toEqual(elsewhere);
  });

  it("has no row for a key that is not read", () => {
    expect(documented.filter((key) => !knownKeys().includes(key))).toEqual(protocol);
  });

  it("has each key once", () => {
    expect(documented).toEqual([...new Set(documented)]);
  });
});
