// What a hostile container, configuration or user of the host may try, and what must come of it: nothing outside the
// plugin's own files is written, no program but a delegate is run, nobody configures the host by a router advertisement.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { compile } from "../support/c-program.ts";
import { attachment, dualStack } from "../support/network.ts";
import type { PluginCall } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";

const CONF = dualStack(41, { macspoofchk: true });
const CALL = attachment("c1");
const STORE = "/var/lib/cni/networks/net";

let node: Sandbox;
beforeEach(async () => {
  node = await Sandbox.create();
  node.addNetns("c1");
  node.sh("mkdir /run/elsewhere; echo precious >/run/elsewhere/file");
});
afterEach(() => node.dispose());

const run = (verb: string, conf: object = CONF, call: PluginCall = {}) =>
  node.plugin("bridge", verb, conf, { ...CALL, ...call });
/** The place that planted links lead to. */
const elsewhere = () => node.sh("cd /run/elsewhere; grep -r . . ; find . | sort; stat -c '%a %U' file");

describe("symbolic links", () => {
  const places: readonly (readonly [string, string])[] = [
    ["the network's directory", `mkdir -p ${STORE}; rmdir ${STORE}; ln -s /run/elsewhere ${STORE}`],
    ["the lock", `mkdir -p ${STORE}; ln -s /run/elsewhere/file ${STORE}/lock`],
    ["the lock, to be made", `mkdir -p ${STORE}; ln -s /run/elsewhere/new ${STORE}/lock`],
    ["the next lease", `mkdir -p ${STORE}; ln -s /run/elsewhere/file ${STORE}/10.41.0.2`],
    ["a lease, to be made", `mkdir -p ${STORE}; ln -s /run/elsewhere/new ${STORE}/10.41.0.2`],
    ["last_reserved_ip.0", `mkdir -p ${STORE}; ln -s /run/elsewhere/file ${STORE}/last_reserved_ip.0`],
    [
      "last_reserved_ip.0, to be made",
      `mkdir -p ${STORE}; ln -s /run/elsewhere/new ${STORE}/last_reserved_ip.0`,
    ],
    ["the index", `mkdir -p ${STORE}; ln -s /run/elsewhere ${STORE}/.cni-bridge`],
    ["the index, to be made", `mkdir -p ${STORE}; ln -s /run/elsewhere/new ${STORE}/.cni-bridge`],
    [
      "all that the index holds",
      `mkdir -p ${STORE}/.cni-bridge; for each in stamp entry lease.0 lease.1; do ln -s /run/elsewhere/file ${STORE}/.cni-bridge/$each; done`,
    ],
    ["/run/cni-bridge", "ln -s /run/elsewhere /run/cni-bridge"],
    ["a network's records", "mkdir /run/cni-bridge; ln -s /run/elsewhere /run/cni-bridge/net"],
  ];

  it.each(places)("in place of %s lead nowhere", (_, plant) => {
    node.sh(plant);
    const before = elsewhere();
    const added = run("ADD");
    expect([0, 1]).toContain(added.status);
    if (added.status === 1) expect(added.json.code, added.stdout).not.toBe(999);
    run("DEL");
    node.plugin("bridge", "GC", { ...CONF, "cni.dev/valid-attachments": [] });
    for (const words of [["ls"], ["doctor"], ["gc", "--yes"], ["repair"]])
      expect([0, 1]).toContain(node.run(`${node.bin}/cni-bridge`, words).status);
    expect(elsewhere()).toBe(before);
    expect(node.sh("ip -o link show type veth")).toBe("");
  });

  it("in place of an attachment's record, and of the bridge's lock, lead nowhere", () => {
    expect(run("ADD").status).toBe(0);
    const record = node.sh("find /run/cni-bridge/net -type f").trim();
    const before = elsewhere();
    const prune = { ...CONF, pruneBridge: true };
    node.sh(`ln -sf /run/elsewhere/file ${record}; ln -s /run/elsewhere/new /run/cni-bridge/.br0.lock`);
    expect(run("DEL", prune).status).toBe(0);
    for (const target of ["file", "new"]) {
      node.sh(`mkdir -p /run/cni-bridge/net; ln -s /run/elsewhere/${target} ${record}`);
      expect(run("ADD", prune).status).toBe(0);
      expect(run("DEL", prune).status).toBe(0);
    }
    expect(elsewhere()).toBe(before);
  });

  it("as resolvConf are read, as administrators have them, and never written", () => {
    node.sh("ln -s /run/elsewhere/file /run/resolv.conf");
    const before = elsewhere();
    const conf = { ...CONF, ipam: { ...CONF.ipam, resolvConf: "/run/resolv.conf" } };
    expect(run("ADD", conf).status).toBe(0);
    expect(elsewhere()).toBe(before);
  });
});

