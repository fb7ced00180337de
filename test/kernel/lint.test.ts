// Where lint says that ADD fails, ADD fails, and leaves nothing; so the sentences about the kernel are true.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { attachment } from "../support/network.ts";
import { Sandbox } from "../support/sandbox.ts";

const ipam = { type: "host-local", subnet: "10.1.0.0/24" };
const conf = { cniVersion: "1.1.0", name: "net", type: "bridge", ipam };
const withIpam = (keys: object) => ({ ...conf, ipam: { ...ipam, ...keys } });

describe("lint", () => {
  let node: Sandbox;
  beforeAll(async () => {
    node = await Sandbox.create();
    node.addNetns("c1");
  });
  afterAll(() => node?.dispose());

  const lint = (value: object) => {
    const ended = node.run(`${node.bin}/cni-bridge`, ["lint", "--json", "-"], {
      input: JSON.stringify(value),
    });
    return { status: ended.status, ...JSON.parse(ended.stdout) };
  };
  const add = (value: object) => node.plugin("bridge", "ADD", value, attachment("c1", { ifname: "eth0" }));

  it.each([
    ["an MTU below IPv4's least", { ...conf, mtu: 67 }],
    ["an MTU above a bridge's most", { ...conf, mtu: 65_536 }],
    ["an MTU below IPv6's least", { ...withIpam({ subnet: "fd00::/64" }), mtu: 1279 }],
    ["a next hop out of reach", withIpam({ routes: [{ dst: "0.0.0.0/0", gw: "10.2.0.1" }] })],
    ["a next hop of the other family", withIpam({ routes: [{ dst: "::/0", gw: "10.1.0.1" }] })],
    ["everything excluded", withIpam({ exclude: ["10.1.0.0/24"] })],
    ["a resolv.conf that is not there", withIpam({ resolvConf: "/nowhere" })],
  ])("is right that ADD fails with %s", (_what, value) => {
    const { errors, warnings } = lint(value);
    expect(errors + warnings).toBe(1);
    expect(add(value).status).toBe(1);
  });

  it.each([
    ["IPv4's least MTU", { ...conf, mtu: 68 }],
    ["IPv6's least MTU", { ...withIpam({ subnet: "fd00::/64" }), mtu: 1280 }],
    [
      "one destination by two gateways",
      withIpam({ routes: ["10.1.0.8", "10.1.0.9"].map((gw) => ({ dst: "10.9.0.0/16", gw })) }),
    ],
    ["one destination twice", withIpam({ routes: [{ dst: "10.9.0.0/16" }, { dst: "10.9.0.0/16" }] })],
  ])("is right that ADD works with %s", (_what, value) => {
    expect(lint(value)).toMatchObject({ status: 0, errors: 0 });
    expect(add(value).status).toBe(0);
    expect(node.plugin("bridge", "DEL", value, attachment("c1")).status).toBe(0);
    node.sh("ip link delete cni0");
  });
});
