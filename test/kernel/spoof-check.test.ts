// macspoofchk on a real kernel. Oracles: the reference plugin's rules as nft shows them, its own DEL, and ping between
// containers of which one lies about its MAC.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { REFERENCE } from "../support/executables.ts";
import { attachment, resultOf, SILENT } from "../support/network.ts";
import type { PluginCall } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";

const CONF = {
  cniVersion: "1.1.0",
  name: "spoof",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  macspoofchk: true,
  ipam: { type: "host-local", ranges: [[{ subnet: "10.43.0.0/24" }]] },
  runtimeConfig: { mac: "02:43:00:00:00:01" },
};
/** For a second container: MACs differ. */
const SECOND = { ...CONF, runtimeConfig: { mac: "02:43:00:00:00:02" } };
const FALSE_MAC = "02:43:00:00:00:99";
const SHARED =
  "table bridge nat{chain PREROUTING{type filter hook prerouting priority dstnat;policy accept;}}";

const longest = "x".repeat(233); // cni-br-iface-…-eth0-mac has 255 characters then

let node: Sandbox;
/** A container of any name in the namespace c1. */
const at = (id: string, more: PluginCall = {}): PluginCall => attachment("c1", { containerId: id, ...more });
const reference = { bin: REFERENCE };

const add = (conf: object, call: PluginCall) => resultOf(node.plugin("bridge", "ADD", conf, call));
const del = (conf: object, call: PluginCall) =>
  expect(node.plugin("bridge", "DEL", conf, call)).toEqual({
    status: 0,
    stdout: "",
    stderr: "",
    json: undefined,
  });
/** The bridge family's table in one line. */
const ruleset = () =>
  node
    .sh("nft list table bridge nat")
    .replaceAll(/\s*([{};\n])\s*/g, "$1")
    .replaceAll("\n", "");
/** Its content as nft's JSON, and as the kernel's expressions; what differs by itself taken out. */
const layout = (hostName: string) => {
  const items = node
    .json("nft -j list table bridge nat")
    .nftables.filter((item: Record<string, unknown>) => item.metainfo === undefined);
  const json = JSON.stringify(items)
    .replaceAll(hostName, "HOST")
    .replaceAll(/"handle":\d+/g, '"handle":0');
  // nft shows no more than 15 of the 16 bytes of a name: the rules of both must compare all of them.
  const bytecode = node.sh("nft --debug=netlink list table bridge nat").split("table bridge nat {")[0]!;
  return {
    json: JSON.parse(json),
    bytecode: bytecode
      .replaceAll(/^bridge nat (\S+).*$/gm, "$1")
      .replaceAll(/(cmp eq reg 1 0x68746576)( 0x[0-9a-f]{8}){3}/g, "$1 … 16 bytes"),
  };
};
const jumps = () => node.sh("nft list chain bridge nat PREROUTING").match(/jump/g)?.length ?? 0;

beforeAll(async () => {
  node = await Sandbox.create();
});
afterAll(() => node?.dispose());
beforeEach(() => {
  for (const id of ["c1", "c2"]) node.addNetns(id);
});
afterEach(() => {
  for (const id of ["c1", "c2"]) node.run("ip", ["netns", "del", id]);
  node.sh(`nft flush ruleset; ip link del br0 2>/dev/null || :; rm -rf /run/cni-bridge /var/lib/cni/networks
    for veth in $(ip -br link show type veth | cut -d@ -f1); do ip link del $veth 2>/dev/null || :; done`);
});

