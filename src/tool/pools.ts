// How full the pools of configured networks are: one for each range set, of which a container gets one address each.

import { avoided, capacity, isAvoided } from "../host-local/allocate.ts";
import { findRange, formatSet } from "../host-local/ranges.ts";
import { parseIp } from "../net/ip.ts";
import type { Configuration } from "./configured.ts";
import type { Inventory } from "./inventory.ts";

interface Pool {
  readonly network: string;
  /** Its number in the configuration. */
  readonly set: number;
  /** `10.22.0.2-10.22.0.254`. */
  readonly text: string;
  readonly used: bigint;
  readonly size: bigint;
}

/** Each pool once, though several files may name the same network. */
export function poolsOf({ stores }: Inventory, { networks }: Configuration): Pool[] {
  const seen = new Set<string>();
  return networks.flatMap(({ network, ipam }) => {
    if (ipam === undefined || seen.has(ipam.path)) return [];
    seen.add(ipam.path);
    const store = stores.find(({ path }) => path === ipam.path);
    const leases = store?.holders.flatMap((holder) => holder.leases.map(({ name }) => name)) ?? [];
    const taken = [...leases, ...(store?.remains ?? [])].flatMap((name) => parseIp(name) ?? []);
    const avoid = avoided(ipam.sets, ipam.exclude);
    return ipam.sets.map((set, number) => ({
      network,
      set: number,
      text: formatSet(set),
      used: BigInt(taken.filter((ip) => findRange(set, ip) !== undefined && !isAvoided(avoid, ip)).length),
      size: set.reduce((sum, range) => sum + capacity(range, avoid), 0n),
    }));
  });
}
