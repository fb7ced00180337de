// The upstream suite's cases of the bridge plugin (bridge_test.go of containernetworking/plugins), each for all versions
// of the specification as upstream has it, with ip, bridge and nft as oracles. docs/parity.md maps upstream's cases to
// these; what needs a kernel with VLAN filtering is in test/vm/vlan.test.ts. DIST=<its directory> runs them against the
// reference, which must pass all that is not said to be a deliberate difference there.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { leasesOf } from "../support/leases.ts";
import { attachment } from "../support/network.ts";
import type { PluginCall, PluginEnded } from "../support/node.ts";
import { checkResultText } from "../support/result-schema.ts";
import { Sandbox } from "../support/sandbox.ts";

const VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
type Version = (typeof VERSIONS)[number];
const WITH_INTERFACES = VERSIONS.filter((version) => version >= "0.3.0");
const WITH_CHECK = VERSIONS.filter((version) => version >= "0.4.0");

interface Addressing {
  readonly subnets: readonly string[];
  /** Of the bridge, with prefix. */
  readonly gateways: readonly string[];
}

const IPV4: Addressing = { subnets: ["10.1.2.0/24"], gateways: ["10.1.2.1/24"] };
const IPV6: Addressing = { subnets: ["2001:db8::/64"], gateways: ["2001:db8::1/64"] };
const BOTH: Addressing = {
  subnets: ["192.168.0.0/24", "fd00::/64"],
  gateways: ["192.168.0.1/24", "fd00::1/64"],
};
const THREE: Addressing = {
  subnets: ["192.168.0.0/24", "fd00::/64", "2001:db8::/64"],
  gateways: ["192.168.0.1/24", "fd00::1/64", "2001:db8::1/64"],
};
const FAMILIES: readonly (readonly [string, Addressing])[] = [
  ["IPv4", IPV4],
  ["IPv6", IPV6],
  ["both families", BOTH],
];

