// What upstream tests of the packages below its bridge plugin (pkg/ipam/ipam_linux_test.go, pkg/ip/link_linux_test.go of
// containernetworking/plugins), asked of the executable: what IPAM answers ends up in the container, and the pair is as
// it should be. IPAM is the reference's static, which answers whatever the configuration says.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { REFERENCE } from "../support/executables.ts";
import { Sandbox } from "../support/sandbox.ts";

const addresses = [
  { address: "10.60.0.5/24", gateway: "10.60.0.1" },
  { address: "fd00:60::5/64", gateway: "fd00:60::1" },
];
const conf = (routes: readonly object[], more: object = {}, given: readonly object[] = addresses) => ({
  cniVersion: "1.1.0",
  name: "net",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  ipam: { type: "static", addresses: given, routes },
  ...more,
});

let node: Sandbox;
const run = (verb: string, config: object) =>
  node.plugin("bridge", verb, config, {
    containerId: "c1",
    netns: "/run/netns/c1",
    path: `${node.bin}:${REFERENCE}`,
  });
const add = (config: object) => {
  const ended = run("ADD", config);
  expect(ended.status, `${ended.stdout} ${ended.stderr}`).toBe(0);
  return ended.json;
};
const routes = (what: string): { dst: string; gateway?: string }[] =>
  node.json(`ip -j ${what}`, { netns: "c1" });

beforeAll(async () => {
  node = await Sandbox.create();
});
afterAll(() => node?.dispose());
beforeEach(() => node.addNetns("c1"));
afterEach(() => {
  expect(run("DEL", conf([]))).toMatchObject({ status: 0, stdout: "" });
  node.sh("ip netns del c1; ip link del br0 2>/dev/null || true");
});

describe("what IPAM answers", () => {
  it("is set: addresses, routes with table, scope, priority, MTU and advertised MSS", () => {
    add(
      conf([
        { dst: "15.5.6.0/24", gw: "10.60.0.9" },
        { dst: "25.5.7.0/24", gw: "10.60.0.9", priority: 1000, mtu: 1400, advmss: 1360 },
        { dst: "35.5.8.0/24", gw: "10.60.0.9", table: 5000, scope: 200 },
        { dst: "1111:dddd::/80", gw: "fd00:60::9", table: 5000 },
      ]),
    );
    const held = node.json("ip -j addr show dev eth0", { netns: "c1" })[0].addr_info;
    expect(held).toMatchObject([
      { local: "10.60.0.5", prefixlen: 24, broadcast: "10.60.0.255" },
      { local: "fd00:60::5", prefixlen: 64 },
      { scope: "link" },
    ]);
    expect(routes("-4 route show 15.5.6.0/24")).toMatchObject([{ gateway: "10.60.0.9" }]);
    expect(routes("-4 route show 25.5.7.0/24")).toMatchObject([
      { metric: 1000, metrics: [{ mtu: 1400, advmss: 1360 }] },
    ]);
    expect(routes("-4 route show table 5000")).toMatchObject([{ dst: "35.5.8.0/24", scope: "site" }]);
    expect(routes("-6 route show table 5000")).toMatchObject([{ dst: "1111:dddd::/80" }]);
  });

  it("may hold two ways to one place", () => {
    add(
      conf([
        { dst: "15.5.6.0/24", gw: "10.60.0.8" },
        { dst: "15.5.6.0/24", gw: "10.60.0.9" },
      ]),
    );
    const gateways = routes("-4 route show 15.5.6.0/24").map(({ gateway }) => gateway);
    expect(gateways.sort()).toEqual(["10.60.0.8", "10.60.0.9"]);
  });

  it("completes a route without a gateway with that of an address of its family", () => {
    add(conf([{ dst: "15.5.6.0/24" }, { dst: "1111:dddd::/80" }]));
    expect(routes("-4 route show 15.5.6.0/24")).toMatchObject([{ gateway: "10.60.0.1" }]);
    expect(routes("-6 route show 1111:dddd::/80")).toMatchObject([{ gateway: "fd00:60::1" }]);
  });

  it("is a route of the link where no address has a gateway", () => {
    add(conf([{ dst: "15.5.6.0/24" }], { isGateway: false }, [{ address: "10.60.0.5/24" }]));
    const [route, ...others] = routes("-4 route show 15.5.6.0/24");
    expect(route).toMatchObject({ dst: "15.5.6.0/24", dev: "eth0" });
    expect(route).not.toHaveProperty("gateway");
    expect(others).toEqual([]);
  });

  it("makes no route by itself", () => {
    add(conf([]));
    expect(routes("route show default")).toEqual([]);
    expect(routes("-6 route show default")).toEqual([]);
  });

  it("keeps its IPv6 address while the link is down", () => {
    add(conf([]));
    node.sh("ip -n c1 link set eth0 down");
    expect(node.sh("ip -n c1 addr show dev eth0")).toContain("fd00:60::5/64");
  });
});

describe("the pair", () => {
  it("has an end in each namespace, which name each other", () => {
    const { interfaces } = add(conf([]));
    const [outside] = node.json(`ip -j link show dev ${interfaces[1].name}`);
    const [inside] = node.json("ip -j link show dev eth0", { netns: "c1" });
    expect([outside.link_index, inside.link_index]).toEqual([inside.ifindex, outside.ifindex]);
    expect(outside).toMatchObject({ master: "br0", link_netnsid: expect.any(Number) });
  });

  it("has the given MAC on the container's end only, and MACs that udev leaves alone", () => {
    const mac = "02:00:00:01:23:45";
    const { interfaces } = add(conf([], { runtimeConfig: { mac } }));
    expect(interfaces[2].mac).toBe(mac);
    expect(interfaces[1].mac).not.toBe(mac);
    // NET_ADDR_SET: systemd.link's MACAddressPolicy changes random ones only.
    const types = `cat /sys/class/net/${interfaces[1].name}/addr_assign_type /sys/class/net/br0/addr_assign_type`;
    expect(node.sh(`mount -t sysfs sysfs /sys; ${types}; umount /sys`)).toBe("3\n3\n");
  });

  it.each([
    ["the container's", "ip -n c1 link del eth0"],
    ["the host's", "ip link del $(ip -o link show type veth | sed 's/^[0-9]*: \\([^@]*\\)@.*/\\1/')"],
  ])("goes with either end, as %s", (_name, script) => {
    add(conf([]));
    node.sh(script);
    expect(node.json("ip -j link show type veth")).toEqual([]);
    expect(node.json("ip -j link show", { netns: "c1" })).toHaveLength(1);
  });

  it("is refused in words that name what is taken", () => {
    node.sh("ip -n c1 link add eth0 type bridge");
    expect(run("ADD", conf([]))).toMatchObject({
      status: 1,
      json: { msg: expect.stringMatching(/"eth0" already exists/) },
    });
    node.sh("ip -n c1 link del eth0");
    add(conf([]));
  });
});
