// flannel's own CNI plugin, which reads what flanneld wrote on each node and delegates to our bridge, with VXLAN between
// the nodes set up as flanneld does. Called with cnitool, chained with portmap as in flannel's manifest.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cluster, type ClusterNode } from "../support/cluster.ts";
import { REFERENCE } from "../support/executables.ts";
import { serveWhoAmI, whoAmI } from "../support/who-am-i.ts";

/** As in flannel's kube-flannel.yml, which is also what k3s writes. */
const CONF = {
  name: "cbr0",
  cniVersion: "0.3.1",
  plugins: [
    { type: "flannel", delegate: { hairpinMode: true, isDefaultGateway: true } },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
};
const PODS = ["pod-a", "pod-b"];
const MTU = 1450;

describe("flannel with VXLAN on two nodes", () => {
  let cluster: Cluster;
  const servers: (() => Promise<void>)[] = [];

  const cnitool = (verb: string, { sandbox }: ClusterNode, pod: string) => {
    const env = {
      NETCONFPATH: "/run/net.d",
      CNI_PATH: `${sandbox.bin}:${REFERENCE}`,
      ...(pod === "pod-a" && {
        CAP_ARGS: JSON.stringify({
          portMappings: [{ hostPort: 8080, containerPort: 7, protocol: "tcp" }],
        }),
      }),
    };
    return sandbox.run(`${REFERENCE}/cnitool`, [verb, CONF.name, `/run/netns/${pod}`], { env });
  };
  const address = ({ number }: ClusterNode, pod: string) => `10.244.${number}.${PODS.indexOf(pod) + 2}`;
  const everywhere = () =>
    cluster.nodes.flatMap((node) => PODS.map((pod) => ({ node, pod, address: address(node, pod) })));

  beforeAll(async () => {
    cluster = await Cluster.create(2);
    cluster.tunnelPods();
    for (const { sandbox, number } of cluster.nodes) {
      // What flanneld writes; masquerading is its own then, and not the plugin's.
      const environment = [
        `FLANNEL_NETWORK=${Cluster.podNetwork.v4}`,
        `FLANNEL_SUBNET=10.244.${number}.1/24`,
        `FLANNEL_MTU=${MTU}`,
        "FLANNEL_IPMASQ=true",
      ];
      sandbox.sh("mkdir -p /run/flannel /run/net.d; cat >/run/flannel/subnet.env", {
        input: `${environment.join("\n")}\n`,
      });
      sandbox.sh("cat >/run/net.d/10-flannel.conflist", { input: JSON.stringify(CONF) });
      for (const pod of PODS) sandbox.addNetns(pod);
    }
  });
  afterAll(async () => {
    for (const end of servers) await end();
    await cluster?.dispose();
  });

  it("adds pods with the addresses, routes, MTU and hairpin that flannel asks for", async () => {
    for (const { node, pod, address } of everywhere()) {
      const ended = cnitool("add", node, pod);
      expect(ended, ended.stdout).toMatchObject({ status: 0, stderr: "" });
      const { sandbox } = node;
      const inPod = { netns: pod };
      const [eth0] = sandbox.json("ip -j -4 addr show dev eth0", inPod);
      expect(eth0).toMatchObject({ mtu: MTU, addr_info: [{ local: address, prefixlen: 24 }] });
      const gateway = `10.244.${node.number}.1`;
      expect(sandbox.json("ip -j route show", inPod)).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ dst: "default", gateway }),
          expect.objectContaining({ dst: Cluster.podNetwork.v4, gateway }),
        ]),
      );
      const [, port] = JSON.parse(ended.stdout).interfaces;
      expect(sandbox.json(`bridge -j -d link show dev ${port.name}`)).toMatchObject([
        { master: "cni0", hairpin: true },
      ]);
      servers.push(await serveWhoAmI(sandbox, pod));
    }
  });

  it("lets every pod reach every pod under its own address", () => {
    for (const from of everywhere()) {
      for (const to of everywhere()) {
        expect(whoAmI(from.node.sandbox, from.pod, to.address)).toBe(from.address);
      }
    }
  });

  it("carries packets as large as the pods' MTU through the tunnel", () => {
    const [one, two] = cluster.nodes as [ClusterNode, ClusterNode];
    const largest = `${MTU - 28}`;
    one.sandbox.must("busybox", ["ping", "-c3", "-W2", "-s", largest, address(two, "pod-a")], {
      netns: "pod-a",
    });
  });

  it("lets nodes reach the pods of the other, and their published ports", () => {
    const [one, two] = cluster.nodes as [ClusterNode, ClusterNode];
    // From the tunnel's own address, which belongs to the node.
    expect(whoAmI(one.sandbox, undefined, address(two, "pod-b"))).toBe("10.244.1.0");
    expect(whoAmI(one.sandbox, undefined, two.address.v4, 8080)).toBe(one.address.v4);
    expect(whoAmI(cluster.fabric, Cluster.worldNetns, two.address.v4, 8080)).toBe(Cluster.world.v4);
  });

  it("deletes them, some with their namespace gone, and leaves nothing", () => {
    for (const { node, pod } of everywhere()) {
      if (pod === "pod-b") node.sandbox.delNetns(pod);
      expect(cnitool("del", node, pod)).toMatchObject({ status: 0, stderr: "" });
      expect(cnitool("del", node, pod)).toMatchObject({ status: 0, stderr: "" });
    }
    for (const { sandbox } of cluster.nodes) {
      expect(Object.keys(sandbox.snapshot({ exceptMemory: true }).files)).toEqual([]);
      expect(sandbox.json("ip -j link show master cni0")).toEqual([]);
    }
  });
});
