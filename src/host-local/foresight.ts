// What an ADD would be given now, without taking it: for people who ask. Reads the store under its lock, makes and
// changes nothing. Leases of the dead count as taken here, which ADD reclaims when nothing else is free.

import type { Request } from "../cni/request.ts";
import type { Result } from "../cni/result.ts";
import { CniError, Code } from "../errors.ts";
import type { Host } from "../host.ts";
import { formatIp } from "../net/ip.ts";
import { avoided, order } from "./allocate.ts";
import { Books } from "./books.ts";
import { Chooser } from "./choose.ts";
import { type IpamConfig, readIpamConfig } from "./config.ts";
import { formatOwner } from "./lease.ts";
import { findRange, formatSet, type Range } from "./ranges.ts";
import { formerlyOf } from "./released.ts";
import { withStore } from "./store.ts";

/** Somebody waits in front of a terminal. */
const lockTimeoutMs = 1000;

type Foreseen = readonly ({ readonly range: Range; readonly name: string } | undefined)[];

/** From a network that never gave out an address. */
function first({ sets, exclude, requested }: IpamConfig): Foreseen {
  const avoid = avoided(sets, exclude);
  return sets.map((set) => {
    const wanted = requested.find((ip) => findRange(set, ip) !== undefined);
    if (wanted !== undefined) return { range: findRange(set, wanted)!, name: formatIp(wanted) };
    const [next] = order(set, undefined, avoid);
    return next && { range: next.range, name: formatIp(next.first) };
  });
}

/** The addresses, gateways and routes. Throws code 7 for a configuration no ADD would take, 101 where nothing is free. */
export function foresee(host: Host, request: Request): Pick<Result, "ips" | "routes"> {
  const config = readIpamConfig(host, request);
  const owner = { containerId: request.containerId, ifname: request.ifname };
  const { path, stickyName } = config;
  const foreseen =
    withStore(host, path, { make: "nothing", lockTimeoutMs }, (store): Foreseen => {
      const names = [...(stickyName === undefined ? [] : [stickyName]), formatOwner(owner)];
      const preferred = names.flatMap((name) => formerlyOf(store, name));
      return new Chooser(new Books(store, false), config, {}, owner).foresee(preferred);
    }) ?? first(config);
  const ips = foreseen.map((choice, number) => {
    if (choice !== undefined)
      return {
        address: `${choice.name}/${choice.range.subnet.length}`,
        gateway: formatIp(choice.range.gateway),
      };
    const set = formatSet(config.sets[number]!);
    throw new CniError(
      Code.allocationFailed,
      `no address of ${set} is free, unless ADD finds that the holder of one is dead`,
    );
  });
  return { ips, routes: config.routes };
}
