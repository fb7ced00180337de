// A node that changes plugins with containers running: whatever the reference's masquerading made, with either backend,
// is gone after our DEL, and nobody else's is. Oracles: the reference plugin itself, iptables-save, nft.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DIST, REFERENCE } from "../support/executables.ts";
import { type Flavour, LoggedPath, mentions } from "../support/nat-rules.ts";
import type { PluginCall } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";

const PATH = `${DIST}:${REFERENCE}`;

const cases: readonly { backend: string; flavour: Flavour; name: string }[] = [
  { name: "nftables", backend: "nftables", flavour: "nft" },
  { name: "iptables-nft", backend: "iptables", flavour: "nft" },
  { name: "iptables-legacy", backend: "iptables", flavour: "legacy" },
];

let node: Sandbox;
// A table of iptables-legacy, once there, is there for good: each test has a node of its own.
beforeEach(async () => {
  node = await Sandbox.create();
});
afterEach(() => node.dispose());

describe.each(cases)("a container of the reference with $name", ({ backend, flavour }) => {
  const conf = (last: number, more: object = {}) => ({
    cniVersion: "1.0.0",
    name: "net",
    type: "bridge",
    bridge: "br0",
    isDefaultGateway: true,
    ipMasq: true,
    ipMasqBackend: backend,
    ipam: {
      type: "static",
      addresses: [{ address: `10.43.0.${last}/24` }, { address: `fd00:43::${last}/64` }],
    },
    ...more,
  });
  let log: LoggedPath;
  let env: LoggedPath["env"];
  const call = (id: string, more: PluginCall = {}): PluginCall => ({
    containerId: id,
    netns: `/run/netns/${id}`,
    path: PATH,
    ...more,
  });
  const succeed = (verb: string, config: object, options: PluginCall) => {
    const ended = node.plugin("bridge", verb, config, options);
    expect(ended, `${verb}: ${ended.stdout}`).toMatchObject({ status: 0, stderr: "" });
  };
  /** PATH of the reference, which needs nft too. */
  const both = () => `${env.PATH}:/usr/sbin`;
  const addByReference = (id: string, last: number, more: PluginCall = {}) =>
    succeed("ADD", conf(last), call(id, { bin: REFERENCE, env: { PATH: both() }, ...more }));
  const traces = (id: string, last: number) =>
    mentions(
      node,
      `id: "${id}"`,
      `id: \\"${id}\\"`,
      `id: ${id}"`,
      `10.43.0.${last} `,
      `fd00:43::${last} `,
      `10.43.0.${last}/32`,
      `fd00:43::${last}/128`,
    );

  beforeEach(() => {
    log = new LoggedPath(node, flavour);
    env = log.env;
    for (const id of ["c1", "c2"]) node.addNetns(id);
    addByReference("c1", 5);
    addByReference("c2", 6);
    expect(traces("c1", 5)).not.toEqual([]);
  });

  it.each<{ name: string; options: PluginCall; config?: object; gone?: boolean }>([
    { name: "its namespace", options: {} },
    { name: "its namespace gone", options: {}, gone: true },
    { name: "no CNI_NETNS", options: { netns: "" }, gone: true },
    { name: "ipMasq off since", options: {}, config: { ipMasq: false } },
    { name: "another backend since", options: {}, config: { ipMasqBackend: undefined } },
    { name: "the other family gone from the configuration", options: {}, config: { ipam: {} } },
  ])("leaves nothing after DEL with $name, and its neighbour everything", ({
    options,
    config = {},
    gone = false,
  }) => {
    const neighbour = traces("c2", 6);
    if (gone) node.delNetns("c1");
    for (const _ of ["once", "again"]) {
      succeed("DEL", conf(5, config), call("c1", { env, ...options }));
      expect(traces("c1", 5)).toEqual([]);
      expect(traces("c2", 6)).toEqual(neighbour);
    }
    succeed("DEL", conf(6), call("c2", { env }));
    expect(mentions(node, "CNI-", "id: ")).toEqual([]);
  });

  it("is removed without a program, but for rules of iptables-legacy", () => {
    log.calls();
    succeed("DEL", conf(5), call("c1", { env }));
    const programs = new Set(log.calls().map((line) => line.split(" ")[0]));
    expect([...programs]).toEqual(flavour === "legacy" ? ["iptables-legacy", "ip6tables-legacy"] : []);
  });

  it("leaves nothing where a record of ours, which its own DEL has left, speaks of another backend", () => {
    node.addNetns("c3");
    const ours = conf(8, { ipMasqBackend: undefined });
    succeed("ADD", ours, call("c3", { env }));
    succeed("DEL", conf(8), call("c3", { bin: REFERENCE, env: { PATH: both() } }));
    addByReference("c3", 8);
    succeed("DEL", ours, call("c3", { env }));
    expect(traces("c3", 8)).toEqual([]);
  });

  it("keeps the rules of its other interface", () => {
    addByReference("c1", 7, { ifname: "eth1" });
    const other = () => traces("none", 7);
    const before = other();
    expect(before).not.toEqual([]);
    succeed("DEL", conf(5), call("c1", { env }));
    expect(other()).toEqual(before);
    expect(traces("none", 5)).toEqual([]);
    succeed("DEL", conf(7), call("c1", { env, ifname: "eth1" }));
    expect(traces("c1", 7)).toEqual([]);
  });

  it("loses nothing to the DEL of a container of ours", () => {
    node.addNetns("c3");
    const before = [...traces("c1", 5), ...traces("c2", 6)];
    log.calls();
    const ours = conf(8, { ipMasqBackend: undefined });
    succeed("ADD", ours, call("c3", { env }));
    succeed("DEL", ours, call("c3", { env }));
    expect(log.calls()).toEqual([]);
    expect([...traces("c1", 5), ...traces("c2", 6)]).toEqual(before);
  });
});

describe("rules of the pre-1.0 reference", () => {
  it("are found by their chain, though the jump names the subnet", () => {
    const comment = '-m comment --comment \'name: "net" id: "c1"\'';
    // SHA-512 of "netc1", as sha512sum says.
    const chain = `CNI-${node.sh("printf netc1 | sha512sum").slice(0, 24)}`;
    node.sh(`
      iptables -t nat -N ${chain}
      iptables -t nat -A ${chain} -d 10.43.0.0/24 -j ACCEPT ${comment}
      iptables -t nat -A ${chain} ! -d 224.0.0.0/4 -j MASQUERADE ${comment}
      iptables -t nat -A POSTROUTING -s 10.43.0.5/24 -j ${chain} ${comment}
    `);
    const config = { cniVersion: "1.0.0", name: "net", type: "bridge" };
    expect(node.plugin("bridge", "DEL", config, { containerId: "c1" })).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect(mentions(node, "CNI-")).toEqual([]);
  });
});
