// One fault at every system call of ADD and of DEL: an ADD completes or leaves nothing, a DEL that did not finish is
// finished by the next, and no address is lost. The snapshots come from ip, bridge, nft and the files.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CallSite, callSites, type Fault, withFault } from "../support/faults.ts";
import { attachment, dualStack } from "../support/network.ts";
import type { PluginEnded } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";

// 14 hosts: gateway, two that live all along, and what a lost address would be missed from.
const CONF = dualStack(41, {
  hairpinMode: true,
  ipam: { type: "host-local", ranges: [[{ subnet: "10.41.0.0/28" }], [{ subnet: "fd00:41::/64" }]] },
});
const CALL = attachment("victim");
const EXCEPT_MEMORY = { exceptMemory: true };

/** A failure says so once, in JSON, with a code; a kill says nothing. */
function expectAnswer(ended: PluginEnded, fault: Fault, { mayBeMissing }: CallSite, site: string): void {
  if (fault === "kill") {
    if (!mayBeMissing) expect(ended.status, site).not.toBe(0);
    return;
  }
  expect([0, 1], site).toContain(ended.status);
  // Where it is standard output that fails, part of the answer may be out: the reason goes to standard error.
  if (ended.status === 0 || ended.stderr.includes("cannot write to standard output")) return;
  expect(ended.json, `${site}: ${ended.stdout}`).toMatchObject({ code: expect.any(Number) });
}

describe.each<Fault>(["error", "kill"])("with the fault %s at every system call", (fault) => {
  let node: Sandbox;
  let before: unknown;
  const state = () => node.snapshot(EXCEPT_MEMORY);
  const run = (verb: string, call = CALL) => node.plugin("bridge", verb, CONF, call);
  const must = (verb: string, site: string, call = CALL) => {
    const ended = run(verb, call);
    expect(ended.status, `${verb} after ${site}: ${ended.stdout}`).toBe(0);
  };

  beforeAll(async () => {
    node = await Sandbox.create();
    for (const id of ["one", "two"]) {
      must("ADD", "nothing", { containerId: id, netns: node.addNetns(id) });
    }
    node.addNetns("victim");
    // Twice, so that sysctls which stay and the round of addresses are as they will be.
    for (let round = 0; round < 2; round++) {
      must("ADD", "nothing");
      must("DEL", "nothing");
    }
    before = state();
  });
  afterAll(() => node?.dispose());

  it("ADD completes or leaves nothing, and DEL and ADD work after it", () => {
    const sites = callSites(node, "ADD", CONF, CALL);
    must("DEL", "counting");
    expect(sites.length).toBeGreaterThan(60);
    let failed = 0;
    for (const site of sites) {
      const label = `${site.name} ${site.nth} of ADD`;
      const ended = withFault(node, "ADD", CONF, CALL, site, fault);
      expectAnswer(ended, fault, site, label);
      if (ended.status !== 0) failed++;
      if (fault === "error" && ended.status === 1)
        expect(state(), `${label}: ${ended.stdout}`).toEqual(before);
      must("DEL", label);
      expect(state(), label).toEqual(before);
    }
    // Very many calls matter: a fault that changed nothing anywhere would be none.
    expect(failed).toBeGreaterThan(sites.length / 3);
    must("ADD", "all faults");
    must("DEL", "all faults");
  }, 600_000);

  it("DEL is finished by the next DEL", () => {
    must("ADD", "nothing");
    const sites = callSites(node, "DEL", CONF, CALL);
    expect(sites.length).toBeGreaterThan(40);
    for (const site of sites) {
      const label = `${site.name} ${site.nth} of DEL`;
      must("ADD", label);
      const ended = withFault(node, "DEL", CONF, CALL, site, fault);
      expectAnswer(ended, fault, site, label);
      must("DEL", label);
      expect(state(), `${label}: ${ended.stdout}`).toEqual(before);
    }
  }, 600_000);

  it("has lost no address", () => {
    // /28 without network, broadcast and gateway: 13, of which two are held.
    for (let index = 0; index < 11; index++) {
      const id = `filler${index}`;
      must("ADD", "all faults", { containerId: id, netns: node.addNetns(id) });
    }
    const full = run("ADD");
    expect(full.json?.msg).toContain("no IP addresses available in range set");
  }, 60_000);
});
