// DEL converges: whatever was deleted, renamed, changed or broken since ADD, everything that can be removed is, and what
// cannot yet be is removed by the next DEL. The snapshots come from ip, bridge, nft and the files.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { attachment, dualStack } from "../support/network.ts";
import type { Conf, PluginCall } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";
import type { Snapshot } from "../support/snapshot.ts";

const CONF = dualStack(47, { macspoofchk: true });
const OWN = attachment("c1");
const OTHER = attachment("c2");

let node: Sandbox;
let before: Snapshot;
const state = () => node.snapshot({ exceptMemory: true });
const must = (verb: string, call: PluginCall = OWN, conf: Conf = CONF) => {
  const ended = node.plugin("bridge", verb, conf, call);
  expect(ended.status, `${verb}: ${ended.stdout} ${ended.stderr}`).toBe(0);
  return ended;
};
const del = (conf: Conf = CONF, call: PluginCall = {}) =>
  node.plugin("bridge", "DEL", conf, { ...OWN, ...call });
/** Shell in which $veth is the host's end. */
const spoil = (script: string) => {
  const { link_index: index } = node.json("ip -j link show dev eth0", { netns: "c1" })[0];
  const ends: { ifname: string; ifindex: number }[] = node.json("ip -j link show type veth");
  node.sh(`veth=${ends.find(({ ifindex }) => ifindex === index)!.ifname}; ${script}`);
};
beforeAll(async () => {
  node = await Sandbox.create();
});
afterAll(() => node?.dispose());
beforeEach(() => {
  for (const id of ["c1", "c2"]) node.addNetns(id);
  // What the network shares is there from here on, and a neighbour that must notice nothing.
  must("ADD", OTHER);
  must("ADD");
  must("DEL");
  before = state();
  must("ADD");
});
afterEach(() => {
  must("DEL", OTHER);
  del();
  node.sh(`
    for each in c1 c2 third; do ip netns del $each 2>/dev/null || true; done
    for each in br0 br1 veth9; do ip link del $each 2>/dev/null || true; done
    rm -rf /var/lib/cni/* /run/cni-bridge; nft flush ruleset
  `);
});

