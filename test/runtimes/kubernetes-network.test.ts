// The rules of Kubernetes' network model on two and three simulated nodes with routes between them: pods reach all pods
// without NAT, nodes reach all pods and pods all nodes, and a pod is seen under the address it sees itself. Only
// what leaves the cluster has the node's address. Each server tells its client the address it came from.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cluster, type ClusterNode, type Family } from "../support/cluster.ts";
import { serveWhoAmI, whoAmI } from "../support/who-am-i.ts";

const PODS = ["pod-a", "pod-b"];

/** The nodes' part of their network; the world's host is in the other half. */
const NODES = { v4: "192.0.2.0/25", v6: "2001:db8:2::/121" };

interface Pod {
  readonly node: ClusterNode;
  readonly name: string;
  /** The addresses that ip shows in the pod. */
  readonly addresses: Readonly<Partial<Record<Family, string>>>;
}

const clusters: readonly { name: string; count: number; families: readonly Family[] }[] = [
  { name: "two nodes with IPv4", count: 2, families: ["v4"] },
  { name: "two nodes with IPv6", count: 2, families: ["v6"] },
  { name: "three nodes with both families", count: 3, families: ["v4", "v6"] },
];

function conf(node: ClusterNode, families: readonly Family[]) {
  return {
    cniVersion: "1.1.0",
    name: "kubernetes",
    type: "bridge",
    bridge: "kube0",
    isDefaultGateway: true,
    hairpinMode: true,
    ipMasq: true,
    masqExclude: families.flatMap((family) => [Cluster.podNetwork[family], NODES[family]]),
    ipam: { type: "host-local", ranges: families.map((family) => [{ subnet: node.podCidr[family] }]) },
  };
}

describe.each(clusters)("a cluster of $name", ({ count, families }) => {
  let cluster: Cluster;
  const pods: Pod[] = [];
  const servers: (() => Promise<void>)[] = [];

  /** Every pod and every address of it. */
  const targets = () =>
    pods.flatMap((pod) => families.map((family) => ({ pod, family, address: pod.addresses[family]! })));

  const call = (verb: string, node: ClusterNode, name: string) => {
    const attachment = { containerId: `${name}-${node.number}`, netns: `/run/netns/${name}` };
    const ended = node.sandbox.plugin("bridge", verb, conf(node, families), attachment);
    expect(ended, ended.stdout).toMatchObject({ status: 0, stderr: "" });
  };

  beforeAll(async () => {
    cluster = await Cluster.create(count);
    cluster.routePods();
    for (const node of cluster.nodes) {
      for (const name of PODS) {
        node.sandbox.addNetns(name);
        call("ADD", node, name);
        const shown: { family: string; scope: string; local: string }[] = node.sandbox.json(
          "ip -j addr show dev eth0",
          { netns: name },
        )[0].addr_info;
        const of = (family: string) =>
          shown.find((info) => info.family === family && info.scope === "global")?.local;
        const [v4, v6] = [of("inet"), of("inet6")];
        pods.push({ node, name, addresses: { ...(v4 && { v4 }), ...(v6 && { v6 }) } });
        servers.push(await serveWhoAmI(node.sandbox, name));
      }
      servers.push(await serveWhoAmI(node.sandbox, undefined));
    }
    servers.push(await serveWhoAmI(cluster.fabric, Cluster.worldNetns));
  });
  afterAll(async () => {
    for (const end of servers) await end();
    await cluster?.dispose();
  });

  it("gives every pod an address of its node's podCIDR", () => {
    expect(targets()).toHaveLength(count * PODS.length * families.length);
    for (const { pod, family, address } of targets()) {
      const prefix = pod.node.podCidr[family].replace(/(\.0|::)\/.*/, "");
      expect(address.startsWith(prefix), `${address} in ${pod.node.podCidr[family]}`).toBe(true);
    }
    expect(new Set(targets().map(({ address }) => address)).size).toBe(targets().length);
  });

  it("lets every pod reach every pod, itself included, under the address that the pod sees itself", () => {
    for (const from of pods) {
      for (const { pod, family, address } of targets()) {
        const seen = whoAmI(from.node.sandbox, from.name, address);
        expect(seen, `${from.name} on ${from.node.number} → ${pod.name} on ${pod.node.number}`).toBe(
          from.addresses[family],
        );
      }
    }
  });

  it("lets every node reach every pod, under the node's own address from another node", () => {
    for (const node of cluster.nodes) {
      for (const { pod, family, address } of targets()) {
        const seen = whoAmI(node.sandbox, undefined, address);
        if (pod.node !== node) expect(seen).toBe(node.address[family]);
      }
    }
  });

  it("lets every pod reach every node, and the other nodes see the pod's address", () => {
    for (const pod of pods) {
      for (const node of cluster.nodes) {
        for (const family of families) {
          expect(whoAmI(pod.node.sandbox, pod.name, node.address[family])).toBe(pod.addresses[family]);
        }
      }
    }
  });

  it("shows the world the node's address", () => {
    for (const pod of pods) {
      for (const family of families) {
        const seen = whoAmI(pod.node.sandbox, pod.name, Cluster.world[family]);
        expect(seen).toBe(pod.node.address[family]);
      }
    }
  });

  it("deletes every pod and leaves nothing of it", () => {
    for (const { node, name } of pods) call("DEL", node, name);
    for (const { sandbox } of cluster.nodes) {
      expect(Object.keys(sandbox.snapshot({ exceptMemory: true }).files)).toEqual([]);
      expect(sandbox.json("ip -j link show master kube0")).toEqual([]);
    }
  });
});
