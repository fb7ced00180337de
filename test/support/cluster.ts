// Simulated nodes of a Kubernetes cluster, each a Sandbox with its own /run, /var/lib/cni and podCIDR, on one network
// in between. How packets get from node to node is the test's choice: routes (host-gw) or VXLAN. A host on the same
// network that is no node stands for the rest of the world; it knows no way to any pod.

import { Sandbox } from "./sandbox.ts";

export type Family = "v4" | "v6";
export type Addresses = Readonly<Record<Family, string>>;

export class ClusterNode {
  readonly sandbox: Sandbox;
  readonly number: number;
  /** The node's own addresses. */
  readonly address: Addresses;
  readonly podCidr: Addresses;

  constructor(sandbox: Sandbox, number: number) {
    this.sandbox = sandbox;
    this.number = number;
    this.address = { v4: `192.0.2.${number}`, v6: `2001:db8:2::${number}` };
    this.podCidr = { v4: `10.244.${number}.0/24`, v6: `fd00:244:0:${number}::/64` };
  }
}

export class Cluster {
  /** What holds every podCIDR. */
  static readonly podNetwork: Addresses = { v4: "10.244.0.0/16", v6: "fd00:244::/32" };
  /** The host that is no node; its network namespace is on the fabric. */
  static readonly world: Addresses = { v4: "192.0.2.250", v6: "2001:db8:2::250" };
  static readonly worldNetns = "world";

  readonly fabric: Sandbox;
  readonly nodes: readonly ClusterNode[];

  private constructor(fabric: Sandbox, nodes: readonly ClusterNode[]) {
    this.fabric = fabric;
    this.nodes = nodes;
  }

  static async create(count: number): Promise<Cluster> {
    const fabric = await Sandbox.create();
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    const nodes = await Promise.all(
      numbers.map(async (number) => new ClusterNode(await Sandbox.create(), number)),
    );
    fabric.addNetns(Cluster.worldNetns);
    fabric.sh(`
      ip link add lan up type bridge
      ip link add world up master lan type veth peer name eth0 netns ${Cluster.worldNetns}
      ip -n ${Cluster.worldNetns} addr add ${Cluster.world.v4}/24 dev eth0
      ip -n ${Cluster.worldNetns} addr add ${Cluster.world.v6}/64 dev eth0 nodad
      ip -n ${Cluster.worldNetns} link set eth0 up
    `);
    for (const { number, sandbox, address } of nodes) {
      fabric.sh(`ip link add node${number} up master lan type veth peer name eth0 netns ${sandbox.pid}`);
      sandbox.sh(`
        ip addr add ${address.v4}/24 dev eth0
        ip addr add ${address.v6}/64 dev eth0 nodad
        ip link set eth0 up
      `);
    }
    return new Cluster(fabric, nodes);
  }

  #eachPair(connect: (node: ClusterNode, peer: ClusterNode) => void): void {
    for (const node of this.nodes) for (const peer of this.nodes) if (node !== peer) connect(node, peer);
  }

  /** Routes each podCIDR to its node: flannel's host-gw, and what cloud controllers set up. */
  routePods(): void {
    this.#eachPair(({ sandbox }, peer) => {
      for (const family of ["v4", "v6"] as const) {
        sandbox.must("ip", ["route", "add", peer.podCidr[family], "via", peer.address[family]]);
      }
    });
  }

  /** Joins the nodes with VXLAN as flannel does: `flannel.1`, without learning, entries for each peer. IPv4. */
  tunnelPods(): void {
    const mac = ({ number }: ClusterNode) => `02:00:00:00:01:${`${number}`.padStart(2, "0")}`;
    const network = ({ podCidr }: ClusterNode) => podCidr.v4.replace("/24", "");
    for (const node of this.nodes) {
      node.sandbox.sh(`
        ip link add flannel.1 address ${mac(node)} type vxlan id 1 local ${node.address.v4} dev eth0 dstport 8472 nolearning
        ip addr add ${network(node)}/32 dev flannel.1
        ip link set flannel.1 up
      `);
    }
    this.#eachPair(({ sandbox }, peer) => {
      sandbox.sh(`
        bridge fdb add ${mac(peer)} dev flannel.1 dst ${peer.address.v4}
        ip neigh add ${network(peer)} dev flannel.1 lladdr ${mac(peer)} nud permanent
        ip route add ${peer.podCidr.v4} via ${network(peer)} dev flannel.1 onlink
      `);
    });
  }

  async dispose(): Promise<void> {
    await Promise.all([this.fabric, ...this.nodes.map(({ sandbox }) => sandbox)].map((one) => one.dispose()));
  }
}
