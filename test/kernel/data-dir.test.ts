// Leases that are not in the default directory: the tool finds them by the records and by the configurations, DEL and GC
// although the configuration has them elsewhere by now. Oracles: the lease files.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Sandbox } from "../support/sandbox.ts";
import { type Attached, attach, kill, tool, toolJson } from "../support/tool.ts";

const DATA_DIR = "/var/lib/cni/elsewhere";
const CONF = {
  cniVersion: "1.1.0",
  name: "net",
  type: "bridge",
  bridge: "br0",
  ipMasq: true,
  // As somebody writes it.
  ipam: { type: "host-local", subnet: "10.61.0.0/24", dataDir: `${DATA_DIR}//` },
};
const MOVED = { ...CONF, ipam: { type: "host-local", subnet: "10.61.0.0/24" } };

let node: Sandbox;
let one: Attached;
let two: Attached;
beforeAll(async () => {
  node = await Sandbox.create({ empty: ["/etc/cni"] });
});
afterAll(() => node?.dispose());
beforeEach(() => {
  one = attach(node, CONF, "one");
  two = attach(node, CONF, "two");
});
afterEach(() => {
  node.sh(`
    for each in $(ls /run/netns); do ip netns del $each; done
    while ip -br link show type veth | grep -q .; do sleep 0.02; done
    rm -rf /run/cni-bridge /var/lib/cni/* /etc/cni/*; nft flush ruleset
  `);
});

const leases = (dataDir = DATA_DIR) =>
  node.sh(`cd ${dataDir}/net && ls -d 10.* || true`).split("\n").slice(0, -1);
const rows = (...words: string[]) => toolJson(node, "ls", ...words).attachments;
const loseRecords = () => node.sh("rm -r /run/cni-bridge");
const configure = (directory = "/etc/cni/net.d") =>
  node.sh(`mkdir -p ${directory}; cat >${directory}/10-net.conf`, { input: JSON.stringify(CONF) });

describe("ls, why, gc, doctor", () => {
  it("go by the records", async () => {
    await kill(node, two);
    expect(rows()).toMatchObject([
      { containerId: "one", addresses: [one.address], state: "alive" },
      { containerId: "two", addresses: [two.address], state: "dead" },
    ]);
    expect(tool(node, "why", one.address).stdout).toContain(`${DATA_DIR}/net/${one.address}, written`);
    const leftOver = toolJson(node, "doctor").filter(({ check }: { check: string }) => check === "left over");
    expect(leftOver, JSON.stringify(toolJson(node, "doctor"))).toHaveLength(1);
    expect(tool(node, "gc", "--yes")).toMatchObject({ status: 0, stderr: "" });
    expect(leases()).toEqual([one.address]);
  });

  it.each([
    ["of the node", [], undefined],
    ["of another directory", ["--conf-dir", "/etc/cni/other"], "/etc/cni/other"],
  ])("go by the configurations %s where there is no record, as after a reboot", (_name, words, directory) => {
    configure(directory);
    loseRecords();
    expect(rows(...words)).toMatchObject([{ containerId: "one" }, { containerId: "two" }]);
    expect(tool(node, "why", one.address, ...words).stdout).toContain(`${DATA_DIR}/net/${one.address}`);
  });

  it("go by the option", () => {
    loseRecords();
    expect(rows().map(({ containerId }: { containerId: string }) => containerId)).toEqual([null, null]);
    expect(rows("--data-dir", `${DATA_DIR}/`)).toMatchObject([
      { containerId: "one" },
      { containerId: "two" },
    ]);
  });

  it("read a record of an earlier version, which does not say", () => {
    node.sh(`for each in /run/cni-bridge/net/*; do sed -i 's/"dataDir":"[^"]*",//' $each; done`);
    expect(node.sh("cat /run/cni-bridge/net/*")).not.toContain("dataDir");
    expect(rows()).toMatchObject([{ state: "alive" }, { state: "alive" }]);
  });
});

describe("a configuration that has the leases elsewhere now", () => {
  const anew = () => node.plugin("bridge", "ADD", MOVED, { containerId: "one", netns: "/run/netns/one" });

  it("does not keep DEL from releasing the address", () => {
    const call = { containerId: "one", netns: "/run/netns/one" };
    expect(node.plugin("bridge", "DEL", MOVED, call)).toMatchObject({ status: 0, stderr: "" });
    expect(leases()).toEqual([two.address]);
    expect(anew()).toMatchObject({ status: 0 });
    expect(leases("/var/lib/cni/networks")).toHaveLength(1);
  });

  it("does not keep GC from releasing the address", () => {
    const valid = [{ containerID: "two", ifname: "eth0" }];
    const gc = { ...MOVED, "cni.dev/valid-attachments": valid };
    expect(node.plugin("bridge", "GC", gc)).toMatchObject({ status: 0, stderr: "" });
    expect(leases()).toEqual([two.address]);
  });

  it("without host-local does not either, whatever the directory", () => {
    attach(node, MOVED, "three");
    const valid = [{ containerID: "two", ifname: "eth0" }];
    const gc = { ...MOVED, ipam: {}, "cni.dev/valid-attachments": valid };
    expect(node.plugin("bridge", "GC", gc)).toMatchObject({ status: 0, stderr: "" });
    expect(leases()).toEqual([two.address]);
    expect(leases("/var/lib/cni/networks")).toEqual([]);
  });
});
