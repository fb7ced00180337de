// `ipMasqBackend: "iptables"`: the rules that the reference makes, by either flavour of iptables, shared by the
// interfaces of a container, and gone after DEL. Oracles: the reference plugin, iptables-save, nft, a host outside.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DIST, REFERENCE } from "../support/executables.ts";
import { type Flavour, iptablesRules, LoggedPath, mentions } from "../support/nat-rules.ts";
import { attachment } from "../support/network.ts";
import type { PluginCall } from "../support/node.ts";
import { Outside } from "../support/outside.ts";
import { Sandbox } from "../support/sandbox.ts";

const PATH = `${DIST}:${REFERENCE}`;

interface Wanted {
  /** The bridge is the containers' gateway, true unless said otherwise. */
  readonly isDefaultGateway?: boolean;
  readonly addresses?: readonly string[];
  /** "iptables" unless said otherwise; null is the same as absent. */
  readonly backend?: string | null;
}

const DUAL = ["10.41.0.5/24", "fd00:41::5/64"];

function conf({ addresses = DUAL, backend = "iptables", isDefaultGateway = true }: Wanted = {}) {
  return {
    cniVersion: "1.0.0",
    name: "net",
    type: "bridge",
    bridge: "br0",
    isDefaultGateway,
    ipMasq: true,
    ipMasqBackend: backend,
    ipam: { type: "static", addresses: addresses.map((address) => ({ address })) },
  };
}

let node: Sandbox;
// A table of iptables-legacy, once there, is there for good: each test has a node of its own.
beforeEach(async () => {
  node = await Sandbox.create();
  node.addNetns("c1");
});
afterEach(() => node.dispose());

const call = (verb: string, wanted: Wanted = {}, more: PluginCall = {}) =>
  node.plugin("bridge", verb, conf(wanted), attachment("c1", { path: PATH, ...more }));
const succeed = (verb: string, wanted: Wanted = {}, more: PluginCall = {}) => {
  const ended = call(verb, wanted, more);
  expect(ended, `${verb}: ${ended.stdout}`).toMatchObject({ status: 0, stderr: "" });
  return ended;
};
const reference: PluginCall = { bin: REFERENCE };

describe.each<{ name: string; addresses: readonly string[] }>([
  { name: "IPv4", addresses: ["10.41.0.5/24"] },
  { name: "IPv6", addresses: ["fd00:41::5/64"] },
  { name: "both families", addresses: DUAL },
  { name: "an odd prefix", addresses: ["10.41.3.5/22", "fd00:41::5/61"] },
])("iptables backend with $name", ({ addresses }) => {
  it.each<Flavour>(["nft", "legacy"])("makes the reference's rules with iptables-%s", (flavour) => {
    const { env } = new LoggedPath(node, flavour);
    succeed("ADD", { addresses }, { ...reference, env });
    const expected = iptablesRules(node, flavour);
    expect(expected).toHaveLength(4 * addresses.length);
    succeed("DEL", { addresses }, { ...reference, env });
    succeed("ADD", { addresses }, { env });
    expect(iptablesRules(node, flavour)).toEqual(expected);
  });

  it.each<Flavour>(["nft", "legacy"])("removes its rules of iptables-%s, once and again", (flavour) => {
    const { env } = new LoggedPath(node, flavour);
    succeed("ADD", { addresses }, { env });
    expect(mentions(node, "CNI-")).not.toEqual([]);
    for (const _ of ["once", "again"]) {
      succeed("DEL", { addresses }, { env });
      expect(mentions(node, "CNI-", "c1")).toEqual([]);
    }
  });

  it.each<Flavour>(["nft", "legacy"])("leaves its rules of iptables-%s to the reference's DEL", (flavour) => {
    const { env } = new LoggedPath(node, flavour);
    succeed("ADD", { addresses }, { env });
    succeed("DEL", { addresses }, { ...reference, env });
    expect(mentions(node, "CNI-")).toEqual([]);
  });

  it.each<Flavour>(["nft", "legacy"])("removes its rules of iptables-%s without a namespace", (flavour) => {
    const { env } = new LoggedPath(node, flavour);
    succeed("ADD", { addresses }, { env });
    node.delNetns("c1");
    succeed("DEL", { addresses }, { env });
    expect(mentions(node, "CNI-")).toEqual([]);
  });

  it.each<Flavour>(["nft", "legacy"])("removes its rules of iptables-%s without its record", (flavour) => {
    const { env } = new LoggedPath(node, flavour);
    succeed("ADD", { addresses }, { env });
    node.sh("rm -r /run/cni-bridge");
    succeed("DEL", { addresses }, { env, netns: "" });
    expect(mentions(node, "CNI-")).toEqual([]);
  });
});

