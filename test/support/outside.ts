// A host beyond the node, one link away. It has no route to any container, so an answer to a container proves that the
// node's own address was on the request.

import type { Sandbox } from "./sandbox.ts";
import { serveWhoAmI, whoAmI } from "./who-am-i.ts";

export class Outside {
  /** Addresses of the node on the link to the outside, and of the host there. */
  static readonly node = { v4: "198.51.100.1", v6: "2001:db8::1" };
  static readonly host = { v4: "198.51.100.2", v6: "2001:db8::2" };
  /** The network namespace of the host. */
  static readonly netns = "outside";

  readonly #node: Sandbox;
  readonly #endServer: () => Promise<void>;

  private constructor(node: Sandbox, endServer: () => Promise<void>) {
    this.#node = node;
    this.#endServer = endServer;
  }

  /** Connects an outside host to the node, as interface `uplink`. */
  static async connect(node: Sandbox): Promise<Outside> {
    node.addNetns(Outside.netns);
    node.sh(`
      ip link add uplink type veth peer name eth0 netns ${Outside.netns}
      ip addr add ${Outside.node.v4}/24 dev uplink
      ip addr add ${Outside.node.v6}/64 dev uplink nodad
      ip link set uplink up
      ip -n ${Outside.netns} addr add ${Outside.host.v4}/24 dev eth0
      ip -n ${Outside.netns} addr add ${Outside.host.v6}/64 dev eth0 nodad
      ip -n ${Outside.netns} link set eth0 up
    `);
    return new Outside(node, await serveWhoAmI(node, Outside.netns));
  }

  /** The address that the outside host sees when a container asks it. */
  sees(netns: string, family: "v4" | "v6"): string {
    return whoAmI(this.#node, netns, Outside.host[family]);
  }

  /** Lets the outside host answer a container directly. */
  routeTo(address: string, family: "v4" | "v6"): void {
    this.#node.must("ip", ["-n", Outside.netns, "route", "replace", address, "via", Outside.node[family]]);
  }

  async disconnect(): Promise<void> {
    await this.#endServer();
    this.#node.delNetns(Outside.netns);
  }
}