describe("DEL leaves nothing, once and again,", () => {
  interface Case {
    readonly name: string;
    readonly script?: string;
    readonly conf?: Conf;
    readonly call?: PluginCall;
  }
  const rename = "ip -n c1 link set eth0 down; ip -n c1 link set eth0 name eth7";
  const forget = "rm /run/cni-bridge/net/$veth";
  const minimal = { cniVersion: "1.0.0", name: "net", type: "bridge" };
  const happened: readonly Case[] = [
    { name: "where nothing has happened" },
    { name: "with the interface renamed in the container", script: rename },
    { name: "with the interface renamed and CNI_NETNS empty", script: rename, call: { netns: "" } },
    { name: "with the interface gone", script: "ip -n c1 link del eth0" },
    { name: "with the host's end gone", script: "ip link del $veth" },
    { name: "with the host's end renamed", script: "ip link set $veth down; ip link set $veth name veth9" },
    { name: "with the host's end out of the bridge", script: "ip link set $veth nomaster down" },
    { name: "with addresses and routes gone", script: "ip -n c1 addr flush dev eth0" },
    { name: "with CNI_NETNS empty", call: { netns: "" } },
    {
      name: "with CNI_NETNS a file that is no namespace",
      script: ": >/run/stub",
      call: { netns: "/run/stub" },
    },
    { name: "with CNI_NETNS a directory", call: { netns: "/run" } },
    { name: "with CNI_NETNS below a file", script: ": >/run/stub", call: { netns: "/run/stub/c1" } },
    { name: "with CNI_NETNS a dangling link", script: "ln -sf /none /run/l", call: { netns: "/run/l" } },
    { name: "with CNI_NETNS another kind of namespace", call: { netns: "/proc/self/ns/mnt" } },
    { name: "without records", script: forget },
    { name: "without records and CNI_NETNS", script: forget, call: { netns: "" } },
    {
      name: "with a torn record",
      script: "printf '{\"key\":' >/run/cni-bridge/net/$veth",
    },
    { name: "without the lease", script: "rm $(grep -l '^c1' /var/lib/cni/networks/net/1*)" },
    {
      name: "with the rules taken away and put back",
      script: "nft list ruleset >/run/r; nft flush ruleset; nft -f /run/r",
    },
  ];
  const configured: readonly Case[] = [
    { name: "another version", conf: { ...CONF, cniVersion: "0.2.0" } },
    { name: "another subnet", conf: { ...CONF, ipam: { type: "host-local", subnet: "10.48.0.0/24" } } },
    { name: "another bridge", conf: { ...CONF, bridge: "br1" } },
    { name: "no ipMasq", conf: { ...CONF, ipMasq: false } },
    { name: "no ipam", conf: { ...CONF, ipam: undefined } },
    { name: "a VLAN", conf: { ...CONF, vlan: 100 } },
    { name: "no keys", conf: minimal },
    { name: "no keys, and CNI_NETNS empty", conf: minimal, call: { netns: "" } },
    {
      name: "no keys but ipam.type, and no record",
      script: forget,
      conf: { ...minimal, ipam: { type: "host-local" } },
    },
    { name: "keys that exclude each other", conf: { ...CONF, hairpinMode: true, promiscMode: true } },
    ...Object.entries({
      isGateway: "yes",
      mtu: 1500.5,
      vlan: 99_999,
      bridge: "",
      ipMasqBackend: "ipvs",
      vlanTrunk: [null],
      dns: [],
      args: "x",
      runtimeConfig: { mac: 5 },
      ipam: "x",
    }).map(([key, value]) => ({ name: `${key} invalid`, conf: { ...CONF, [key]: value } })),
    ...[
      { ...CONF.ipam, ranges: 5 },
      { ...CONF.ipam, subnet: "10.47.0.9/24" },
      { ...CONF.ipam, routes: "x" },
    ].map((ipam, index) => ({
      name: `ipam invalid in way ${index}`,
      conf: { ...CONF, ipam },
    })),
    ...["foo", "A=b=c;", "IP=foo", "MAC=zz;IgnoreUnknown=x"].map((args) => ({
      name: `CNI_ARGS ${args}`,
      call: { args },
    })),
    ...[
      "x",
      {},
      null,
      [],
      { cniVersion: "9.9.9" },
      { cniVersion: "0.2.0", ip4: { ip: "10.9.9.9/24" } },
      { cniVersion: "1.0.0", interfaces: "x", ips: [{ address: "no" }] },
      { cniVersion: "1.0.0", ips: [{ address: "10.47.0.2/24", interface: 99 }] },
    ].map((prevResult) => ({
      name: `prevResult ${JSON.stringify(prevResult)}`,
      conf: { ...CONF, prevResult },
    })),
  ];

  it.each([
    ...happened,
    ...configured.map((each) => ({ ...each, name: `with ${each.name} since ADD` })),
  ])("$name", ({ script = "", conf, call }) => {
    spoil(script);
    for (const round of ["once", "again"]) {
      const { status, stdout } = del(conf, call);
      expect({ round, status, stdout }).toEqual({ round, status: 0, stdout: "" });
      expect(state()).toEqual(before);
    }
  });

  it.each([
    ["its path still told", OWN.netns, ""],
    ["CNI_NETNS empty", "", ""],
    ["no records", OWN.netns, forget],
    ["a stub of its file", OWN.netns, ": >/run/netns/c1"],
  ])("with the namespace gone and %s", (_name, netns, script) => {
    const { c1: _gone, ...others } = before.netns;
    spoil(`ip netns del c1; ${script}`);
    for (const round of ["once", "again"]) {
      const { status, stdout } = del(CONF, { netns });
      expect({ round, status, stdout }).toEqual({ round, status: 0, stdout: "" });
    }
    node.sh("rm -f /run/netns/c1");
    expect(state()).toEqual({ ...before, netns: others });
  });

  it.each([
    ["the bridge gone", "ip link del br0"],
    ["another kind of link in the bridge's place", "ip link del br0; ip link add br0 type veth peer veth9"],
    ["every rule flushed", "nft flush ruleset"],
    ["every record gone", "rm -r /run/cni-bridge"],
    ["every lease gone", "rm -rf /var/lib/cni/networks"],
    ["lease and record gone", "rm -rf /var/lib/cni/networks /run/cni-bridge"],
  ])("with %s", (_name, script) => {
    node.sh(script);
    // What was spoilt is the neighbour's too: its own traces are taken away, and nothing else may be left.
    for (const call of [OWN, OWN, OTHER]) must("DEL", call);
    const { netns, files } = state();
    const links = JSON.stringify([netns[""]!.ports, netns.c1!.links]);
    expect(links).not.toMatch(/veth[0-9a-z_-]{11}/);
    expect(JSON.stringify([netns[""]!.nft, files])).not.toMatch(/"c1|id: c1|10\.47\.0\.[2-9]/);
  });

  it("with CNI_PATH unset, which nothing needs", () => {
    expect(del(CONF, { env: { CNI_PATH: undefined } })).toMatchObject({ status: 0, stdout: "" });
    expect(state()).toEqual(before);
  });
});

describe("DEL with an IPAM plugin that fails", () => {
  const BIN = "/run/bin";
  const call = { path: BIN };
  const answer = { cniVersion: "1.0.0", ips: [{ address: "10.47.0.77/24", gateway: "10.47.0.1" }] };
  const failing = { ...CONF, ipam: { type: "fake" } };
  const install = (del: string) => {
    const script = `#!/bin/sh\ncat >/dev/null\ncase $CNI_COMMAND in ADD) echo '${JSON.stringify(answer)}';; DEL) ${del};; esac\n`;
    node.sh(`mkdir -p ${BIN}; cat >${BIN}/fake; chmod +x ${BIN}/fake`, { input: script });
  };
  beforeEach(() => {
    must("DEL");
    install(":");
    must("ADD", { ...OWN, ...call }, failing);
  });

  it.each([
    ["an error of its own", `echo '{"code":42,"msg":"in the way"}'; exit 1`, { code: 42, msg: "in the way" }],
    ["no word", "exit 3", { code: 103 }],
    ["a signal", "kill -9 $$", { code: 103 }],
  ])("with %s removes everything else, and a second finishes", (_name, script, error) => {
    install(script);
    expect(del(failing, call)).toMatchObject({ status: 1, json: error });
    const { netns, files } = state();
    expect(netns).toEqual(before.netns);
    // Remembered until IPAM has done its part.
    expect(Object.keys(files).filter((path) => !(path in before.files))).toHaveLength(1);
    install(": >/run/released");
    expect(del(failing, call)).toMatchObject({ status: 0, stdout: "" });
    expect(state()).toEqual(before);
    node.sh("rm /run/released");
  });

  it("because it is not there removes everything else, and a second finishes", () => {
    node.sh(`rm ${BIN}/fake`);
    expect(del(failing, call)).toMatchObject({ status: 1, json: { code: 103 } });
    expect(state().netns).toEqual(before.netns);
    install(": >/run/released");
    // By the record, as the configuration has lost it since.
    expect(del({ ...CONF, ipam: {} }, call)).toMatchObject({ status: 0, stdout: "" });
    expect(state()).toEqual(before);
    node.sh("rm /run/released");
  });

  it("asks both where the configuration names another now", () => {
    node.sh(`cp ${BIN}/fake ${BIN}/other; sed -i 's/) :;/) : >\\/run\\/other;/' ${BIN}/other`);
    install(": >/run/released");
    expect(del({ ...CONF, ipam: { type: "other" } }, call)).toMatchObject({ status: 0 });
    node.sh("rm /run/released /run/other");
    expect(state()).toEqual(before);
  });
});

describe("the host's own namespace as CNI_NETNS", () => {
  it.each([
    ["through /proc", "/proc/self/ns/net", ":"],
    ["bound to a file", "/run/own", ": >/run/own; mount --bind /proc/self/ns/net /run/own"],
    ["through a link", "/run/link", "ln -sf /proc/self/ns/net /run/link"],
  ])("is refused %s before anything is touched", (_name, netns, script) => {
    node.sh(`${script}; ip link add eth0 type veth peer name eth0-peer`);
    try {
      const all = node.snapshot();
      for (const [verb, call] of [
        ["ADD", { containerId: "c3" }],
        ["ADD", OWN],
        ["DEL", OWN],
      ] as const) {
        const ended = node.plugin("bridge", verb, CONF, { ...call, netns });
        expect(ended).toMatchObject({
          status: 1,
          json: { code: 4, msg: expect.stringContaining("CNI_NETNS") },
        });
        expect(node.snapshot()).toEqual(all);
      }
    } finally {
      node.sh("ip link del eth0; umount /run/own 2>/dev/null || true");
    }
  });
});

describe("an interface of that name that is not ours", () => {
  const foreign: readonly (readonly [string, string])[] = [
    ["a bridge", "ip -n c1 link add eth0 type bridge"],
    [
      "a macvlan",
      "ip -n c1 link add under type veth peer eth1; ip -n c1 link add link under name eth0 type macvlan",
    ],
    [
      "a veth to a third namespace",
      "ip netns add third; ip -n c1 link add eth0 type veth peer far netns third",
    ],
    ["a veth within the container", "ip -n c1 link add eth0 type veth peer eth1"],
  ];

  it.each(foreign)("stays where the container was never added: %s", (_name, script) => {
    must("DEL");
    node.sh(script);
    const all = state();
    must("DEL");
    must("DEL");
    expect(state()).toEqual(all);
  });

  it.each(foreign)("stays where it has taken the place of ours: %s", (_name, script) => {
    node.sh("ip -n c1 link set eth0 down; ip -n c1 link set eth0 name was0");
    node.sh(script);
    const { ifindex } = node.json("ip -j link show dev eth0", { netns: "c1" })[0];
    must("DEL");
    expect(node.json("ip -j link show dev eth0", { netns: "c1" })[0].ifindex).toBe(ifindex);
    expect(node.run("ip", ["-n", "c1", "link", "show", "was0"]).status).not.toBe(0);
    node.sh(
      "ip -n c1 link del eth0; ip -n c1 link del under 2>/dev/null || true; ip netns del third 2>/dev/null || true",
    );
    expect(state()).toEqual(before);
  });
});
