// ls, why and gc on a node with containers that live, that died unnoticed, and that the reference made. Oracles: ip, nft,
// the lease files, the processes that hold namespaces.

import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { leasesOf } from "../support/leases.ts";
import { dualStack } from "../support/network.ts";
import { Sandbox } from "../support/sandbox.ts";
import { type Attached, attach, kill, tool, toolJson } from "../support/tool.ts";

const CONF = dualStack(60, { macspoofchk: true });
const STORE = "/var/lib/cni/networks/net";

let node: Sandbox;
let live: Attached;
let dead: Attached;
let foreign: Attached;

beforeEach(async () => {
  node = await Sandbox.create();
  live = attach(node, CONF, "live");
  dead = attach(node, CONF, "dead");
  foreign = attach(node, CONF, "foreign", "reference");
  await kill(node, dead);
});
afterEach(() => node?.dispose());

const row = (id: string) =>
  toolJson(node, "ls").attachments.find((each: { containerId: string | null }) => each.containerId === id);
const leases = () => [...leasesOf(node, "net").keys()];

describe("ls", () => {
  it("tells the living, the dead and the foreign apart", () => {
    expect(row("live")).toMatchObject({
      network: "net",
      ifname: "eth0",
      addresses: [live.address, `fd00:60::${live.address.split(".")[3]}`],
      hostInterface: live.veth,
      bridge: "br0",
      netns: "/run/netns/live",
      state: "alive",
    });
    expect(row("dead")).toMatchObject({ state: "dead", hostInterface: null });
    expect(row("foreign")).toMatchObject({
      state: "foreign",
      hostInterface: foreign.veth,
      netns: "/run/netns/foreign",
      addresses: expect.arrayContaining([foreign.address]),
    });
    expect(toolJson(node, "ls").attachments).toHaveLength(3);
  });

  it("shows the bridge as ip does", () => {
    const [bridge] = node.json("ip -j addr show dev br0");
    const [shown] = toolJson(node, "ls").bridges;
    const global = bridge.addr_info.filter(({ scope }: { scope: string }) => scope === "global");
    expect(shown).toEqual({
      name: "br0",
      up: true,
      mac: bridge.address,
      mtu: bridge.mtu,
      addresses: global.map(
        (each: { local: string; prefixlen: number }) => `${each.local}/${each.prefixlen}`,
      ),
      ports: node.json("ip -j link show master br0").length,
    });
  });

  it("prints a tree without colours into a pipe", () => {
    const { status, stdout, stderr } = tool(node, "ls");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(
      /^network net\n└─ bridge br0, up, 10\.60\.0\.1\/24 fd00:60::1\/64, mtu 1500, 2 ports\n/,
    );
    expect(stdout).toMatch(new RegExp(`├─ live/eth0 +${live.address} .* ${live.veth} .* alive\n`));
    expect(stdout).not.toContain("\x1b");
  });

  it("says cut off, and unclear, where one proof is missing", async () => {
    const held = attach(node, CONF, "held");
    const holder = node.start("nsenter", ["--net=/run/netns/held", "sh", "-c", "echo; exec sleep 60"]);
    await once(holder.stdout!, "data");
    node.delNetns("held");
    node.sh(`ip link del ${live.veth}`);
    expect(row("held")).toMatchObject({ state: "unclear", hostInterface: held.veth });
    expect(row("live")).toMatchObject({ state: "cut off", hostInterface: null });
  });

  it("calls nothing dead from another network namespace", () => {
    const elsewhere = node.addNetns("elsewhere");
    const { stdout } = node.run("nsenter", [`--net=${elsewhere}`, `${node.bin}/cni-bridge`, "ls", "--json"]);
    const states = JSON.parse(stdout).attachments.map(({ state }: { state: string }) => state);
    expect(states).not.toContain("dead");
    expect(states).toHaveLength(3);
  });

  it("knows leases of an earlier boot, and a path that leads to another namespace now", async () => {
    node.sh(
      `f=$(ls -d ${STORE}/.cni-bridge/attachment.* | while read -r l; do readlink $l | grep -q '"live"' && echo $l; done)
       t=$(readlink $f | sed 's/"boot":"[^"]*"/"boot":"00000000-0000-4000-8000-000000000000"/'); ln -sfn "$t" $f
       rm -r /run/cni-bridge/net`,
    );
    expect(row("live")).toMatchObject({ state: "dead", because: expect.stringContaining("earlier boot") });
    const again = attach(node, CONF, "again");
    await kill(node, again);
    node.addNetns("again");
    expect(row("again")).toMatchObject({ state: "dead" });
  });

  it("ends with one sentence where the data directory is not readable as one", () => {
    expect(tool(node, "ls", "--data-dir", "/nonexistent")).toMatchObject({ status: 0, stderr: "" });
    expect(tool(node, "ls", "--nope")).toMatchObject({
      status: 2,
      stdout: "",
      stderr: "cni-bridge: ls has no option --nope; try cni-bridge ls --help\n",
    });
  });
});