describe("the programs started", () => {
  it("are four for the first address of a family, and none for DEL with iptables-nft", () => {
    const log = new LoggedPath(node);
    succeed("ADD", {}, log);
    expect(log.calls().map((line) => line.split(" ").slice(0, 5).join(" "))).toEqual([
      expect.stringMatching(/^iptables -t nat -N CNI-[0-9a-f]{24}$/),
      "iptables -t nat -A POSTROUTING",
      expect.stringMatching(/^iptables -t nat -I CNI-/),
      expect.stringMatching(/^iptables -t nat -A CNI-/),
      expect.stringMatching(/^ip6tables -t nat -N CNI-/),
      "ip6tables -t nat -A POSTROUTING",
      expect.stringMatching(/^ip6tables -t nat -I CNI-/),
      expect.stringMatching(/^ip6tables -t nat -A CNI-/),
    ]);
    succeed("DEL", {}, log);
    expect(log.calls()).toEqual([]);
  });

  it("wait for the lock with a bound", () => {
    const log = new LoggedPath(node);
    succeed("ADD", {}, log);
    for (const line of log.calls()) expect(line).toMatch(/ --wait 10$/);
  });

  it("are none where the backend is nf_tables", () => {
    const log = new LoggedPath(node);
    for (const backend of [null, "nftables"]) {
      succeed("ADD", { backend }, log);
      succeed("DEL", { backend }, log);
    }
    expect(log.calls()).toEqual([]);
  });

  it("are none where nothing is known of the attachment and nothing is left of it", () => {
    const log = new LoggedPath(node);
    succeed("DEL", {}, log);
    expect(log.calls()).toEqual([]);
  });

  it("look for the chain and no further where there is a table of iptables-legacy without it", () => {
    const log = new LoggedPath(node);
    node.sh("iptables-legacy -t nat -S >/dev/null");
    succeed("DEL", {}, log);
    expect(log.calls()).toEqual([expect.stringMatching(/^iptables-legacy -t nat -S CNI-\S+ --wait 10$/)]);
  });
});

describe("two interfaces of one container", () => {
  const eth: readonly Wanted[] = [
    { addresses: ["10.41.0.5/24", "fd00:41::5/64"] },
    { addresses: ["10.41.0.6/24", "fd00:42::6/64"] },
  ];
  const options = (env: { PATH: string }, index: number) => ({ env, ifname: `eth${index}` });
  const extra = { netns: "/run/netns/c1" };

  describe.each<Flavour>(["nft", "legacy"])("with iptables-%s", (flavour) => {
    it.each([
      [0, 1],
      [1, 0],
    ])("keep what eth%i's DEL does not concern", (first, second) => {
      const { env } = new LoggedPath(node, flavour);
      succeed("ADD", eth[second], { ...options(env, second), ...extra });
      const alone = iptablesRules(node, flavour);
      succeed("ADD", eth[first], { ...options(env, first), ...extra });
      expect(iptablesRules(node, flavour).length).toBeGreaterThan(alone.length);
      succeed("DEL", eth[first], options(env, first));
      expect(iptablesRules(node, flavour)).toEqual(alone);
      succeed("DEL", eth[second], options(env, second));
      expect(mentions(node, "CNI-")).toEqual([]);
    });

    it("keep each other's rules without a record, too", () => {
      const { env } = new LoggedPath(node, flavour);
      succeed("ADD", eth[1], options(env, 1));
      const alone = iptablesRules(node, flavour);
      succeed("ADD", eth[0], options(env, 0));
      node.sh("rm -r /run/cni-bridge");
      succeed("DEL", eth[0], options(env, 0));
      expect(iptablesRules(node, flavour)).toEqual(alone);
      succeed("DEL", eth[1], options(env, 1));
      expect(mentions(node, "CNI-")).toEqual([]);
    });
  });

  it("let every subnet out of the masquerade, whichever came first", () => {
    const isDefaultGateway = false;
    succeed("ADD", { addresses: ["10.41.0.5/24"], isDefaultGateway });
    succeed("ADD", { addresses: ["10.42.0.5/24"], isDefaultGateway }, { ifname: "eth1" });
    const targets = iptablesRules(node)
      .filter((line) => line.startsWith("-A CNI-"))
      .map((line) => line.replace(/^.* -j /, ""));
    expect(targets).toEqual(["ACCEPT", "ACCEPT", "MASQUERADE"]);
  });

  it.each<Flavour>([
    "nft",
    "legacy",
  ])("can be added and removed side by side, iptables-%s", async (flavour) => {
    const { env } = new LoggedPath(node, flavour);
    const names = ["eth0", "eth1", "eth2", "eth3"];
    const side = (verb: string) =>
      Promise.all(
        names.map((ifname, index) =>
          node.pluginAsync(
            "bridge",
            verb,
            conf({ addresses: [`10.41.0.${index + 5}/24`] }),
            attachment("c1", { path: PATH, ifname, env }),
          ),
        ),
      );
    for (const ended of await side("ADD")) expect(ended, ended.stdout).toMatchObject({ status: 0 });
    const jumps = iptablesRules(node, flavour).filter((line) => line.startsWith("-A POSTROUTING"));
    expect(jumps).toHaveLength(names.length);
    for (const ended of await side("DEL")) expect(ended, ended.stdout).toMatchObject({ status: 0 });
    expect(mentions(node, "CNI-")).toEqual([]);
  });
});