describe("ADD with macspoofchk", () => {
  it.each([
    ["a short id", "c1"],
    ["a usual id", "8f3a".repeat(16)],
    ["the longest id that fits", longest],
  ])("makes what the reference makes, for %s", (_name, id) => {
    const expected = layout(add(CONF, at(id, reference)).interfaces[1].name);
    expect(expected.json).toHaveLength(8);
    del(CONF, at(id, reference));
    node.sh("nft flush ruleset");
    expect(layout(add(CONF, at(id)).interfaces[1].name)).toEqual(expected);
  });

  it("refuses an id that is too long, as the reference does, and leaves nothing", () => {
    add(SECOND, attachment("c2"));
    const before = node.snapshot({ exceptMemory: true });
    const call = at(`${longest}x`);
    expect(node.plugin("bridge", "ADD", CONF, { ...call, ...reference }).status).toBe(1);
    node.sh("ip -n c1 link del eth0");
    const ended = node.plugin("bridge", "ADD", CONF, call);
    expect(ended.json).toMatchObject({
      code: 4,
      msg: "CNI_CONTAINERID is too long for macspoofchk: 234 characters",
    });
    expect(node.snapshot({ exceptMemory: true })).toEqual(before);
    del(CONF, call);
  });

  it("drops frames with another source MAC, and no others", () => {
    add(CONF, at("c1"));
    const [{ address }] = add(SECOND, attachment("c2")).ips;
    const c2 = address.replace("/24", "");
    const ping = () => node.pings("c1", c2);
    expect(ping()).toBe(true);
    node.sh(`ip -n c1 link set eth0 address ${FALSE_MAC}; ip -n c2 neigh flush all`);
    expect(ping()).toBe(false);
    node.sh(`ip -n c1 link set eth0 address ${CONF.runtimeConfig.mac}; ip -n c2 neigh flush all`);
    expect(ping()).toBe(true);
  });

  it("lets a container change its MAC without it", () => {
    add({ ...CONF, macspoofchk: false }, at("c1"));
    const [{ address }] = add(SECOND, attachment("c2")).ips;
    node.sh(`ip -n c1 link set eth0 address ${FALSE_MAC}`);
    expect(node.pings("c1", address.replace("/24", ""))).toBe(true);
    expect(jumps()).toBe(1);
  });

  it("works on a network without ipam", () => {
    const layer2 = { ...CONF, isGateway: false, ipam: {} };
    add(layer2, at("c1"));
    expect(jumps()).toBe(1);
    del(layer2, at("c1"));
    expect(ruleset()).toBe(SHARED);
  });

  it("replaces what an earlier holder of the id left", () => {
    // The reference's DEL leaks its rules where the namespace is gone.
    add(CONF, at("c1", reference));
    node.sh("ip netns del c1; rm -rf /var/lib/cni/networks");
    node.addNetns("c1");
    expect(jumps()).toBe(1);
    const { interfaces } = add(SECOND, at("c1"));
    expect(jumps()).toBe(1);
    expect(ruleset()).toContain(`iifname "${interfaces[1].name}" jump`);
    expect(ruleset()).toContain(`ether saddr ${SECOND.runtimeConfig.mac} return`);
    expect(ruleset()).not.toContain(CONF.runtimeConfig.mac);
  });

  it.each(["cni-br-iface-c1-eth0", "cni-br-iface-c1-eth0-mac"])("replaces a lone chain %s", (chain) => {
    node.sh(
      `nft add table bridge nat; nft add chain bridge nat ${chain}; nft add rule bridge nat ${chain} accept`,
    );
    add(CONF, at("c1"));
    expect(ruleset()).not.toContain("accept;}chain cni");
    expect(ruleset()).not.toMatch(/\{accept/);
    del(CONF, at("c1"));
    expect(ruleset()).toBe(SHARED);
  });

  it("keeps rules and the policy that are not ours", () => {
    node.sh(`nft add table bridge nat
      nft add chain bridge nat PREROUTING '{ type filter hook prerouting priority -300; policy drop; }'
      nft add rule bridge nat PREROUTING iifname other0 accept comment '"not ours"'
      nft add chain bridge nat other`);
    const before = ruleset();
    expect(before).toContain("policy drop");
    add(CONF, at("c1"));
    del(CONF, at("c1"));
    expect(ruleset()).toBe(before);
  });

  it("says what is in its way, and leaves nothing", () => {
    add(SECOND, attachment("c2"));
    del(SECOND, attachment("c2"));
    node.sh(`nft delete table bridge nat; nft add table bridge nat
      nft add chain bridge nat PREROUTING '{ type filter hook prerouting priority 0; }'`);
    const before = node.snapshot({ exceptMemory: true });
    const ended = node.plugin("bridge", "ADD", CONF, at("c1"));
    expect(ended.json).toMatchObject({
      code: 100,
      msg: expect.stringMatching(
        /cannot set up the MAC spoof check of veth\w+: chain PREROUTING of table bridge nat is taken/,
      ),
    });
    expect(node.snapshot({ exceptMemory: true })).toEqual(before);
  });

  it("leaves no rule when a later step fails", () => {
    add(SECOND, attachment("c2"));
    const before = node.snapshot({ exceptMemory: true });
    const routes = [{ dst: "192.0.2.0/24", gw: "203.0.113.1" }];
    const ended = node.plugin("bridge", "ADD", { ...CONF, ipam: { ...CONF.ipam, routes } }, at("c1"));
    expect(ended.status).toBe(1);
    expect(node.snapshot({ exceptMemory: true })).toEqual(before);
  });
});

describe("DEL with macspoofchk", () => {
  it.each([
    { adds: "ours", adder: {}, deletes: "the reference", deleter: reference },
    { adds: "the reference", adder: reference, deletes: "ours", deleter: {} },
    { adds: "ours", adder: {}, deletes: "ours", deleter: {} },
  ])("removes everything: ADD by $adds, DEL by $deletes", ({ adder, deleter }) => {
    add(SECOND, attachment("c2", adder));
    const before = ruleset();
    for (const id of ["c1", longest]) {
      add(CONF, at(id, adder));
      expect(jumps()).toBe(2);
      del(CONF, at(id, deleter));
      expect(ruleset()).toBe(before);
    }
    del(CONF, attachment("c2", deleter));
    expect(ruleset()).toBe(SHARED);
  });

  it("keeps the rules of the container's other interface", () => {
    add(CONF, at("c1"));
    const before = ruleset();
    add(SECOND, at("c1", { ifname: "eth1" }));
    expect(jumps()).toBe(2);
    del(SECOND, at("c1", { ifname: "eth1" }));
    expect(ruleset()).toBe(before);
  });

  it.each([
    { name: "the namespace gone", spoil: "ip netns del c1", conf: CONF, call: {} },
    { name: "CNI_NETNS empty", spoil: ":", conf: CONF, call: { netns: "" } },
    { name: "no record", spoil: "rm -rf /run/cni-bridge", conf: CONF, call: { netns: "" } },
    { name: "the key gone", spoil: ":", conf: { ...CONF, macspoofchk: false }, call: {} },
    {
      name: "the key and the record gone",
      spoil: "rm -rf /run/cni-bridge",
      conf: { ...CONF, macspoofchk: false },
      call: { netns: "" },
    },
    { name: "the interface gone", spoil: "ip -n c1 link del eth0", conf: CONF, call: {} },
    {
      name: "the jump gone",
      spoil: "nft flush chain bridge nat PREROUTING",
      conf: CONF,
      call: {},
    },
  ])("removes everything, twice, with $name", ({ spoil, conf, call }) => {
    for (const adder of [{}, reference]) {
      node.run("ip", ["netns", "add", "c1"]);
      add(CONF, at("c1", adder));
      node.sh(spoil);
      for (let time = 0; time < 2; time++) del(conf, at("c1", call));
      expect(ruleset()).toBe(SHARED);
    }
  });

  it("succeeds where a reload has flushed all rules", () => {
    add(CONF, at("c1"));
    node.sh("nft flush ruleset");
    del(CONF, at("c1"));
    expect(node.sh("nft list ruleset")).toBe("");
  });

  it("says so when a foreign rule still needs a chain, and ends the rest", () => {
    add(CONF, at("c1"));
    node.sh("nft add rule bridge nat PREROUTING iifname other0 jump cni-br-iface-c1-eth0");
    const ended = node.plugin("bridge", "DEL", CONF, at("c1"));
    expect(ended.json).toMatchObject({
      code: 100,
      msg: expect.stringContaining("cannot remove the MAC spoof check of eth0 of c1: EBUSY"),
    });
    expect(node.json("ip -j link show type veth")).toEqual([]);
    expect(node.sh("ls /var/lib/cni/networks/spoof")).not.toContain("10.43.0.2");
    node.sh("nft flush chain bridge nat PREROUTING");
    del(CONF, at("c1"));
    expect(ruleset()).toBe(SHARED);
  });
});

describe("GC with macspoofchk", () => {
  it("removes the rules of attachments that are gone, and no others", () => {
    add(SECOND, attachment("c2"));
    const before = ruleset();
    add(CONF, at("c1"));
    node.delNetns("c1");
    const valid = { "cni.dev/valid-attachments": [{ containerID: "c2", ifname: "eth0" }] };
    const ended = node.plugin("bridge", "GC", { ...CONF, ...valid }, {});
    expect(ended, ended.stdout).toMatchObject({ status: 0, stderr: "" });
    expect(ruleset()).toBe(before);
  });
});

describe("CHECK with macspoofchk", () => {
  const check = (prevResult: object) =>
    node.plugin("bridge", "CHECK", { ...CONF, prevResult }, at("c1", { path: `${node.bin}` }));

  it.each([
    ["ours", {}],
    ["the reference's", reference],
  ])("is content right after ADD by %s", (_name, adder) => {
    expect(check(add(CONF, at("c1", adder)))).toMatchObject(SILENT);
  });

  const chain = "cni-br-iface-c1-eth0";
  it.each([
    [
      "PREROUTING",
      "nft flush chain bridge nat PREROUTING",
      /PREROUTING: expected iifname "veth\w+" jump cni-br-iface-c1-eth0, found none/,
    ],
    [
      chain,
      `nft flush chain bridge nat ${chain}`,
      /eth0: expected jump cni-br-iface-c1-eth0-mac, found none/,
    ],
    [
      `${chain}-mac`,
      `nft insert rule bridge nat ${chain}-mac accept`,
      /eth0-mac: expected ether saddr 02:43:00:00:00:01 return; drop, found other rules/,
    ],
    ["all", "nft flush ruleset", /PREROUTING: .*found none\n.*eth0: .*found none\n.*eth0-mac: .*found none/],
  ])("tells what is wrong with %s", (_name, spoil, expected) => {
    const result = add(CONF, at("c1"));
    node.sh(spoil);
    const ended = check(result);
    expect(ended).toMatchObject({ status: 1, json: { code: 102 } });
    expect(ended.json.details).toMatch(expected);
  });
});

describe("many at once", () => {
  const ids = Array.from({ length: 24 }, (_, index) => `p${index}`);
  const conf = { ...CONF, runtimeConfig: {} };
  afterEach(() => {
    for (const id of ids) node.run("ip", ["netns", "del", id]);
  });

  it("adds and removes all rules", async () => {
    for (const id of ids) node.addNetns(id);
    // Enough rules that a listing takes several reads, which others' changes interrupt.
    const others = Array.from(
      { length: 400 },
      (_, i) => `add rule bridge nat PREROUTING iifname other${i} accept`,
    );
    add(CONF, at("c1"));
    node.must("nft", ["-f", "-"], { input: others.join("\n") });
    const all = async (verb: string, some = ids) => {
      const ended = await Promise.all(
        some.map((id) => node.pluginAsync("bridge", verb, conf, attachment(id))),
      );
      expect(ended.filter(({ status }) => status !== 0)).toEqual([]);
    };
    await all("ADD");
    expect(jumps()).toBe(1 + ids.length);
    await Promise.all([all("DEL", ids.slice(0, 12)), all("DEL", ids.slice(12))]);
    expect(jumps()).toBe(1);
    expect(node.sh("nft list table bridge nat")).not.toContain("-p");
  });
});
