// enabledad on a real kernel: duplicate address detection takes one to two seconds, and ADD waits for its outcome.
// Oracles: ip's view of the addresses, the kernel's sysctls, and the reference plugin on the same configuration.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { REFERENCE } from "../support/executables.ts";
import { SILENT } from "../support/network.ts";
import type { PluginCall } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";

const conf = (addresses: readonly object[], more: object = {}) => ({
  cniVersion: "1.1.0",
  name: "dad",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  enabledad: true,
  ipam: { type: "static", addresses },
  ...more,
});
const V4 = { address: "10.44.0.9/24", gateway: "10.44.0.1" };
const V6 = { address: "fd00:44::9/64", gateway: "fd00:44::1" };
const OTHER = { address: "fd00:44::8/64", gateway: "fd00:44::1" };

let node: Sandbox;
// IPAM is the reference's `static`, so that a test can choose the address.
const at = (id: string, more: PluginCall = {}): PluginCall => ({
  containerId: id,
  netns: `/run/netns/${id}`,
  path: REFERENCE,
  ...more,
});
const timed = (config: object, call: PluginCall) => {
  const start = performance.now();
  const ended = node.plugin("bridge", "ADD", config, call);
  return { ...ended, ms: performance.now() - start };
};
const add = (config: object, call: PluginCall) => {
  const ended = timed(config, call);
  expect(ended, ended.stdout).toMatchObject({ status: 0, stderr: "" });
  return ended;
};
interface Found {
  readonly local: string;
  readonly scope: string;
  readonly tentative?: true;
  readonly dadfailed?: true;
}
const ipv6On = (id: string): Found[] => node.json("ip -j -6 addr show dev eth0", { netns: id })[0].addr_info;
const unsure = (id: string) => ipv6On(id).filter(({ tentative, dadfailed }) => tentative || dadfailed);
/** Lets detection take 20 seconds: whoever waits for it gives up with an error. */
const endless = (id: string) =>
  node.sh("echo 20 > /proc/sys/net/ipv6/conf/default/dad_transmits", { netns: id });
const sysctl = (id: string, key: string) =>
  node.sh(`cat /proc/sys/net/ipv6/conf/${key}`, { netns: id }).trim();

beforeAll(async () => {
  node = await Sandbox.create();
});
afterAll(() => node?.dispose());
beforeEach(() => {
  for (const id of ["c1", "c2"]) node.addNetns(id);
});
afterEach(() => {
  for (const id of ["c1", "c2"]) {
    node.plugin("bridge", "DEL", conf([V6]), at(id));
    node.run("ip", ["netns", "del", id]);
  }
  node.run("ip", ["link", "del", "br0"]);
});

describe("ADD with enabledad", () => {
  it.each([
    ["ours", {}],
    ["the reference", { bin: REFERENCE }],
  ])("returns when no address is tentative any more, by %s", (_name, plugin) => {
    const { ms } = add(conf([V4, V6]), at("c1", plugin));
    expect(unsure("c1")).toEqual([]);
    expect(ipv6On("c1").map(({ scope }) => scope)).toEqual(["global", "link"]);
    expect(sysctl("c1", "eth0/accept_dad")).toBe("1");
    expect(sysctl("c1", "eth0/enhanced_dad")).toBe("1");
    // The kernel needs a second at least: an answer before that would not have waited.
    expect(ms).toBeGreaterThan(1000);
  });

  it("waits although no address has a gateway", () => {
    add(conf([{ address: V6.address }], { isGateway: false }), at("c1"));
    expect(unsure("c1")).toEqual([]);
    expect(ipv6On("c1").map(({ scope }) => scope)).toEqual(["global", "link"]);
  });

  it("does not wait where there are IPv4 addresses only", () => {
    endless("c1");
    add(conf([V4]), at("c1"));
  });

  it("does not take its own probes on a hairpin port for a duplicate", () => {
    add(conf([V6], { hairpinMode: true }), at("c1"));
    expect(unsure("c1")).toEqual([]);
  });

  it("neither waits nor detects without enabledad", () => {
    endless("c1");
    add(conf([V6], { enabledad: false }), at("c1"));
    expect(ipv6On("c1").filter(({ scope, tentative }) => scope === "global" && tentative)).toEqual([]);
    expect(sysctl("c1", "eth0/accept_dad")).toBe("0");
  });

  describe("refuses a duplicate and leaves nothing", () => {
    const refused = (config: object, plugin: PluginCall = {}) => {
      const ended = node.plugin("bridge", "ADD", config, at("c1", plugin));
      expect(ended.status).toBe(1);
      expect(ended.json.msg).toContain("link eth0 has address fd00:44::9 in DADFAILED state");
      return ended.json;
    };
    /** Another container that has the address; it also makes what the network's containers share. */
    const prepare = (more: object = {}) => {
      const addresses = [{ ...V4, address: "10.44.0.8/24" }, OTHER];
      add(conf(addresses, { ...more, enabledad: false }), at("c2"));
      node.sh("ip -n c2 addr add fd00:44::9/64 dev eth0 nodad");
      return node.snapshot();
    };

    it("of another container", () => {
      const rules = { ipMasq: true, macspoofchk: true };
      const before = prepare(rules);
      expect(refused(conf([V4, V6], rules))).toMatchObject({ code: 100, details: expect.any(String) });
      expect(node.snapshot()).toEqual(before);
    });

    it("in the words of the reference", () => {
      prepare();
      refused(conf([V6]), { bin: REFERENCE });
    });

    it("of the gateway that the same ADD makes", () => {
      refused(conf([{ ...V6, gateway: "fd00:44::9" }]));
      expect(node.json("ip -j link show type veth")).toEqual([]);
    });
  });

  it("gives up after five seconds, with an error where the link is up", () => {
    endless("c1");
    const { status, json, ms } = timed(conf([V6]), at("c1"));
    expect(json).toMatchObject({
      code: 100,
      msg: "link eth0 still has tentative addresses after 5 seconds",
      details: expect.stringContaining("fd00:44::9"),
    });
    expect(status).toBe(1);
    expect(ms).toBeGreaterThan(5000);
    expect(ms).toBeLessThan(15_000);
    expect(node.json("ip -j link show type veth")).toEqual([]);
  });
});

describe("CHECK with enabledad", () => {
  const check = (prevResult: object) =>
    node.plugin("bridge", "CHECK", { ...conf([V6]), prevResult }, at("c1"));

  it("is content right after ADD", () => {
    expect(check(add(conf([V6]), at("c1")).json)).toMatchObject(SILENT);
  });

  it("names an address that is a duplicate", () => {
    const { json } = add(conf([V6]), at("c1"));
    add(conf([OTHER], { enabledad: false }), at("c2"));
    node.sh("ip -n c2 addr add fd00:44::7/64 dev eth0 nodad; ip -n c1 addr add fd00:44::7/64 dev eth0");
    node.sh("for i in $(seq 300); do ip -n c1 addr | grep -q dadfailed && exit; sleep 0.1; done; exit 1");
    expect(check(json).json).toMatchObject({
      code: 102,
      details: "address fd00:44::7 of eth0: expected unique, found a duplicate (DADFAILED)",
    });
  });
});
