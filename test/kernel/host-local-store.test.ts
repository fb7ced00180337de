// What only a real kernel can show of the store: who holds its lock, what a read-only one says, and that a call costs
// the same however many leases there are.

import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostLocal } from "../support/network.ts";
import { Sandbox } from "../support/sandbox.ts";

let node: Sandbox;
beforeAll(async () => {
  node = await Sandbox.create();
});
afterAll(() => node.dispose());

const store = (name: string) => `/var/lib/cni/networks/${name}`;

describe("the lock", () => {
  it("K1 K2 is a file in the directory, waited for with a bound, and the error names the holder's pid and command", async () => {
    const conf = hostLocal("lock", { subnet: "10.30.0.0/24", lockTimeout: 1 });
    const call = { containerId: "a", netns: "/x" };
    expect(node.plugin("host-local", "ADD", conf, call).status).toBe(0);
    const holder = node.start("flock", [`${store("lock")}/lock`, "sh", "-c", "echo held; exec sleep 30"]);
    await once(holder.stdout!, "data");
    const began = performance.now();
    const { status, json } = node.plugin("host-local", "DEL", conf, call);
    const tookMs = performance.now() - began;
    expect(status).toBe(1);
    expect(json.code).toBe(11);
    expect(json.msg).toMatch(/^cannot lock .*\/lock within 1 s: pid \d+ \((flock|sleep) .*\) holds it$/);
    const pid = /pid (\d+)/.exec(json.msg)![1]!;
    expect(tookMs).toBeGreaterThan(950);
    expect(tookMs).toBeLessThan(5000);
    expect(node.plugin("host-local", "STATUS", conf).json.code).toBe(50);
    const descendants = node
      .sh(`ps -o pid= --ppid ${pid} || true; echo ${pid}`)
      .split("\n")
      .map((line) => line.trim());
    for (const each of descendants.filter(Boolean)) node.run("kill", [each]);
    await once(holder, "close");
    expect(node.plugin("host-local", "DEL", conf, call).status).toBe(0);
  });
});

describe("a store that cannot be written", () => {
  it("fails STATUS with 50 and ADD with 5, each naming why", () => {
    const conf = hostLocal("full", { subnet: "10.31.0.0/24" });
    expect(node.plugin("host-local", "ADD", conf, { containerId: "a", netns: "/x" }).status).toBe(0);
    expect(node.plugin("host-local", "STATUS", conf).status).toBe(0);
    node.sh(`mount --bind ${store("full")} ${store("full")} && mount -o remount,bind,ro ${store("full")}`);
    const status = node.plugin("host-local", "STATUS", conf);
    const add = node.plugin("host-local", "ADD", conf, { containerId: "b", netns: "/x" });
    node.sh(`umount ${store("full")}`);
    expect(status.json).toMatchObject({ code: 50, msg: expect.stringContaining("EROFS") });
    expect(add.json).toMatchObject({ code: 5, msg: expect.stringContaining("EROFS") });
    expect(node.plugin("host-local", "ADD", conf, { containerId: "b", netns: "/x" }).status).toBe(0);
  });
});

describe("with many leases", () => {
  /** System calls of one call of the plugin, by name. */
  function calls(name: string, verb: string, containerId: string): Record<string, number> {
    const under = ["strace", "-qq", "-o", "/run/calls.log"];
    const conf = hostLocal(name, { subnet: "10.32.0.0/15" });
    const ended = node.plugin("host-local", verb, conf, { containerId, netns: "/x", under });
    expect(ended.status, ended.stdout).toBe(0);
    const counted: Record<string, number> = {};
    for (const line of node.sh("cat /run/calls.log").split("\n")) {
      const call = /^(\w+)\(/.exec(line)?.[1];
      // What the engine asks of memory depends on where it lies.
      if (call !== undefined && !["brk", "mmap", "munmap"].includes(call))
        counted[call] = (counted[call] ?? 0) + 1;
    }
    return counted;
  }

  it("ADD, CHECK and DEL make the very calls they make with ten", () => {
    for (const [name, count] of [
      ["few", 10],
      ["many", 20_000],
    ] as const) {
      node.sh(`mkdir -p ${store(name)}; cd ${store(name)}; i=0
        while [ $i -lt ${count} ]; do printf 'o%s\\r\\neth0' $i >10.33.$((i / 250)).$((i % 250)); i=$((i + 1)); done`);
      // Reads them all, once.
      expect(
        node.plugin("host-local", "ADD", hostLocal(name, { subnet: "10.32.0.0/15" }), {
          containerId: "first",
          netns: "/x",
        }).status,
      ).toBe(0);
    }
    for (const verb of ["ADD", "CHECK", "DEL"])
      expect(calls("many", verb, "k"), verb).toEqual(calls("few", verb, "k"));
    for (const [verb, id] of [
      ["DEL", "unknown"],
      ["DEL", "o7"],
    ] as const)
      expect(calls("many", verb, id)).toEqual(calls("few", verb, id));
  });
});
