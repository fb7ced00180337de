// CHECK is content right after ADD, as CRI-O calls it, leaves alone what later plugins of a chain have changed, takes
// prevResult in whatever way others write it, and changes nothing. What it finds is in bridge-check-differences.test.ts.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { REFERENCE } from "../support/executables.ts";
import { attachment, dualStack, SILENT } from "../support/network.ts";
import type { Conf } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";

const BASE = dualStack(54, { hairpinMode: true, portIsolation: true });
const CONF = {
  ...BASE,
  ipam: {
    ...BASE.ipam,
    routes: [
      { dst: "192.0.2.0/24", gw: "10.54.0.9", priority: 50, mtu: 1400, advmss: 1360 },
      { dst: "198.51.100.0/24", table: 5000 },
      { dst: "203.0.113.0/24", scope: 200 },
    ],
  },
};
const CALL = attachment("c1");

let node: Sandbox;
const run = (verb: string, conf: Conf = CONF, call: object = {}) =>
  node.plugin("bridge", verb, conf, { ...CALL, ...call });
const add = (conf: object = CONF) => {
  const ended = run("ADD", conf);
  expect(ended.status, ended.stdout).toBe(0);
  return ended.json;
};
const del = (conf: object = CONF) => expect(run("DEL", conf)).toMatchObject({ status: 0, stdout: "" });
const check = (prevResult: unknown, conf: object = CONF) => run("CHECK", { ...conf, prevResult });
const passes = (prevResult: unknown, conf: object = CONF) =>
  expect(check(prevResult, conf)).toMatchObject(SILENT);

beforeAll(async () => {
  node = await Sandbox.create();
});
afterAll(() => node?.dispose());
beforeEach(() => node.addNetns("c1"));
afterEach(() => {
  del();
  node.sh(
    "ip netns del c1 2>/dev/null || true; ip link del br0 2>/dev/null || true; nft flush ruleset; rm -rf /var/lib/cni/networks",
  );
  node.sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
});

describe("CHECK right after ADD", () => {
  it.each([
    ["layer 2", { ...CONF, ipam: {}, ipMasq: false }],
    [
      "layer 2 with the container's end left down",
      { ...CONF, ipam: {}, ipMasq: false, disableContainerInterface: true },
    ],
    ["IPv4", { ...CONF, ipam: { type: "host-local", ranges: BASE.ipam.ranges.slice(0, 1) } }],
    ["IPv6", { ...CONF, ipam: { type: "host-local", ranges: BASE.ipam.ranges.slice(1) } }],
    ["both families and every kind of route", CONF],
    ["version 0.4.0", { ...CONF, cniVersion: "0.4.0" }],
  ])(
    "passes 100 times, with %s",
    (_name, conf) => {
      for (let round = 0; round < 100; round++) {
        passes(add(conf), conf);
        del(conf);
      }
    },
    120_000,
  );

  it("passes 20 times with tuning and bandwidth in the chain, whose changes the result tells", () => {
    const chained = [
      { type: "tuning", mac: "02:11:22:33:44:55", mtu: 1300 },
      { type: "bandwidth", ingressRate: 1e6, ingressBurst: 1e6, egressRate: 1e6, egressBurst: 1e6 },
    ].map((conf) => ({ cniVersion: "1.0.0", name: "net", ...conf }));
    const chain = (verb: string, conf: { type: string }, prevResult: unknown) => {
      const ended = node.plugin(conf.type, verb, { ...conf, prevResult }, { ...CALL, bin: REFERENCE });
      expect(ended.status, `${conf.type} ${verb}: ${ended.stdout}`).toBe(0);
      return ended.json;
    };
    for (let round = 0; round < 20; round++) {
      const first = add();
      const last = chained.reduce((result, conf) => chain("ADD", conf, result), first);
      expect(last.interfaces.length).toBeGreaterThan(first.interfaces.length);
      expect(last.interfaces[2].mac).toBe("02:11:22:33:44:55");
      passes(last);
      for (const conf of chained.toReversed()) chain("DEL", conf, last);
      del();
    }
  });
});

