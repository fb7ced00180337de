// What is configured of the bridge itself: groupFwdMask and uplink. Oracles: ip, nft counters, ping.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { attachment, resultOf, SILENT } from "../support/network.ts";
import { Sandbox } from "../support/sandbox.ts";

const CONF = {
  cniVersion: "1.1.0",
  name: "net",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  ipam: { type: "host-local", subnet: "10.40.0.0/24", rangeStart: "10.40.0.10" },
};
const LLDP = 0x4000;

let node: Sandbox;
const add = (conf: object, id = "c1") => resultOf(node.plugin("bridge", "ADD", conf, attachment(id)));
const del = (conf: object, id = "c1") =>
  expect(node.plugin("bridge", "DEL", conf, attachment(id))).toMatchObject(SILENT);
const check = (conf: object, prevResult: object) =>
  node.plugin("bridge", "CHECK", { ...conf, prevResult }, attachment("c1"));
const refused = (conf: object, code: number, words: string) =>
  expect(node.plugin("bridge", "ADD", conf, attachment("c1")).json).toMatchObject({
    code,
    msg: expect.stringContaining(words),
  });

beforeEach(async () => {
  node = await Sandbox.create();
  for (const id of ["c1", "c2", "lan"]) node.addNetns(id);
});
afterEach(() => node?.dispose());

describe("groupFwdMask", () => {
  const mask = () => Number(node.json("ip -j -d link show dev br0")[0].linkinfo.info_data.group_fwd_mask);
  /** Whether a frame to the LLDP group gets from one container to another. */
  const passesLldp = (): boolean => {
    node.sh(
      `nft add table netdev watch
       nft add chain netdev watch in '{ type filter hook ingress device eth0 priority 0; }'
       nft add rule netdev watch in ether daddr 01:80:c2:00:00:0e counter`,
      { netns: "c2" },
    );
    node.sh("ip neigh replace 10.40.0.99 lladdr 01:80:c2:00:00:0e dev eth0", { netns: "c1" });
    node.run("busybox", ["ping", "-c1", "-W1", "10.40.0.99"], { netns: "c1" });
    const [, packets] = /counter packets (\d+)/.exec(
      node.sh("nft list table netdev watch", { netns: "c2" }),
    )!;
    return packets !== "0";
  };

  it.each([
    { conf: CONF, passes: false },
    { conf: { ...CONF, groupFwdMask: LLDP }, passes: true },
  ])("decides on LLDP: $passes", ({ conf, passes }) => {
    add(conf, "c1");
    add(conf, "c2");
    expect(passesLldp()).toBe(passes);
  });

  it("is set on a bridge that is there, and only where it is given", () => {
    add(CONF, "c1");
    expect(mask()).toBe(0);
    add({ ...CONF, groupFwdMask: LLDP }, "c2");
    expect(mask()).toBe(LLDP);
    del(CONF, "c1");
    add(CONF, "c1");
    expect(mask()).toBe(LLDP);
    del(CONF, "c1");
    add({ ...CONF, groupFwdMask: 0 }, "c1");
    expect(mask()).toBe(0);
  });

  it("is verified by CHECK", () => {
    const conf = { ...CONF, groupFwdMask: 0xfff8 };
    const result = add(conf);
    expect(check(conf, result)).toMatchObject({ status: 0 });
    node.sh("ip link set dev br0 type bridge group_fwd_mask 8");
    expect(check(conf, result).json).toMatchObject({
      code: 102,
      msg: expect.stringContaining("br0 groupFwdMask: expected 65528, found 8"),
    });
  });

  it.each([1, 2, 4, 0xffff, 0x10000, -8])("refuses %d", (groupFwdMask) => {
    refused({ ...CONF, groupFwdMask }, 7, `groupFwdMask: ${groupFwdMask} `);
  });
});

