// The bridge's dead containers, on the real kernel: their namespaces are known by cookie, their links by name.

import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Sandbox } from "../support/sandbox.ts";

let node: Sandbox;
beforeAll(async () => {
  node = await Sandbox.create();
});
afterAll(() => node.dispose());

const conf = {
  cniVersion: "1.1.0",
  name: "dead",
  type: "bridge",
  bridge: "br-dead",
  ipam: {
    type: "host-local",
    ranges: [[{ subnet: "10.40.0.0/24", rangeStart: "10.40.0.2", rangeEnd: "10.40.0.3" }]],
  },
};
const add = (containerId: string) =>
  node.plugin("bridge", "ADD", conf, { containerId, netns: `/run/netns/${containerId}` });

/** The kernel takes a namespace down, and its links with it, a moment after its last user has gone. */
async function linkIsGone(): Promise<void> {
  const ports = () => node.json("ip -j link show master br-dead").length;
  const deadline = performance.now() + 30_000;
  while (ports() > 1 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(ports()).toBe(1);
}

describe("a full range", () => {
  it("keeps the addresses of containers that live, whatever was done to their paths", async () => {
    for (const id of ["a", "b", "c"]) node.addNetns(id);
    expect(add("a").json.ips[0].address).toBe("10.40.0.2/24");
    expect(add("b").json.ips[0].address).toBe("10.40.0.3/24");
    expect(add("c").json.msg).toContain("2 of 2 in use in 10.40.0.2-10.40.0.3");
    // The path leads nowhere, but a process keeps the namespace, and with it the link.
    const holder = node.start("nsenter", ["--net=/run/netns/a", "sh", "-c", "echo $$; exec sleep 60"]);
    const [pid] = await once(holder.stdout!, "data");
    node.sh("ip netns del a");
    expect(add("c").json.msg).toContain("2 of 2 in use");
    process.kill(Number(pid), "SIGKILL");
    await once(holder, "close");
    await linkIsGone();
  });

  it("gives the address of one whose namespace is gone to another, and says so", () => {
    const { status, json, stderr } = add("c");
    expect(status, JSON.stringify(json)).toBe(0);
    expect(json.ips[0].address).toBe("10.40.0.2/24");
    expect(stderr).toContain("10.40.0.2 (a/eth0, its namespace and its link are gone)");
  });

  it("gives the same container its lease back once its old namespace is dead", async () => {
    expect(add("b").status).toBe(1);
    node.delNetns("b");
    node.addNetns("b");
    await linkIsGone();
    expect(add("b").json).toMatchObject({ ips: [{ address: "10.40.0.3/24" }] });
  });
});