describe("CHECK reads only", () => {
  it("when it passes", () => {
    const prevResult = add();
    const before = node.snapshot();
    passes(prevResult);
    expect(node.snapshot()).toEqual(before);
  });

  it("even where everything is missing", () => {
    const prevResult = add();
    del();
    node.sh("ip link del br0; rm -rf /var/lib/cni/networks /run/cni-bridge");
    const before = node.snapshot();
    expect(check(prevResult)).toMatchObject({ status: 1 });
    expect(node.snapshot()).toEqual(before);
  });
});

describe("CHECK takes prevResult as others write it:", () => {
  type Result = ReturnType<typeof add>;
  const changes: readonly (readonly [string, (result: Result) => unknown])[] = [
    [
      "MACs in upper case",
      (result) => ({
        ...result,
        interfaces: result.interfaces.map((each: { mac: string }) => ({
          ...each,
          mac: each.mac.toUpperCase(),
        })),
      }),
    ],
    ["no version", ({ cniVersion: _none, ...result }) => result],
    ["version 1.1.0", (result) => ({ ...result, cniVersion: "1.1.0" })],
    [
      "no MACs",
      (result) => ({
        ...result,
        interfaces: result.interfaces.map(({ mac: _none, ...each }: { mac: string }) => each),
      }),
    ],
    [
      "empty sandboxes",
      (result) => ({
        ...result,
        interfaces: result.interfaces.map((each: object) => ({ sandbox: "", ...each })),
      }),
    ],
    [
      "another plugin's interfaces before and after",
      (result) => ({
        ...result,
        interfaces: [{ name: "tap0", sandbox: "/run/netns/other" }, ...result.interfaces, { name: "ifb0" }],
        ips: result.ips.map((ip: { interface: number }) => ({ ...ip, interface: ip.interface + 1 })),
      }),
    ],
    [
      "another plugin's address",
      (result) => ({
        ...result,
        ips: [...result.ips, { address: "192.0.2.7/32", interface: 3 }],
        interfaces: [...result.interfaces, { name: "eth9", sandbox: "/run/netns/c1" }],
      }),
    ],
    [
      "addresses written otherwise",
      (result) => ({
        ...result,
        ips: result.ips.map((ip: { address: string }) => ({
          ...ip,
          address: ip.address.replace("fd00:54::", "FD00:0054:0:0::"),
        })),
      }),
    ],
    [
      "keys that nobody knows",
      (result) => ({
        ...result,
        x: 1,
        interfaces: result.interfaces.map((each: object) => ({ ...each, x: [1] })),
      }),
    ],
  ]; // prettier-ignore

  it.each(changes)("%s", (_name, change) => {
    passes(change(add()));
  });

  it.each([
    ["none", undefined],
    ["null", null],
    ["a text", "x"],
    ["an empty one", {}],
    ["one of another family of versions", { cniVersion: "0.2.0", ip4: { ip: "10.54.0.2/24" } }],
    ["one of an unknown version", { cniVersion: "9.9.9" }],
    ["one without the container's interface", { cniVersion: "1.0.0", interfaces: [{ name: "br0" }] }],
  ])("but not %s", (_name, prevResult) => {
    add();
    expect(check(prevResult)).toMatchObject({ status: 1, json: { code: expect.any(Number) } });
  });

  it("nor that of another namespace, or none of the container at all", () => {
    const prevResult = add();
    const netns = node.addNetns("c2");
    expect(run("CHECK", { ...CONF, prevResult }, { netns })).toMatchObject({ status: 1 });
    node.delNetns("c2");
    expect(run("CHECK", { ...CONF, prevResult }, { netns })).toMatchObject({ status: 1, json: { code: 4 } });
  });
});
