// Our bridge with all four stock plugins behind it, as conf.d-examples/full-chain.conflist has them, through libcni:
// what each of them reads from our result works, with both families, and nothing of the chain stays.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { REFERENCE } from "../support/executables.ts";
import type { Ended } from "../support/node.ts";
import { Outside } from "../support/outside.ts";
import { Sandbox } from "../support/sandbox.ts";
import { serveWhoAmI, whoAmI } from "../support/who-am-i.ts";

const DIRECTORY = new URL("../../conf.d-examples", import.meta.url).pathname;
const CAPABILITIES = {
  portMappings: [
    { hostPort: 8080, containerPort: 7, protocol: "tcp" },
    { hostPort: 8081, containerPort: 7, protocol: "tcp", hostIP: Outside.node.v4 },
  ],
  bandwidth: {
    ingressRate: 8_000_000,
    ingressBurst: 800_000,
    egressRate: 16_000_000,
    egressBurst: 1_600_000,
  },
};

describe("bridge → portmap → firewall → tuning → bandwidth", () => {
  let node: Sandbox;
  let outside: Outside;
  let endServer: (() => Promise<void>) | undefined;

  function cnitool(verb: string, netns: string): Ended {
    const env = {
      NETCONFPATH: DIRECTORY,
      CNI_PATH: `${node.bin}:${REFERENCE}`,
      ...(netns === "c1" && { CAP_ARGS: JSON.stringify(CAPABILITIES) }),
    };
    return node.run(`${REFERENCE}/cnitool`, [verb, "full-chain", `/run/netns/${netns}`], { env });
  }
  const succeeds = { status: 0, stderr: "" };
  const add = (netns: string) => {
    const ended = cnitool("add", netns);
    expect(ended, ended.stdout).toMatchObject(succeeds);
    return JSON.parse(ended.stdout);
  };

  beforeAll(async () => {
    node = await Sandbox.create();
    outside = await Outside.connect(node);
    // A host whose own firewall forwards nothing. The plugin of that name lets through what containers begin; what the
    // outside begins is for the administrator to allow, in the chain CNI-ADMIN.
    node.sh(`
      for iptables in iptables ip6tables; do
        $iptables -P FORWARD DROP
        $iptables -N CNI-ADMIN
        $iptables -A CNI-ADMIN -m conntrack --ctstate DNAT -j ACCEPT
      done
    `);
    for (const netns of ["c1", "c2"]) node.addNetns(netns);
  });
  afterAll(async () => {
    await endServer?.();
    await outside?.disconnect();
    await node?.dispose();
  });

  it("leaves nothing of a first container but what the network shares", () => {
    add("c1");
    expect(cnitool("del", "c1")).toMatchObject(succeeds);
    const before = node.snapshot({ exceptMemory: true });
    add("c1");
    expect(cnitool("del", "c1")).toMatchObject(succeeds);
    expect(node.snapshot({ exceptMemory: true })).toEqual(before);
  });

  it("gives each plugin what it needs of the result", async () => {
    const { interfaces } = add("c1");
    add("c2");
    const [bridge, port, eth0, limiter] = interfaces;
    expect([bridge.name, eth0.name]).toEqual(["chain0", "eth0"]);
    // tuning
    expect(node.json("ip -j link show dev eth0", { netns: "c1" })[0].mtu).toBe(1300);
    expect(node.sh("sysctl -n net.ipv4.conf.eth0.arp_notify", { netns: "c1" }).trim()).toBe("1");
    // bandwidth limits what goes to the container at our host's end, the rest at an interface of its own.
    expect(node.sh(`tc qdisc show dev ${port.name}`)).toMatch(/tbf .* rate 8Mbit/);
    expect(node.sh(`tc qdisc show dev ${limiter.name}`)).toMatch(/tbf .* rate 16Mbit/);
    endServer = await serveWhoAmI(node, "c1", "it is c1");
  });

  it.each([
    ["the outside", Outside.netns, Outside.node.v4, 8080],
    ["the outside, over IPv6", Outside.netns, Outside.node.v6, 8080],
    ["the outside, on one address of the node", Outside.netns, Outside.node.v4, 8081],
    ["another container", "c2", Outside.node.v4, 8080],
    ["another container, over IPv6", "c2", Outside.node.v6, 8080],
    ["the container itself", "c1", Outside.node.v4, 8080],
    ["the container itself, over IPv6", "c1", Outside.node.v6, 8080],
    ["the node itself", undefined, Outside.node.v4, 8080],
  ])("publishes the port for %s", (_name, netns, address, port) => {
    expect(whoAmI(node, netns, address, port)).toBe("it is c1");
  });

  it("lets the containers reach the outside through the closed firewall, with the node's address", () => {
    for (const netns of ["c1", "c2"]) {
      expect(outside.sees(netns, "v4")).toBe(Outside.node.v4);
      expect(outside.sees(netns, "v6")).toBe(Outside.node.v6);
    }
  });

  it("passes CHECK, and fails it once a plugin's work is undone", () => {
    expect(cnitool("check", "c1")).toMatchObject(succeeds);
    expect(cnitool("check", "c2")).toMatchObject(succeeds);
    node.sh("ip -n c2 link set dev eth0 mtu 1400");
    expect(cnitool("check", "c2").status).not.toBe(0);
    node.sh("ip -n c2 link set dev eth0 mtu 1300");
    expect(cnitool("check", "c2")).toMatchObject(succeeds);
  });

  it("is ready, and collects a container whose namespace is gone", () => {
    expect(cnitool("status", "c1")).toMatchObject(succeeds);
    node.delNetns("c2");
    // cnitool names no valid attachment, so both go.
    const ended = cnitool("gc", "c1");
    expect(ended).toMatchObject(succeeds);
    expect(node.json("ip -j link show master chain0")).toEqual([]);
    expect(Object.keys(node.snapshot({ exceptMemory: true }).files)).toEqual([]);
    expect(node.sh("iptables-save; ip6tables-save")).not.toMatch(/8080|10\.26\.0\.\d+\/32/);
  });
});
