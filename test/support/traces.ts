// What still names a container of one network on a node: for tests under a runtime, which makes too much of its own for
// a comparison of snapshots.

import { leasesOf } from "./leases.ts";
import type { Sandbox } from "./sandbox.ts";

export interface Traces {
  readonly veths: number;
  readonly leases: readonly string[];
  readonly records: readonly string[];
  /** Addresses that nf_tables still masquerades. */
  readonly masqueraded: number;
}

export const NO_TRACES: Traces = { veths: 0, leases: [], records: [], masqueraded: 0 };

/** Looks for traces of containers in a network. */
export function traces(node: Sandbox, network: string): Traces {
  const maps = ["masquerade4", "masquerade6"].map((map) =>
    node.sh(`nft list map inet cni-bridge ${map} 2>/dev/null || true`),
  );
  return {
    veths: node.json("ip -j link show type veth").length,
    leases: [...leasesOf(node, network).keys()],
    records: node
      .sh("find /run/cni-bridge -type f ! -name '.*' 2>/dev/null || true")
      .split("\n")
      .filter(Boolean),
    masqueraded: maps.join("").match(/ : goto /g)?.length ?? 0,
  };
}