describe("paths from input", () => {
  it.each([
    ["the network's name", { ...CONF, name: "../../../run/elsewhere" }, {}],
    ["the network's name, a dot", { ...CONF, name: ".." }, {}],
    ["the container's id", CONF, { containerId: "../elsewhere" }],
    ["the interface's name", CONF, { ifname: "../../x" }],
    ["the bridge's name", { ...CONF, bridge: "../ipv4/x" }, {}],
    ["the host interface's name", { ...CONF, hostInterfaceName: "../lo" }, {}],
    ["the uplink's name", { ...CONF, uplink: "../../x" }, {}],
    ["the IPAM type", { ...CONF, ipam: { type: "../../bin/sh" } }, {}],
    ["the IPAM type, absolute", { ...CONF, ipam: { type: "/bin/sh" } }, {}],
  ] as const)("%s leads nowhere", (_, conf, call) => {
    const before = elsewhere();
    const ended = run("ADD", conf, call);
    expect(ended.status).toBe(1);
    expect([4, 7], ended.stdout).toContain(ended.json.code);
    expect(elsewhere()).toBe(before);
    expect(node.sh("find /run/cni-bridge /var/lib/cni -type f 2>/dev/null || true")).toBe("");
  });
});

describe("programs", () => {
  const executed = (conf: object, verb: string): string[] => {
    const under = ["strace", "-f", "-qq", "-e", "trace=execve,execveat", "-o", "/run/strace.log"];
    const ended = run(verb, conf, { under });
    expect(ended.status, ended.stdout).toBe(0);
    const log = node.sh("cat /run/strace.log; rm /run/strace.log");
    return [...log.matchAll(/execve(?:at)?\("([^"]+)"/g)].map(([, path]) => path!);
  };

  it.each([
    ["nf_tables", CONF],
    ["L2", { ...CONF, ipMasq: false, isDefaultGateway: false, ipam: undefined }],
  ])("none is run but the plugin itself: %s", (_, conf) => {
    for (const verb of ["ADD", "DEL", "ADD", "DEL"]) {
      expect(executed(conf, verb), verb).toEqual([`${node.bin}/bridge`]);
    }
  });

  it("a delegate is run from CNI_PATH alone, iptables only where the configuration asks", () => {
    const delegated = { ...CONF, ipam: { type: "static", addresses: [{ address: "10.41.0.9/24" }] } };
    const path = process.env.REF_BIN ?? "";
    node.sh(
      `mkdir /run/bin; printf '#!/bin/sh\\ncat >/dev/null; [ $CNI_COMMAND = DEL ] || echo "{\\\\"cniVersion\\\\":\\\\"1.1.0\\\\",\\\\"ips\\\\":[{\\\\"address\\\\":\\\\"10.41.0.9/24\\\\"}]}"\\n' >/run/bin/static; chmod +x /run/bin/static`,
    );
    const under = ["strace", "-f", "-qq", "-e", "trace=execve", "-o", "/run/strace.log"];
    const ended = run("ADD", delegated, { under, path: `/run/bin:${path}` });
    expect(ended.status, ended.stdout).toBe(0);
    const log = node.sh("cat /run/strace.log");
    const paths = [...log.matchAll(/execve\("([^"]+)"/g)].map(([, each]) => each!);
    expect(new Set(paths.filter((each) => !each.endsWith("/cat")))).toEqual(
      new Set([`${node.bin}/bridge`, "/run/bin/static"]),
    );
    expect(run("DEL", delegated, { path: "/run/bin" }).status).toBe(0);
    const iptables = executed({ ...CONF, ipMasqBackend: "iptables" }, "ADD");
    expect(iptables.filter((each) => !/\/(bridge|ip6?tables)$/.test(each))).toEqual([]);
    expect(iptables.length).toBeGreaterThan(1);
    executed({ ...CONF, ipMasqBackend: "iptables" }, "DEL");
  });
});

describe("router advertisements", () => {
  const tools = mkdtempSync(join(tmpdir(), "cni-bridge-containment-"));
  let advertise: string;
  beforeAll(() => {
    advertise = compile("advertise", tools);
  });
  afterAll(() => rmSync(tools, { recursive: true }));

  /** Sends advertisements until `arrived`; the first may come before a link is up. */
  const advertiseUntil = (arrived: () => boolean) => {
    const deadline = Date.now() + 30_000;
    do {
      expect(Date.now()).toBeLessThan(deadline);
      node.must(advertise, ["eth0"], { netns: "c1" });
    } while (!arrived());
  };
  const routeIn = (netns?: string) =>
    node.sh("ip -6 route show default", netns === undefined ? {} : { netns }).includes("proto ra");
  const acceptRa = (link: string, value: number) =>
    node.sh(`echo ${value} >/proc/sys/net/ipv6/conf/${link}/accept_ra`);

  it.each([
    ["a gateway, which forwards", CONF],
    ["no gateway, whose kernel would listen", { ...CONF, isDefaultGateway: false, ipMasq: false }],
  ])("from a container change neither routes nor addresses of %s (CVE-2020-10749)", (_, conf) => {
    expect(run("ADD", conf).status).toBe(0);
    const veth = node.sh("ip -o link").match(/veth\w+/)![0];
    const state = () => node.sh("ip -6 route show default; ip -6 -o addr show scope global");
    const before = state();
    for (const link of ["br0", veth])
      expect(node.sh(`cat /proc/sys/net/ipv6/conf/${link}/accept_ra`).trim(), link).toBe("0");
    // Another interface on the bridge does accept it: the advertisement is a real one.
    node.addNetns("witness");
    node.sh(`
      ip link add w0 type veth peer name w1 netns witness
      ip link set w0 master br0 up
      nsenter --net=/run/netns/witness sh -c 'echo 2 >/proc/sys/net/ipv6/conf/w1/accept_ra; ip link set w1 up'`);
    advertiseUntil(() => routeIn("witness"));
    expect(node.sh("ip -6 -o addr show dev w1", { netns: "witness" })).toContain("2001:db8:bad:");
    expect(state()).toBe(before);
    acceptRa("br0", 2);
    advertiseUntil(routeIn);
    acceptRa("br0", 0);
    node.sh("ip -6 route flush proto ra; ip -6 addr flush dev br0 scope global dynamic");
    // The host's end hears it by itself once somebody has taken it out of the bridge.
    node.sh(`ip link set ${veth} nomaster`);
    const alone = state();
    for (let times = 0; times < 3; times++) node.must(advertise, ["eth0"], { netns: "c1" });
    expect(state()).toBe(alone);
    acceptRa(veth, 2);
    advertiseUntil(routeIn);
  });
});

describe("traffic", () => {
  it("that is not the container's is not captured: no rule matches a port, a mark or another's address", () => {
    expect(run("ADD").status).toBe(0);
    const rules = node
      .json("nft -j list ruleset")
      .nftables.filter((item: { rule?: unknown }) => item.rule !== undefined);
    const text = JSON.stringify(rules);
    // CVE-2025-67499 was a rule that took packets of a port whatever their destination.
    expect(text).not.toMatch(/"(dport|sport|redirect|dnat|tproxy|queue|dup|fwd)"/);
    expect(rules.length).toBeGreaterThan(3);
  });
});
