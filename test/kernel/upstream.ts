// What the upstream suite's cases of the bridge plugin (bridge_test.go of containernetworking/plugins) have in common.
// Each is run for all versions of the specification, as upstream has it, with ip, bridge and nft as oracles.
// docs/parity.md maps upstream's cases to ours; what needs a kernel with VLAN filtering is in test/vm/vlan.test.ts.
// DIST=<its directory> runs them against the reference, which must pass all that is not said to be a deliberate
// difference there.

import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { attachment } from "../support/network.ts";
import type { PluginCall, PluginEnded } from "../support/node.ts";
import { checkResultText } from "../support/result-schema.ts";
import { Sandbox } from "../support/sandbox.ts";

export const VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
export type Version = (typeof VERSIONS)[number];
export const WITH_INTERFACES = VERSIONS.filter((version) => version >= "0.3.0");
export const WITH_CHECK = VERSIONS.filter((version) => version >= "0.4.0");

export interface Addressing {
  readonly subnets: readonly string[];
  /** Of the bridge, with prefix. */
  readonly gateways: readonly string[];
}

export const IPV4: Addressing = { subnets: ["10.1.2.0/24"], gateways: ["10.1.2.1/24"] };
export const IPV6: Addressing = { subnets: ["2001:db8::/64"], gateways: ["2001:db8::1/64"] };
export const BOTH: Addressing = {
  subnets: ["192.168.0.0/24", "fd00::/64"],
  gateways: ["192.168.0.1/24", "fd00::1/64"],
};
export const THREE: Addressing = {
  subnets: ["192.168.0.0/24", "fd00::/64", "2001:db8::/64"],
  gateways: ["192.168.0.1/24", "fd00::1/64", "2001:db8::1/64"],
};
export const FAMILIES: readonly (readonly [string, Addressing])[] = [
  ["IPv4", IPV4],
  ["IPv6", IPV6],
  ["both families", BOTH],
];

export function conf(cniVersion: Version, more: object = {}, { subnets }: Addressing = IPV4) {
  const ranges = subnets.map((subnet) => [{ subnet }]);
  return {
    cniVersion,
    name: "testConfig",
    type: "bridge",
    bridge: "bridge0",
    ipam: { type: "host-local", ranges },
    ...more,
  };
}

export const isIpv6 = (address: string) => address.includes(":");
export const bare = (address: string) => address.replace(/\/.*/, "");

export let node: Sandbox;

/** Gives the tests of a file a node with two namespaces, c1 and c2. */
export function haveNode(): void {
  beforeAll(async () => {
    node = await Sandbox.create();
  });
  afterAll(() => node?.dispose());
  beforeEach(() => {
    for (const id of ["c1", "c2"]) node.addNetns(id);
  });
  afterEach(() => {
    for (const id of ["c1", "c2"]) node.delNetns(id);
    fresh();
  });
}

/** A node without the plugin's network. The second DEL of a test has already emptied it of containers. */
export function fresh(): void {
  node.sh("ip link del bridge0 2>/dev/null || true; rm -rf /var/lib/cni/networks; nft flush ruleset");
}

export const call = (more: PluginCall = {}): PluginCall => attachment("c1", more);

export function add(config: { cniVersion: string }, more: PluginCall = {}): PluginEnded {
  const ended = node.plugin("bridge", "ADD", config, call(more));
  expect(ended, `${config.cniVersion}: ${ended.stdout}`).toMatchObject({ status: 0, stderr: "" });
  checkResultText(ended.stdout, config.cniVersion);
  return ended;
}

export function del(config: { cniVersion: string }, more: PluginCall = {}): void {
  const ended = node.plugin("bridge", "DEL", config, call(more));
  expect(ended, config.cniVersion).toMatchObject({ status: 0, stdout: "" });
}

/** Runs a case at each version on a node that knows nothing of the one before. */
export function atEach(versions: readonly Version[], run: (version: Version) => void): void {
  for (const version of versions) {
    run(version);
    fresh();
  }
}

export const refused = (config: { cniVersion: string }, text: string, more: PluginCall = {}) => {
  const ended = node.plugin("bridge", "ADD", config, call(more));
  expect(ended, config.cniVersion).toMatchObject({ status: 1 });
  expect(ended.json.msg).toContain(text);
};

export const link = (name: string, netns?: string) =>
  node.json(`ip -j -d link show dev ${name}`, netns === undefined ? {} : { netns })[0];
export const hostEnds = (): { ifname: string; address: string }[] => node.json("ip -j link show type veth");

export function addresses(dev: string, scope: string, netns?: string): string[] {
  return node
    .json(`ip -j addr show dev ${dev}`, netns === undefined ? {} : { netns })[0]
    .addr_info.filter((each: { scope: string }) => each.scope === scope)
    .map(({ local, prefixlen }: { local: string; prefixlen: number }) => `${local}/${prefixlen}`);
}

/** What upstream asserts of every ADD. */
export function expectAdded(
  ended: PluginEnded,
  version: Version,
  { gateways }: Addressing,
  isolated = false,
): void {
  const [veth, ...others] = hostEnds();
  const bridge = link("bridge0");
  expect(others).toEqual([]);
  expect(node.json("ip -j link show")).toHaveLength(3);
  expect(bridge.linkinfo.info_kind).toBe("bridge");
  expect(bridge.linkinfo.info_data.vlan_filtering ?? 0).toBe(0);
  expect(veth!.ifname).toMatch(/^veth/);
  expect(node.json("bridge -j -d link show")).toMatchObject([{ master: "bridge0", isolated }]);
  expect(bridge.address).not.toBe(veth!.address);
  expect(addresses("bridge0", "global").sort()).toEqual([...gateways].sort());

  const inside = link("eth0", "c1");
  expect(inside).toMatchObject({ operstate: "UP", linkinfo: { info_kind: "veth" } });
  const own = addresses("eth0", "global", "c1");
  expect(own.filter((each) => !isIpv6(each))).toHaveLength(gateways.filter((each) => !isIpv6(each)).length);
  expect(own.filter(isIpv6)).toHaveLength(gateways.filter(isIpv6).length);
  // A container with only IPv4 has one too.
  expect(addresses("eth0", "link", "c1")).toHaveLength(1);

  if (version < "0.3.0") {
    expect(ended.stdout).toContain('"ip":');
    return;
  }
  expect(ended.json.interfaces).toEqual([
    { name: "bridge0", mac: bridge.address },
    { name: veth!.ifname, mac: veth!.address },
    { name: "eth0", mac: inside.address, sandbox: "/run/netns/c1" },
  ]);
  expect((ended.json.ips ?? []).map(({ address }: { address: string }) => address).sort()).toEqual(
    own.sort(),
  );
}

/** The default route of each family leads to its first gateway. */
export function expectDefaultRoutes({ gateways }: Addressing): void {
  for (const [option, ofFamily] of [
    ["-4", (each: string) => !isIpv6(each)],
    ["-6", isIpv6],
  ] as const) {
    const [gateway] = gateways.filter(ofFamily);
    const routes = node.json(`ip -j ${option} route show default`, { netns: "c1" });
    const wanted = gateway === undefined ? [] : [{ dst: "default", gateway: bare(gateway), dev: "eth0" }];
    expect(routes).toMatchObject(wanted);
  }
}

/** What upstream asserts of every DEL. */
export function expectDeleted(): void {
  expect(hostEnds()).toEqual([]);
  expect(node.json("ip -j link show", { netns: "c1" })).toHaveLength(1);
}