describe("why", () => {
  it.each([
    ["its address", () => live.address],
    ["its address with prefix", () => `${live.address}/24`],
    ["its IPv6 address, written otherwise", () => `fd00:0060:0::${live.address.split(".")[3]}`],
    ["its container id", () => "live"],
    ["its link", () => live.veth],
  ])("finds an attachment by %s", (_, word) => {
    const { status, stdout } = tool(node, "why", word());
    expect(status).toBe(0);
    expect(stdout).toContain(`live/eth0  ${live.address} `);
    expect(stdout).toContain(`${STORE}/${live.address}, written 20`);
    expect(stdout).toContain(`/run/cni-bridge/net/${live.veth}`);
    expect(stdout).toContain("port         of br0");
    expect(stdout).not.toMatch(/missing|left over/);
  });

  it("finds by the beginning of a long id, and shows it whole", () => {
    const id = "6fd9c1".repeat(10);
    attach(node, CONF, id);
    expect(tool(node, "why", "6fd9c1").stdout).toContain(`${id}/eth0`);
    expect(tool(node, "why", "6fd").status).toBe(1);
  });

  it("says what is missing of a living attachment", () => {
    node.sh(`nft flush ruleset; ip link set ${live.veth} nomaster`);
    const [{ missing }] = toolJson(node, "why", "live");
    expect(missing).toContain(`${live.veth} as a port: expected of br0, found of none`);
    expect(missing).toContain(
      `masquerade element of ${live.address}/24: expected this container's, found none`,
    );
    expect(missing.join("\n")).toContain("MAC spoof check");
  });

  it("says what a dead one has left", () => {
    const [{ leftOver }] = toolJson(node, "why", "dead");
    expect(leftOver).toContain(`lease ${STORE}/${dead.address}`);
    expect(leftOver).toContain(`masquerade element ${dead.address}`);
    expect(leftOver.join("\n")).toMatch(/record \/run.*\n.*\n.*chains of its MAC spoof check/s);
  });

  it.each([
    ["10.60.0.1", "10.60.0.1 is an address of this node: br0 has it"],
    ["10.60.0.200", "10.60.0.200 is held by nobody that this node knows of"],
    ["nobody", "nothing here is called nobody: no container, no link"],
  ])("says of %s: %s", (word, sentence) => {
    expect(tool(node, "why", word)).toEqual({ status: 1, stdout: "", stderr: `cni-bridge: ${sentence}\n` });
  });
});

describe("gc", () => {
  it("prints and changes nothing unless told", () => {
    const before = node.snapshot();
    const { status, stdout } = tool(node, "gc");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^net dead\/eth0: its namespace and its link are gone\n/);
    expect(stdout).toMatch(/cni-bridge gc --yes does it\n$/);
    expect(node.snapshot()).toEqual(before);
  });

  it("removes what the dead left, and nothing else", () => {
    node.sh(`: >${STORE}/10.60.0.77`);
    expect(tool(node, "gc", "--yes")).toMatchObject({ status: 0, stderr: expect.any(String) });
    expect(leases().sort()).toEqual(
      [live, foreign].flatMap(({ address }) => [address, `fd00:60::${address.split(".")[3]}`]).sort(),
    );
    expect(node.sh("ls /run/cni-bridge/net")).toBe(`${live.veth}\n`);
    const rules = node.sh("nft list ruleset");
    expect(rules).not.toContain(dead.address);
    expect(rules).not.toContain("dead");
    expect(rules).toContain(live.address);
    expect(rules).toContain("cni-br-iface-live-eth0");
    expect(tool(node, "gc").stdout).toBe("nothing is provably left over\n");
    expect(node.pings("live", "10.60.0.1")).toBe(true);
  });

  it("leaves a namespace that a process holds, and what is seen from elsewhere", async () => {
    const holder = node.start("nsenter", ["--net=/run/netns/live", "sh", "-c", "echo; exec sleep 60"]);
    await once(holder.stdout!, "data");
    node.delNetns("live");
    const elsewhere = node.addNetns("elsewhere");
    const before = leases();
    const ended = node.run("nsenter", [`--net=${elsewhere}`, `${node.bin}/cni-bridge`, "gc", "--yes"]);
    expect(ended.stdout).toBe("nothing is provably left over\n");
    expect(leases()).toEqual(before);
    tool(node, "gc", "--yes");
    expect(leases()).toContain(live.address);
    expect(leases()).not.toContain(dead.address);
  });
});