function conf(cniVersion: Version, more: object = {}, { subnets }: Addressing = IPV4) {
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

const isIpv6 = (address: string) => address.includes(":");
const bare = (address: string) => address.replace(/\/.*/, "");

let node: Sandbox;
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

/** A node without the plugin's network. The second DEL of a test has already emptied it of containers. */
function fresh(): void {
  node.sh("ip link del bridge0 2>/dev/null || true; rm -rf /var/lib/cni/networks; nft flush ruleset");
}

const call = (more: PluginCall = {}): PluginCall => attachment("c1", more);

function add(config: { cniVersion: string }, more: PluginCall = {}): PluginEnded {
  const ended = node.plugin("bridge", "ADD", config, call(more));
  expect(ended, `${config.cniVersion}: ${ended.stdout}`).toMatchObject({ status: 0, stderr: "" });
  checkResultText(ended.stdout, config.cniVersion);
  return ended;
}

function del(config: { cniVersion: string }, more: PluginCall = {}): void {
  const ended = node.plugin("bridge", "DEL", config, call(more));
  expect(ended, config.cniVersion).toMatchObject({ status: 0, stdout: "" });
}

/** Runs a case at each version on a node that knows nothing of the one before. */
function atEach(versions: readonly Version[], run: (version: Version) => void): void {
  for (const version of versions) {
    run(version);
    fresh();
  }
}

const refused = (config: { cniVersion: string }, text: string, more: PluginCall = {}) => {
  const ended = node.plugin("bridge", "ADD", config, call(more));
  expect(ended, config.cniVersion).toMatchObject({ status: 1 });
  expect(ended.json.msg).toContain(text);
};

const link = (name: string, netns?: string) =>
  node.json(`ip -j -d link show dev ${name}`, netns === undefined ? {} : { netns })[0];
const hostEnds = (): { ifname: string; address: string }[] => node.json("ip -j link show type veth");

function addresses(dev: string, scope: string, netns?: string): string[] {
  return node
    .json(`ip -j addr show dev ${dev}`, netns === undefined ? {} : { netns })[0]
    .addr_info.filter((each: { scope: string }) => each.scope === scope)
    .map(({ local, prefixlen }: { local: string; prefixlen: number }) => `${local}/${prefixlen}`);
}

/** What upstream asserts of every ADD. */
function expectAdded(ended: PluginEnded, version: Version, { gateways }: Addressing, isolated = false): void {
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
function expectDefaultRoutes({ gateways }: Addressing): void {
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
function expectDeleted(): void {
  expect(hostEnds()).toEqual([]);
  expect(node.json("ip -j link show", { netns: "c1" })).toHaveLength(1);
}

describe("collectVlanTrunk", () => {
  it.each([
    ["B5", "no maxID", { minID: 100 }, "maxID is missing"],
    ["B6", "no minID", { maxID: 100 }, "minID is missing"],
    ["B7", "a negative minID", { minID: -100, maxID: 200 }, "incorrect trunk minID parameter"],
    ["B8", "a minID above 4094", { minID: 5000, maxID: 200 }, "incorrect trunk minID parameter"],
    ["B9", "a maxID above 4094", { minID: 100, maxID: 5000 }, "incorrect trunk maxID parameter"],
    ["B10", "a negative maxID", { minID: 100, maxID: -5 }, "incorrect trunk maxID parameter"],
    ["B11", "an id above 4094", { id: 5000 }, "incorrect trunk id parameter"],
    ["B12", "a negative id", { id: -100 }, "incorrect trunk id parameter"],
    ["B13", "maxID below minID", { minID: 200, maxID: 100 }, "minID is greater than maxID"],
  ])("%s refuses %s", (_id, _name, item, text) =>
    atEach(VERSIONS, (version) => {
      refused(conf(version, { vlanTrunk: [item] }), text);
      expect(node.run("ip", ["link", "show", "bridge0"]).status).not.toBe(0);
    }));
});

describe("the bridge", () => {
  it("B14 is created with the configured MTU and not promiscuous", () =>
    atEach(VERSIONS, (version) => {
      const config = conf(version, { mtu: 5000 });
      add(config);
      expect(link("bridge0")).toMatchObject({ mtu: 5000, promiscuity: 0, linkinfo: { info_kind: "bridge" } });
      del(config);
    }));

  it("B15 is the one that exists", () =>
    atEach(VERSIONS, (version) => {
      node.sh("ip link add bridge0 type bridge");
      const { ifindex } = link("bridge0");
      add(conf(version));
      expect(link("bridge0")).toMatchObject({ ifindex, flags: expect.arrayContaining(["UP"]) });
      del(conf(version));
    }));

  it.each([
    ["IPv4", "10.1.2.1/24", "10.2.3.1/24", IPV4],
    ["IPv6 that overlaps", "2001:db8::1/64", "2001:db8:0:1::1/48", IPV6],
  ])("B26 keeps an address in the way, with %s, unless forced", (_name, wanted, there, addressing) =>
    atEach(VERSIONS, (version) => {
      node.sh(`ip link add bridge0 type bridge; ip addr add ${there} dev bridge0 nodad`);
      const config = conf(version, { isGateway: true }, addressing);
      refused(config, `"bridge0" already has an IP address different from ${wanted}`);
      expect(addresses("bridge0", "global")).toEqual([there]);
      del(config);
      add({ ...config, ...{ forceAddress: true } });
      expect(addresses("bridge0", "global")).toEqual([wanted]);
      del(config);
    }));

  it("B26 has addresses of IPv6 networks that do not overlap side by side", () =>
    atEach(VERSIONS, (version) => {
      node.sh("ip link add bridge0 type bridge; ip addr add fd00:1234::1/64 dev bridge0 nodad");
      const config = conf(version, { isGateway: true }, IPV6);
      add(config);
      expect(addresses("bridge0", "global").sort()).toEqual(["2001:db8::1/64", "fd00:1234::1/64"]);
      del(config);
    }));

  it("B27 is promiscuous with promiscMode", () =>
    atEach(VERSIONS, (version) => {
      const config = conf(version, { promiscMode: true });
      add(config);
      expect(link("bridge0").promiscuity).toBe(1);
      del(config);
    }));

  it.each(FAMILIES)("B28 keeps its MAC while containers come and go, with %s", (_name, addressing) =>
    atEach(VERSIONS, (version) => {
      const config = conf(version, { isGateway: true }, addressing);
      const macs: string[] = [];
      const note = () => macs.push(link("bridge0").address);
      add(config);
      note();
      add(config, {
        containerId: "c2",
        netns: "/run/netns/c2",
        args: "IgnoreUnknown=1;MAC=02:00:00:00:00:01",
      });
      note();
      del(config);
      note();
      del(config, attachment("c2"));
      note();
      expect(new Set(macs).size).toBe(1);
    }));

  it.each(["bridge0", undefined])("B40 has VLAN ids from 0 to 4094, as bridge %s", (bridge) =>
    atEach(VERSIONS, (version) => {
      for (const vlan of [-100, 4095, 5000]) {
        const text = `invalid VLAN ID ${vlan} (must be between 0 and 4094)`;
        refused(conf(version, { vlan, bridge }), text);
      }
      if (bridge === undefined) return;
      add(conf(version, { vlan: 0, bridge }));
      del(conf(version, { vlan: 0, bridge }));
    }));
});

describe("a container", () => {
  it.each([
    ...FAMILIES,
    ["one IPv4 and two IPv6 subnets", THREE] as const,
  ])("B16 B24 is connected with a default route, and disconnected, with %s", (_name, addressing) =>
    atEach(addressing === THREE ? WITH_INTERFACES : VERSIONS, (version) => {
      const config = conf(version, { isDefaultGateway: true, ipMasq: false }, addressing);
      expectAdded(add(config), version, addressing);
      expectDefaultRoutes(addressing);
      del(config);
      expectDeleted();
    }));

  it("B16 has no two addresses of a family below version 0.3.0", () =>
    atEach(["0.1.0", "0.2.0"], (version) => {
      const config = conf(version, { isDefaultGateway: true }, THREE);
      refused(config, `CNI version ${version} does not support more than 1 address per family`);
      // Unlike upstream: what DEL does not need, it does not refuse.
      del(config);
      expectDeleted();
    }));

  it("B16 is given the name servers of resolvConf", () =>
    atEach(VERSIONS, (version) => {
      node.sh("printf 'nameserver 192.0.2.53\\n' >/run/resolv.conf");
      const ipam = { type: "host-local", subnet: "10.1.2.0/24", resolvConf: "/run/resolv.conf" };
      const config = conf(version, { isDefaultGateway: true, ipam });
      const ended = add(config);
      expectAdded(ended, version, IPV4);
      expect(ended.json.dns.nameservers).toEqual(["192.0.2.53"]);
      del(config);
    }));

  it("B17 is connected without addresses", () =>
    atEach(VERSIONS, (version) => {
      const { ipam: _none, ...config } = conf(version);
      if (version < "0.3.0") {
        refused(config, "cannot convert: no valid IP addresses");
        del(config);
        return expectDeleted();
      }
      const ended = add(config);
      expectAdded(ended, version, { subnets: [], gateways: [] });
      del(config);
      expectDeleted();
    }));

  it("B25 that never was is deleted", () =>
    atEach(VERSIONS, (version) => {
      del(conf(version, { isDefaultGateway: true }));
      expectDeleted();
    }));

  const macOf = {
    cniArgs: "c2:11:22:33:44:55",
    args: "c2:11:22:33:44:66",
    runtimeConfig: "c2:11:22:33:44:77",
  };
  const viaArgs = { args: `IgnoreUnknown=1;MAC=${macOf.cniArgs}` };
  const viaConfig = { args: { cni: { mac: macOf.args } } };
  it.each([
    ["B29 CNI_ARGS", {}, macOf.cniArgs],
    ["B30 args, before CNI_ARGS", viaConfig, macOf.args],
    [
      "B31 RuntimeConfig, before both",
      { ...viaConfig, RuntimeConfig: { mac: macOf.runtimeConfig } },
      macOf.runtimeConfig,
    ],
  ])("has the MAC of %s", (_name, more, mac) =>
    atEach(VERSIONS, (version) => {
      add(conf(version, more), viaArgs);
      expect(link("eth0", "c1").address).toBe(mac);
      del(conf(version, more), viaArgs);
      expectDeleted();
    }));

  it("B32 that cannot be connected gives its address back", () =>
    atEach(VERSIONS, (version) => {
      const leases = () => [...leasesOf(node, "testConfig").keys()];
      add(conf(version), attachment("c2"));
      const before = leases();
      expect(before).toHaveLength(1);
      const routes = [{ dst: "203.0.113.0/24", gw: "198.51.100.1" }];
      const ipam = { ...conf(version).ipam, routes };
      refused(conf(version, { ipam }), "");
      expect(leases()).toEqual(before);
      del(conf(version), attachment("c2"));
    }));

  it.each([
    ["unset", undefined, "table inet cni-bridge"],
    ["iptables", "iptables", "CNI-"],
    ["nftables", "nftables", "table inet cni-bridge"],
  ])("B33 is masqueraded, and no longer, with ipMasqBackend %s", (_name, ipMasqBackend, text) =>
    atEach(VERSIONS, (version) => {
      const config = conf(version, { isGateway: true, ipMasq: true, ipMasqBackend });
      const { json } = add(config);
      const address = bare(json.ips?.[0].address ?? json.ip4.ip);
      const rules = () => node.sh("nft list ruleset");
      expect(rules()).toContain(text);
      expect(rules()).toMatch(new RegExp(`\\b${address.replaceAll(".", "\\.")}\\b`));
      del(config);
      expect(rules()).not.toMatch(new RegExp(`\\b${address.replaceAll(".", "\\.")}\\b`));
    }));

  it.each(FAMILIES)("B34 passes CHECK after ADD, with %s", (_name, addressing) =>
    atEach(WITH_CHECK, (version) => {
      const config = conf(version, { isDefaultGateway: true }, addressing);
      const ended = add(config);
      const checked = node.plugin("bridge", "CHECK", { ...config, prevResult: ended.json }, call());
      expect(checked, `${version}: ${checked.stdout}`).toMatchObject({ status: 0, stdout: "" });
      del(config);
      expectDeleted();
    }));

  it("B35 has its spoof check, and no longer after DEL", () =>
    atEach(VERSIONS, (version) => {
      const config = conf(version, { macspoofchk: true });
      const count = () => {
        const lines = node.sh("nft list table bridge nat").split("\n");
        const of = (chain: string) => {
          const from = lines.findIndex((line) => line.trim() === `chain ${chain} {`);
          const end = lines.findIndex((line, index) => index > from && line.trim() === "}");
          return from < 0
            ? 0
            : lines.slice(from, end).filter((line) => line.includes("macspoofchk-c1-eth0")).length;
        };
        return ["PREROUTING", "cni-br-iface-c1-eth0", "cni-br-iface-c1-eth0-mac"].map(of);
      };
      add(config);
      expect(count()).toEqual([1, 1, 2]);
      del(config);
      expect(count()).toEqual([0, 0, 0]);
    }));

  it("B36 is refused with IPAM and disableContainerInterface", () =>
    atEach(VERSIONS, (version) => {
      const before = node.snapshot();
      refused(
        conf(version, { disableContainerInterface: true }),
        "cannot use IPAM when DisableContainerInterface flag is set",
      );
      expect(node.snapshot()).toEqual(before);
    }));

  it("B37 has its interface down with disableContainerInterface", () =>
    atEach(WITH_INTERFACES, (version) => {
      const { ipam: _none, ...config } = conf(version, { disableContainerInterface: true });
      add(config);
      expect(link("eth0", "c1").flags).not.toContain("UP");
      expect(link("eth0", "c1").operstate).not.toBe("UP");
      expect(addresses("eth0", "link", "c1")).toEqual([]);
      del(config);
      expectDeleted();
    }));

  it.each([
    ["B38", "not isolated by itself", undefined, false],
    ["B38", "not isolated with portIsolation off", false, false],
    ["B39", "isolated with portIsolation", true, true],
  ])("%s is %s", (_id, _name, portIsolation, isolated) =>
    atEach(VERSIONS, (version) => {
      const config = conf(version, { isDefaultGateway: true, portIsolation });
      expectAdded(add(config), version, IPV4, isolated);
      del(config);
      expectDeleted();
    }));
});
