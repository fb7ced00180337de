// containerd's CRI, called as the kubelet calls it: sandboxes one by one and fifty at once, a restart of containerd under
// them, sandboxes whose processes were killed, and a published port. The kubelet keeps stopping and removing what it no
// longer wants; so afterwards nothing may be left.

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Containerd } from "../support/containerd.ts";
import { Cri } from "../support/cri.ts";
import { Outside } from "../support/outside.ts";
import { NO_TRACES, traces } from "../support/traces.ts";
import { serveWhoAmI, whoAmI } from "../support/who-am-i.ts";

const CONF = {
  cniVersion: "1.0.0",
  name: "crinet",
  plugins: [
    {
      type: "bridge",
      bridge: "cri0",
      isDefaultGateway: true,
      hairpinMode: true,
      ipMasq: true,
      ipam: { type: "host-local", ranges: [[{ subnet: "10.33.0.0/24" }], [{ subnet: "fd00:33::/64" }]] },
    },
    { type: "portmap", capabilities: { portMappings: true }, snat: true },
  ],
};
const V4 = /^10\.33\.0\.\d+$/;
const V6 = /^fd00:33::/;

describe("containerd's CRI", () => {
  let containerd: Containerd;
  let cri: Cri;
  let outside: Outside;
  /** Besides that of the node, which is a veth too. */
  const left = () => {
    const all = traces(containerd.node, "crinet");
    return { ...all, veths: all.veths - 1 };
  };
  const end = async (id: string) => {
    await cri.stop(id);
    await cri.remove(id);
  };
  /** The first process of each sandbox, by id. */
  const processes = () =>
    new Map(
      containerd
        .ctr("task", "ls")
        .split("\n")
        .slice(1)
        .filter(Boolean)
        .map((line) => line.split(/\s+/) as [string, string]),
    );
  const namespaces = () =>
    containerd.node
      .sh("ls /run/netns")
      .split("\n")
      .filter((name) => name.startsWith("cni-"));

  beforeAll(async () => {
    containerd = await Containerd.start({ cri: true });
    // First, because ip binds /run/netns to itself once, which would hold the namespaces that are there.
    outside = await Outside.connect(containerd.node);
    cri = Cri.connect(containerd.socket);
  });
  afterAll(async () => {
    cri?.close();
    await outside?.disconnect();
    await containerd?.dispose();
  });

  it("is ready for pods once there is a network", async () => {
    expect(await cri.conditions()).toEqual({ RuntimeReady: true, NetworkReady: false });
    containerd.configure(CONF);
    await expect
      .poll(() => cri.conditions(), { timeout: 120_000 })
      .toEqual({ RuntimeReady: true, NetworkReady: true });
  });

  it("gives a pod one address of each family, and the node reaches it", async () => {
    const id = await cri.run("one");
    const addresses = await cri.addresses(id);
    expect(addresses).toEqual([expect.stringMatching(V4), expect.stringMatching(V6)]);
    for (const address of addresses) {
      containerd.node.must("busybox", ["ping", "-c1", "-W2", address]);
    }
    await end(id);
    expect(left()).toEqual(NO_TRACES);
  });

  it("publishes a pod's port on the node, outside and for the pod itself", async () => {
    const id = await cri.run("published", [{ containerPort: 7, hostPort: 8080 }]);
    const netns = namespaces();
    expect(netns).toHaveLength(1);
    const endServer = await serveWhoAmI(containerd.node, netns[0]!, "it is the pod");
    for (const client of [Outside.netns, netns[0]!]) {
      expect(whoAmI(containerd.node, client, Outside.node.v4, 8080), client).toBe("it is the pod");
    }
    await endServer();
    await end(id);
    expect(left()).toEqual(NO_TRACES);
    expect(containerd.node.sh("iptables-save -t nat | grep 8080 || true")).toBe("");
  });

  it("starts fifty at once, keeps them over its own death, and ends them at once", async () => {
    const ids = await Promise.all(Array.from({ length: 50 }, (_, index) => cri.run(`pod-${index}`)));
    const given = await Promise.all(ids.map((id) => cri.addresses(id)));
    expect(new Set(given.flat()).size).toBe(100);
    expect(left()).toMatchObject({ veths: 50, masqueraded: 100 });
    expect(left().records).toHaveLength(50);

    cri.close();
    await containerd.restart();
    cri = Cri.connect(containerd.socket);
    await expect.poll(() => cri.conditions(), { timeout: 120_000 }).toMatchObject({ NetworkReady: true });
    expect(await cri.sandboxes()).toEqual(new Map(ids.map((id) => [id, true])));
    expect(await Promise.all(ids.map((id) => cri.addresses(id)))).toEqual(given);
    containerd.node.must("busybox", ["ping", "-c1", "-W2", given[49]![0]!]);

    await Promise.all(ids.map(end));
    expect(left()).toEqual(NO_TRACES);
    expect(namespaces()).toEqual([]);
  });

  it("cleans up after sandboxes that were killed", async () => {
    const ids = await Promise.all(["k1", "k2", "k3"].map((name) => cri.run(name)));
    for (const pid of processes().values()) containerd.node.must("kill", ["-9", pid]);
    await expect
      .poll(() => cri.sandboxes(), { timeout: 120_000 })
      .toEqual(new Map(ids.map((id) => [id, false])));
    // The kubelet repeats both calls.
    for (const id of ids) {
      await cri.stop(id);
      await end(id);
    }
    expect(left()).toEqual(NO_TRACES);
  });

  it("cleans up after sandboxes whose namespace is gone, as after a reboot", async () => {
    const id = await cri.run("rebooted");
    const [pid] = processes().values();
    containerd.node.must("kill", ["-9", pid!]);
    containerd.node.delNetns(namespaces()[0]!);
    await sleep(100);
    await end(id);
    expect(left()).toEqual(NO_TRACES);
  });
});
