// The simulated node itself: what the other tests trust.

import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { REFERENCE } from "../support/executables.ts";
import { Sandbox } from "../support/sandbox.ts";

const CONF = {
  cniVersion: "1.0.0",
  name: "probe",
  type: "bridge",
  bridge: "probe0",
  isGateway: true,
  ipMasq: true,
  ipMasqBackend: "nftables",
  ipam: { type: "host-local", subnet: "10.7.0.0/24" },
};

describe("Sandbox", () => {
  let node: Sandbox;
  beforeAll(async () => {
    node = await Sandbox.create({ bin: REFERENCE });
  });
  afterAll(() => node.dispose());

  it("begins with a loopback that is up and nothing else", () => {
    const links = node.json("ip -j link show");
    expect(links.map((link: { ifname: string }) => link.ifname)).toEqual(["lo"]);
    expect(links[0].flags).toContain("UP");
    expect(node.sh("ls -A /run/netns /var/lib/cni 2>/dev/null || true").trim()).toBe("/var/lib/cni:");
  });

  it("is not made of its caller's namespaces", () => {
    const script = new URL("../../scripts/throwaway-node.sh", import.meta.url).pathname;
    const before = node.sh("cat /proc/self/mounts");
    expect(node.run("sh", ["-c", `${script} true; exit $?`])).toEqual({
      status: 1,
      stdout: "",
      stderr: expect.stringContaining("unshare -mn"),
    });
    expect(node.sh("cat /proc/self/mounts")).toBe(before);
    expect(node.run("sh", ["-c", `unshare -mn --propagation private ${script} true; exit $?`]).status).toBe(
      0,
    );
  });

  it("shows nothing of itself on the machine", () => {
    node.sh("mkdir -p /run/netns /run/cni-bridge; touch /run/cni-bridge/here /var/lib/cni/here");
    expect(existsSync("/run/cni-bridge/here")).toBe(false);
    expect(existsSync("/var/lib/cni/here")).toBe(false);
    node.sh("rm -r /run/cni-bridge /var/lib/cni/here");
  });

  it("gives a command PATH and what the call names, nothing of the test's own environment", () => {
    expect(node.sh("env | sort", { env: { CNI_COMMAND: "ADD" } })).toMatch(
      /^CNI_COMMAND=ADD\nPATH=[^\n]*\n(PWD=[^\n]*\n)?$/,
    );
  });

  it("tells the exit status, both outputs, and a signal", () => {
    expect(node.run("sh", ["-c", "cat; echo no >&2; exit 3"], { input: "yes" })).toEqual({
      status: 3,
      stdout: "yes",
      stderr: "no\n",
    });
    expect(() => node.must("false")).toThrow("false  ended with 1");
  });

  it("makes network namespaces and runs commands in them", () => {
    expect(node.addNetns("made")).toBe("/run/netns/made");
    node.must("ip", ["link", "add", "inside", "type", "bridge"], { netns: "made" });
    expect(node.json("ip -j link show", { netns: "made" })).toHaveLength(2);
    expect(node.json("ip -j link show")).toHaveLength(1);
    node.delNetns("made");
  });

  it("calls a plugin and sees each of its traces, and none after DEL", () => {
    const netns = node.addNetns("c1");
    const attachment = { containerId: "c1", netns };
    const first = node.plugin("bridge", "ADD", CONF, attachment);
    expect(first).toMatchObject({ status: 0, json: { cniVersion: "1.0.0" } });
    expect(node.plugin("bridge", "DEL", CONF, attachment)).toMatchObject({ status: 0, json: undefined });

    // The first DEL leaves what the network shares; a second round must add and remove only its own.
    const before = node.snapshot({ exceptMemory: true });
    expect(node.plugin("bridge", "ADD", CONF, attachment).status).toBe(0);
    const during = node.snapshot({ exceptMemory: true });
    for (const part of ["links", "addresses", "routes"] as const) {
      expect(during.netns.c1![part], part).not.toEqual(before.netns.c1![part]);
    }
    for (const part of ["links", "ports", "nft"] as const) {
      expect(during.netns[""]![part], part).not.toEqual(before.netns[""]![part]);
    }
    expect(Object.keys(during.files)).toEqual(["/var/lib/cni/networks/probe/10.7.0.3"]);
    expect(Object.values(during.files)).toEqual(["c1\r\neth0"]);
    expect(node.plugin("bridge", "DEL", CONF, attachment).status).toBe(0);
    expect(node.snapshot({ exceptMemory: true })).toEqual(before);
    node.delNetns("c1");
  });

  it("is a node of its own beside others", async () => {
    const other = await Sandbox.create({ bin: REFERENCE });
    other.addNetns("theirs");
    expect(node.run("ip", ["netns"]).stdout).not.toContain("theirs");
    await other.dispose();
    expect(existsSync(`/proc/${other.pid}`)).toBe(false);
  });
});
