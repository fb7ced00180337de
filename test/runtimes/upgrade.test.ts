// A node with fifty containers changes from the reference plugins to ours, back, and to ours again, by replacing the
// two files. Meanwhile packets flow between two containers and out of the node: none may be lost. Containers are
// restarted and deleted by whichever plugin is installed, not by the one that made them; in the end nothing is left.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DIST, REFERENCE } from "../support/executables.ts";
import { type Flowed, serveFlows, startFlow } from "../support/flow.ts";
import { leasesOf } from "../support/leases.ts";
import { Outside } from "../support/outside.ts";
import { Sandbox } from "../support/sandbox.ts";

const BIN = "/run/cni-bin";
const COUNT = 50;

const backends = [
  { name: "no ipMasqBackend", keys: {} },
  { name: "ipMasqBackend iptables", keys: { ipMasqBackend: "iptables" } },
  { name: "ipMasqBackend nftables", keys: { ipMasqBackend: "nftables" } },
];

describe.each(backends)("a node with fifty containers and $name", ({ keys }) => {
  const conf = {
    cniVersion: "1.1.0",
    name: "upgraded",
    type: "bridge",
    bridge: "br0",
    isDefaultGateway: true,
    ipMasq: true,
    ...keys,
    ipam: { type: "host-local", ranges: [[{ subnet: "10.38.0.0/24" }], [{ subnet: "fd00:38::/64" }]] },
  };
  const ids = Array.from({ length: COUNT }, (_, index) => `c${index}`);
  /** What libcni keeps for DEL. */
  const results = new Map<string, { ips: { address: string }[] }>();
  let node: Sandbox;
  let outside: Outside;
  let before: object;
  const flows: { name: string; end: () => Promise<Flowed> }[] = [];
  const servers: (() => Promise<void>)[] = [];

  /** Replaces the files as an installer does: each in one step. */
  const install = (directory: string) =>
    node.sh(`
      mkdir -p ${BIN}
      for name in bridge host-local; do
        cp ${directory}/$name ${BIN}/.$name.new
        mv -f ${BIN}/.$name.new ${BIN}/$name
      done
    `);
  const call = (verb: string, id: string, more: object = {}) => {
    const attachment = { containerId: id, netns: `/run/netns/${id}`, bin: BIN };
    const ended = node.plugin("bridge", verb, { ...conf, ...more }, attachment);
    expect(ended, `${verb} ${id}: ${ended.stdout} ${ended.stderr}`).toMatchObject({ status: 0 });
    return ended.json;
  };
  const add = (id: string) => results.set(id, call("ADD", id));
  const del = (id: string) => {
    call("DEL", id, { prevResult: results.get(id) });
    results.delete(id);
  };
  const restart = (id: string) => {
    del(id);
    node.delNetns(id);
    node.addNetns(id);
    add(id);
  };
  const addresses = () =>
    [...results.values()].flatMap(({ ips }) => ips.map(({ address }) => address.replace(/\/.*/, "")));
  const leases = () => [...leasesOf(node, "upgraded").keys()];
  const collect = () =>
    expect(
      node.plugin("bridge", "GC", { ...conf, "cni.dev/valid-attachments": [] }, { bin: BIN, ifname: "" }),
    ).toMatchObject({ status: 0 });

  const expectAllWell = () => {
    expect(leases().toSorted()).toEqual(addresses().toSorted());
    expect(new Set(addresses()).size).toBe(2 * results.size);
    expect(node.json("ip -j link show master br0")).toHaveLength(results.size);
    // New connections, of the oldest and the newest container.
    for (const id of ["c0", [...results.keys()].at(-1)!]) {
      for (const family of ["v4", "v6"] as const) {
        expect(outside.sees(id, family), `${id} ${family}`).toBe(Outside.node[family]);
      }
    }
  };

  beforeAll(async () => {
    node = await Sandbox.create();
    outside = await Outside.connect(node);
    for (const id of ids) node.addNetns(id);
    // Both once, because what the network shares stays.
    for (const directory of [REFERENCE, DIST]) {
      install(directory);
      add("c0");
      // The reference's gateway address is tested for duplicates, and its routes come then.
      node.sh("while ip -6 addr show dev br0 tentative | grep -q .; do sleep 0.1; done");
      del("c0");
    }
    collect(); // the chains of a network without containers go too
    before = node.snapshot({ exceptMemory: true });
  });
  afterAll(async () => {
    for (const end of servers) await end();
    await outside?.disconnect();
    await node?.dispose();
  });

  it("begins with containers of the reference, and traffic", async () => {
    install(REFERENCE);
    for (const id of ids) add(id);
    expectAllWell();
    servers.push(await serveFlows(node, "c1"), await serveFlows(node, Outside.netns));
    const [v4, v6] = results.get("c1")!.ips.map(({ address }) => address.replace(/\/.*/, ""));
    for (const [name, address] of [
      ["to another container", v4!],
      ["to another container over IPv6", v6!],
      ["out of the node", Outside.host.v4],
      ["out of the node over IPv6", Outside.host.v6],
    ] as const) {
      flows.push({ name, end: await startFlow(node, "c0", address) });
    }
  });

  it("goes on with ours: restarts, deletes, adds", () => {
    install(DIST);
    expectAllWell();
    for (const [id, prevResult] of results) call("CHECK", id, { prevResult });
    for (const id of ids.slice(2, 8)) restart(id);
    for (const id of ids.slice(8, 14)) del(id);
    for (const id of ids.slice(8, 12)) add(id);
    expectAllWell();
  });

  it("goes back to the reference, which deletes what ours has made and left", () => {
    install(REFERENCE);
    expectAllWell();
    for (const [id, prevResult] of results) call("CHECK", id, { prevResult });
    for (const id of ids.slice(4, 8)) restart(id);
    for (const id of ids.slice(8, 12)) del(id);
    for (const id of ids.slice(12, 14)) add(id);
    expectAllWell();
  });

  it("comes to ours again", () => {
    install(DIST);
    for (const id of ids.slice(2, 20)) restart(id);
    expectAllWell();
  });

  it("has lost no packet", async () => {
    for (const { name, end } of flows.splice(0)) {
      const { sent, back } = await end();
      expect(sent, name).toBeGreaterThan(500);
      expect(back, name).toBe(sent);
    }
  });

  it("deletes half with the reference and half with ours, and nothing is left", () => {
    install(REFERENCE);
    for (const id of ids.filter((_, index) => index % 2 === 0)) del(id);
    install(DIST);
    for (const id of ids.filter((_, index) => index % 2 === 1)) del(id);
    expect(leases()).toEqual([]);
    // Records of ours, and elements of a set, whose containers the reference deleted.
    collect();
    expect(node.snapshot({ exceptMemory: true })).toEqual(before);
  });
});