describe("uplink", () => {
  const CONF_UP = { ...CONF, uplink: "lan0" };
  const link = (name: string) => node.json(`ip -j link show dev ${name}`)[0];

  beforeEach(() => {
    node.sh(`
      ip link add lan0 type veth peer name eth0 netns lan
      ip -n lan addr add 10.40.0.2/24 dev eth0
      ip -n lan link set eth0 up
    `);
  });

  it("connects containers with what lies beyond it, stays after DEL, and is no trouble the second time", () => {
    const result = add(CONF_UP, "c1");
    expect(link("lan0")).toMatchObject({ master: "br0", operstate: "UP" });
    expect(node.pings("c1", "10.40.0.2")).toBe(true);
    expect(check(CONF_UP, result)).toMatchObject({ status: 0 });
    const before = node.snapshot();
    add(CONF_UP, "c2");
    expect(node.pings("c2", "10.40.0.2")).toBe(true);
    del(CONF_UP, "c2");
    expect(node.snapshot({ exceptMemory: true }).netns[""]).toEqual(before.netns[""]);
    del(CONF_UP, "c1");
    expect(link("lan0")).toMatchObject({ master: "br0" });
  });

  it("is verified by CHECK", () => {
    const result = add(CONF_UP);
    node.sh("ip link set dev lan0 nomaster");
    expect(check(CONF_UP, result).json).toMatchObject({
      code: 102,
      msg: expect.stringContaining("uplink lan0: expected a port of br0, found no port of a bridge"),
    });
    node.sh("ip link set dev lan0 master br0 down");
    expect(check(CONF_UP, result).json).toMatchObject({
      msg: expect.stringContaining("expected up, found down"),
    });
    node.sh("ip link del lan0");
    expect(check(CONF_UP, result).json).toMatchObject({
      msg: expect.stringContaining("expected a link, found none"),
    });
  });

  it("refuses an interface that is not there", () =>
    refused({ ...CONF, uplink: "lan7" }, 100, "no such interface"));

  it("lets STATUS say so in advance", () => {
    expect(node.plugin("bridge", "STATUS", CONF_UP)).toMatchObject({ status: 0 });
    expect(node.plugin("bridge", "STATUS", { ...CONF, uplink: "lan7" }).json).toMatchObject({
      code: 50,
      msg: "ADD cannot work: there is no interface lan7, which is the uplink",
    });
  });

  it("refuses an interface of another bridge", () => {
    node.sh("ip link add br7 type bridge; ip link set dev lan0 master br7");
    refused(CONF_UP, 100, "it belongs to br7 already");
    expect(link("lan0")).toMatchObject({ master: "br7" });
  });

  it.each([
    { name: "IPv4", route: "ip route add default via 192.0.2.2" },
    { name: "IPv6", route: "ip route add default via fd00::2" },
    { name: "another table", route: "ip route add default via 192.0.2.2 table 1000" },
    {
      name: "several next hops",
      route: "ip route add default nexthop via 192.0.2.2 nexthop via 192.0.2.3",
    },
  ])("refuses the interface with the default route ($name), unless forced", ({ route }) => {
    node.sh(`
      ip addr add 192.0.2.1/24 dev lan0
      ip addr add fd00::1/64 dev lan0 nodad
      ip link set dev lan0 up
      ${route}
    `);
    refused(CONF_UP, 100, "default route leads through it");
    expect(link("lan0").master).toBeUndefined();
    add({ ...CONF_UP, uplinkForce: true });
    expect(link("lan0")).toMatchObject({ master: "br0" });
    // What has been forced once is not asked again.
    add(CONF_UP, "c2");
  });

  it("takes an interface beside which another has the default route", () => {
    node.sh(`
      ip link add wan0 type veth peer name wan0-peer
      ip addr add 192.0.2.1/24 dev wan0
      ip link set dev wan0-peer up
      ip link set dev wan0 up
      ip route add default via 192.0.2.2
    `);
    add(CONF_UP);
    expect(link("lan0")).toMatchObject({ master: "br0" });
  });

  it("cannot be the bridge itself", () =>
    refused({ ...CONF, uplink: "br0" }, 7, 'uplink: "br0" is the bridge itself'));
});