describe("traffic", () => {
  it("shows the outside the node's address", async () => {
    const outside = await Outside.connect(node);
    succeed("ADD");
    expect(outside.sees("c1", "v4")).toBe(Outside.node.v4);
    expect(outside.sees("c1", "v6")).toBe(Outside.node.v6);
    await outside.disconnect();
  });
});

describe("failures", () => {
  it.each(["ipvs", "", "NFTABLES"])("refuse backend %j before anything is changed", (backend) => {
    const before = node.snapshot();
    const ended = call("ADD", { backend });
    expect(ended.status).toBe(1);
    expect(ended.json).toMatchObject({
      code: 7,
      msg: `invalid configuration: ipMasqBackend: must be "nftables" or "iptables", not ${JSON.stringify(backend)}`,
    });
    expect(node.snapshot()).toEqual(before);
    expect(call("DEL", { backend })).toMatchObject({ status: 0 });
  });

  it("name a program that is missing, and leave nothing", () => {
    const ended = call("ADD", {}, { env: { PATH: "/nowhere" } });
    expect(ended.json).toMatchObject({
      code: 103,
      msg: 'ipMasqBackend is "iptables", but there is no iptables in PATH /nowhere',
    });
    expect(mentions(node, "CNI-")).toEqual([]);
    expect(node.sh("ip -j link show type veth")).toBe("[]\n");
    expect(node.sh("find /run/cni-bridge -type f")).toBe("");
    succeed("DEL", {}, { env: { PATH: "/nowhere" } });
  });

  it("undo the rules of the family that went well", () => {
    const ended = call("ADD", {}, new LoggedPath(node, "nft", ["iptables"]));
    expect(ended.json).toMatchObject({ code: 103, msg: expect.stringContaining("no ip6tables in PATH") });
    expect(mentions(node, "CNI-")).toEqual([]);
  });

  it("tell what iptables said, and leave nothing", () => {
    node.sh("nft add table ip nat; nft add chain ip nat POSTROUTING");
    const ended = call("ADD");
    expect(ended.json).toMatchObject({ code: 100, msg: expect.stringMatching(/^\S+iptables -t nat .*: /) });
    expect(mentions(node, "CNI-")).toEqual([]);
  });

  it("are told by STATUS before they happen", () => {
    const status = (env: object) =>
      node.plugin(
        "bridge",
        "STATUS",
        { ...conf(), cniVersion: "1.1.0", ipam: { type: "static" } },
        { path: PATH, ...env },
      );
    expect(status({})).toMatchObject({ status: 0 });
    expect(status({ env: { PATH: "/nowhere" } }).json).toMatchObject({
      code: 50,
      msg: expect.stringContaining("there is no iptables in PATH"),
    });
  });
});

describe("what a firewall reload has removed", () => {
  it.each<[string, Flavour, string]>([
    ["flushed rules", "nft", "$p -t nat -F"],
    ["flushed rules", "legacy", "$p -t nat -F"],
    ["lost jumps", "nft", "$p -t nat -F POSTROUTING"],
    ["lost jumps", "legacy", "$p -t nat -F POSTROUTING"],
    ["removed chains", "nft", "$p -t nat -F; $p -t nat -X"],
    ["removed chains", "legacy", "$p -t nat -F; $p -t nat -X"],
    ["a flushed ruleset", "nft", "nft flush ruleset"],
  ])("%s of iptables-%s: doctor tells, repair puts it back", (_name, flavour, remove) => {
    const { env } = new LoggedPath(node, flavour);
    succeed("ADD", {}, { env });
    const run = (command: string) => node.run(`${node.bin}/cni-bridge`, [command], { env });
    const before = iptablesRules(node, flavour);
    node.sh(`for p in iptables-${flavour} ip6tables-${flavour}; do ${remove}; done`);
    expect(iptablesRules(node, flavour)).not.toEqual(before);
    expect(run("doctor").stdout).toContain("masquerade rule of 10.41.0.5/24 (iptables): expected -A");
    expect(run("repair")).toMatchObject({ status: 0, stderr: "" });
    expect(iptablesRules(node, flavour)).toEqual(before);
    expect(run("repair").stdout).toBe("1 attachment, nothing to repair\n");
    succeed("DEL", {}, { env });
    expect(mentions(node, "CNI-")).toEqual([]);
  });
});

describe("CHECK", () => {
  it.each<[string, string]>([
    ["-A POSTROUTING -s 10.41.0.5", "-F POSTROUTING"],
    ["-d 10.41.0.5/24 -j ACCEPT", "-F $chain"],
  ])("misses %s", (rule, change) => {
    const { json } = succeed("ADD");
    const check = () =>
      node.plugin("bridge", "CHECK", { ...conf(), prevResult: json }, attachment("c1", { path: PATH }));
    expect(check()).toMatchObject({ status: 0 });
    node.sh(`chain=$(iptables -t nat -S | sed -n 's/^-N \\(CNI-.*\\)/\\1/p'); iptables -t nat ${change}`);
    expect(check().json).toMatchObject({ code: 102, details: expect.stringContaining(rule) });
  });
});
