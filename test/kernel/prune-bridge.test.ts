// pruneBridge: the bridge goes with its last container, and no ADD suffers from that. Oracles: ip, and ping.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { vlanPortName } from "../../src/net/names.ts";
import { REFERENCE } from "../support/executables.ts";
import { FakeHost } from "../support/fake-host.ts";
import { attachment, resultOf, SILENT } from "../support/network.ts";
import type { PluginCall } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";

const CONF = {
  cniVersion: "1.1.0",
  name: "net",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  pruneBridge: true,
  ipam: { type: "host-local", subnet: "10.40.0.0/24" },
};

let node: Sandbox;
const add = (conf: object, id = "c1", more: PluginCall = {}) =>
  resultOf(node.plugin("bridge", "ADD", conf, attachment(id, more)));
const del = (conf: object, id = "c1", more: PluginCall = {}) =>
  expect(node.plugin("bridge", "DEL", conf, attachment(id, more))).toMatchObject(SILENT);
const links = (): string[] =>
  node
    .json("ip -j link show")
    .map(({ ifname }: { ifname: string }) => ifname)
    .filter((name: string) => name !== "lo")
    .sort();

beforeEach(async () => {
  node = await Sandbox.create();
  for (const id of ["c1", "c2"]) node.addNetns(id);
});
afterEach(() => node?.dispose());

describe("DEL with pruneBridge", () => {
  it("deletes the bridge with the last container, and ADD makes it again", () => {
    for (let round = 0; round < 3; round++) {
      add(CONF, "c1");
      add(CONF, "c2");
      del(CONF, "c1");
      expect(links()).toContain("br0");
      del(CONF, "c2");
      expect(links()).toEqual([]);
    }
    add(CONF);
    expect(node.pings("c1", "10.40.0.1")).toBe(true);
  });

  it("deletes it also where the container's namespace went first", () => {
    add(CONF);
    node.delNetns("c1");
    del(CONF, "c1", { netns: "" });
    expect(links()).toEqual([]);
    del(CONF, "c1", { netns: "" });
  });

  it("keeps it without the key", () => {
    add(CONF);
    del({ ...CONF, pruneBridge: false });
    expect(links()).toEqual(["br0"]);
  });

  it("keeps a bridge with a port of somebody else", () => {
    add(CONF);
    node.sh("ip link add other0 type veth peer name other1; ip link set dev other0 master br0");
    del(CONF);
    expect(links()).toContain("br0");
  });

  it("keeps a bridge with an uplink", () => {
    node.sh("ip link add lan0 type veth peer name lan1");
    add({ ...CONF, uplink: "lan0" });
    del({ ...CONF, uplink: "lan0" });
    expect(links()).toContain("br0");
  });

  it("keeps a bridge that an administrator made", () => {
    node.sh("ip link add br0 type bridge; ip link set dev br0 up");
    add(CONF);
    del(CONF);
    expect(links()).toEqual(["br0"]);
  });

  it("keeps a bridge that the reference made", () => {
    const { pruneBridge, ...plain } = CONF;
    add(plain, "c1", { bin: REFERENCE });
    del(CONF, "c1");
    expect(pruneBridge).toBe(true);
    expect(links()).toEqual(["br0"]);
  });

  it.each(["/../../var/lib/cni/x", "sixteen-letters-", ""])("has nothing to do for a bridge %o", (bridge) => {
    const ended = node.plugin("bridge", "DEL", { ...CONF, bridge }, attachment("c1"));
    expect(ended).toMatchObject({ status: 0, stdout: "" });
    expect(node.sh("ls -A /run/cni-bridge /var/lib/cni 2>/dev/null || :")).not.toContain("lock");
  });

  it("keeps what is no bridge", () => {
    node.sh("ip link add br0 type veth peer name br0-peer");
    del(CONF);
    expect(links()).toEqual(["br0", "br0-peer"]);
  });

  it("deletes the gateway of a VLAN with it where that is the only port left", () => {
    const port = vlanPortName(new FakeHost(), "br0.100");
    add(CONF, "c1");
    add(CONF, "c2");
    node.sh(`ip link add br0.100 type veth peer name ${port}; ip link set dev ${port} master br0`);
    del(CONF, "c1");
    expect(links()).toContain("br0.100");
    del(CONF, "c2");
    expect(links()).toEqual([]);
  });

  it("does so by the record where the configuration names another bridge now", () => {
    add(CONF);
    del({ ...CONF, bridge: "br1" });
    expect(links()).toEqual([]);
  });
});

describe("GC with pruneBridge", () => {
  const gc = (valid: readonly string[]) => {
    const list = valid.map((containerID) => ({ containerID, ifname: "eth0" }));
    const ended = node.plugin("bridge", "GC", { ...CONF, "cni.dev/valid-attachments": list });
    expect(ended).toMatchObject(SILENT);
  };

  it("deletes the bridge with the last container", () => {
    add(CONF, "c1");
    add(CONF, "c2");
    gc(["c2"]);
    expect(links()).toContain("br0");
    expect(node.pings("c2", "10.40.0.1")).toBe(true);
    gc([]);
    expect(links()).toEqual([]);
  });
});

describe("many at once", () => {
  const WORKERS = 8;
  const ROUNDS = 40;

  /** Each worker adds and deletes its container again and again, so that the bridge comes and goes all the time. */
  const churn = async (conf: (worker: number) => object) => {
    const workers = Array.from({ length: WORKERS }, async (_, index) => {
      const id = `w${index}`;
      node.addNetns(id);
      for (let round = 0; round < ROUNDS; round++) {
        const added = await node.pluginAsync("bridge", "ADD", conf(index), attachment(id));
        expect(added, added.stdout).toMatchObject({ status: 0, stderr: "" });
        if (round % 10 === 0 && added.json.ips !== undefined) {
          const ping = node.run("busybox", ["ping", "-c1", "-W1", "10.40.0.1"], { netns: id });
          expect(ping.status).toBe(0);
        }
        const gone = await node.pluginAsync("bridge", "DEL", conf(index), attachment(id));
        expect(gone, gone.stdout).toMatchObject({ status: 0, stderr: "" });
      }
    });
    await Promise.all(workers);
  };

  it("never fails, and leaves no bridge", async () => {
    await churn(() => CONF);
    expect(links()).toEqual([]);
  });

  it("never fails with networks that share the bridge", async () => {
    await churn((worker) => ({ ...CONF, name: `net-${worker % 2}`, isGateway: false, ipam: {} }));
    expect(links()).toEqual([]);
  });

  it("never fails where some of the networks on the bridge do not prune it", async () => {
    add(CONF);
    await churn((worker) => (worker % 2 === 0 ? CONF : { ...CONF, pruneBridge: false }));
    del(CONF);
    expect(links()).toEqual([]);
  });
});

it("waits for whoever holds the bridge", async () => {
  add(CONF);
  const holder = node.start("flock", ["/run/cni-bridge/.br0.lock", "sh", "-c", "echo held; read -r _"]);
  await once(holder.stdout!, "data");
  let ended = false;
  const deleting = node.pluginAsync("bridge", "DEL", CONF, attachment("c1")).finally(() => {
    ended = true;
  });
  await sleep(500);
  expect(ended).toBe(false);
  holder.stdin!.end("\n");
  expect(await deleting).toMatchObject(SILENT);
  expect(links()).toEqual([]);
});
