// repair: whatever of the host's side somebody removed is there again, as ip, bridge and nft see it, and traffic flows.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dualStack } from "../support/network.ts";
import { Outside } from "../support/outside.ts";
import { Sandbox } from "../support/sandbox.ts";
import { type Attached, attach, tool } from "../support/tool.ts";

const CONF = dualStack(61, { macspoofchk: true, hairpinMode: true });

let node: Sandbox;
let outside: Outside;
let one: Attached;
let two: Attached;

beforeEach(async () => {
  node = await Sandbox.create();
  outside = await Outside.connect(node);
  one = attach(node, CONF, "one");
  two = attach(node, CONF, "two");
});
afterEach(async () => {
  await outside?.disconnect();
  await node?.dispose();
});

/** What people can remove, without what changes by itself. */
const state = () => ({
  rules: node.sh("nft -s list ruleset").split("\n").sort(),
  ports: node
    .json("ip -j link show master br0")
    .map((link: { ifname: string; flags: string[] }) => [link.ifname, link.flags.includes("UP")]),
  hairpin: node
    .json("bridge -j -d link")
    .map((port: { ifname: string; hairpin: boolean }) => [port.ifname, port.hairpin]),
  addresses: node
    .json("ip -j addr show dev br0 scope global")[0]
    .addr_info.map(({ local }: { local: string }) => local)
    .sort(),
  mac: node.json("ip -j link show dev br0")[0].address,
  forwarding: node.sh("cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding"),
});

const removals = [
  { name: "the ruleset", remove: () => "nft flush ruleset" },
  { name: "the rules of our table", remove: () => "nft flush table inet cni-bridge" },
  {
    name: "a masquerade element",
    remove: () => `nft delete element inet cni-bridge masquerade4 '{ ${one.address} }'`,
  },
  { name: "the spoof check", remove: () => "nft delete table bridge nat" },
  { name: "a port", remove: () => `ip link set ${one.veth} nomaster` },
  { name: "the state of a port", remove: () => `ip link set ${one.veth} down` },
  { name: "the bridge's addresses", remove: () => "ip addr flush dev br0 scope global" },
  { name: "the bridge's state", remove: () => "ip link set br0 down" },
  {
    name: "forwarding",
    remove: () => "echo 0 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv6/conf/all/forwarding",
  },
  { name: "the bridge", remove: () => "ip link del br0" },
] as const;

describe("repair", () => {
  it("has nothing to do after ADD, and changes nothing", () => {
    const before = node.snapshot();
    expect(tool(node, "repair")).toEqual({
      status: 0,
      stdout: "2 attachments, nothing to repair\n",
      stderr: "",
    });
    expect(node.snapshot()).toEqual(before);
  });

  it.each(removals)("puts back $name", ({ remove }) => {
    const before = state();
    node.sh(remove());
    const dry = tool(node, "repair", "--dry-run");
    expect(dry).toMatchObject({ status: 0, stderr: "" });
    expect(dry.stdout).toMatch(/expected .*, found /);
    expect(tool(node, "repair")).toMatchObject({
      status: 0,
      stderr: "",
      stdout: expect.stringMatching(/repaired\n$/),
    });
    expect(state()).toEqual(before);
    expect(tool(node, "repair").stdout).toBe("2 attachments, nothing to repair\n");
    expect(node.pings("one", two.address)).toBe(true);
  });

  it.each(["v4", "v6"] as const)("lets %s traffic out within a second of a flushed ruleset", (family) => {
    expect(outside.sees("one", family)).toBe(Outside.node[family]);
    node.sh("nft flush ruleset");
    const begin = performance.now();
    expect(tool(node, "repair").status).toBe(0);
    expect(outside.sees("one", family)).toBe(Outside.node[family]);
    expect(performance.now() - begin).toBeLessThan(1000);
  });

  it("prints without doing it, with --dry-run", () => {
    node.sh("nft flush ruleset");
    const before = node.snapshot();
    expect(tool(node, "repair", "--dry-run").stdout).toMatch(/2 attachments, [0-9]+ to repair\n$/);
    expect(node.snapshot()).toEqual(before);
  });

  it("does as much as a record of an earlier version tells", () => {
    for (const record of node.sh("ls /run/cni-bridge/net/*").split("\n").filter(Boolean)) {
      const [begin, assigned] = node.sh(`cat ${record}`).split("\n");
      const { hostSide: _, ...earlier } = JSON.parse(begin!);
      node.sh(`cat >${record}`, { input: JSON.stringify({ ...earlier, ...JSON.parse(assigned!) }) });
    }
    node.sh(`nft flush ruleset; ip link set ${one.veth} nomaster`);
    expect(tool(node, "repair")).toMatchObject({ status: 0, stderr: "" });
    expect(node.sh("nft list map inet cni-bridge masquerade4")).toContain(one.address);
    expect(node.sh(`ip link show ${one.veth}`)).toContain("master br0");
  });

  it("says what it cannot put back, and does the rest", () => {
    node.sh("nft flush ruleset; ip addr flush dev br0 scope global; ip addr add 10.99.0.1/24 dev br0");
    const { status, stdout, stderr } = tool(node, "repair");
    expect(status).toBe(1);
    expect(stderr).toContain('"br0" already has an IP address different from 10.61.0.1/24');
    expect(stdout).toMatch(/repaired, 1 failed\n$/);
    expect(node.sh("nft list map inet cni-bridge masquerade4")).toContain(two.address);
  });

  it("touches no container of another plugin", () => {
    const other = attach(
      node,
      { ...CONF, name: "other", bridge: "br1", ipam: { type: "host-local", subnet: "10.62.0.0/24" } },
      "ref",
      "reference",
    );
    node.sh(`ip link set ${other.veth} nomaster`);
    expect(tool(node, "repair").stdout).toBe("2 attachments, nothing to repair\n");
    expect(node.sh(`ip link show ${other.veth}`)).not.toContain("master");
  });
});
