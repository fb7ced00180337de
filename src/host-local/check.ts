// CHECK: the container still holds what ADD gave it. Reads only.

import { findKey } from "../cni/json.ts";
import type { Outcome } from "../cni/outcome.ts";
import type { Request } from "../cni/request.ts";
import { parsePrevResult } from "../cni/result.ts";
import { CniError, Code } from "../errors.ts";
import type { Host } from "../host.ts";
import { formatIp, parsePrefix } from "../net/ip.ts";
import { Books } from "./books.ts";
import { readIpamConfig } from "./config.ts";
import { describeHolder } from "./holder.ts";
import { findRange } from "./ranges.ts";
import { isTaken, withStore } from "./store.ts";

/** Throws code 102 unless the container has a lease, and one for each address of prevResult that is of our ranges. */
export function check(host: Host, request: Request): Outcome {
  const { path, lockTimeoutMs, sets } = readIpamConfig(host, request);
  const { containerId, ifname } = request;
  const expected = expectedNames(request).filter((name) => {
    const { ip } = parsePrefix(`${name}/0`)!;
    return sets.some((set) => findRange(set, ip) !== undefined);
  });
  const missing = `host-local: Failed to find address added by container ${containerId}`;
  const fault = withStore(host, path, { make: "nothing", lockTimeoutMs }, (store) => {
    const books = new Books(store, false);
    const held = books.find({ containerId, ifname }) ?? books.find({ containerId, ifname: "" });
    if (held === undefined) return missing;
    const lost = expected.find((name) => !held.leases.some((lease) => lease.name === name));
    if (lost === undefined) return "";
    return `${missing}: ${isTaken(store, lost) ? describeHolder(books, lost) : `${lost} is not held by anyone`}`;
  });
  if (fault !== "") throw new CniError(Code.checkFailed, fault ?? missing);
  return {};
}

/**
 * The addresses that prevResult gives this interface. Without one, as a runtime that lost its cache calls, the leases
 * alone are looked at, as by the reference.
 */
function expectedNames(request: Request): string[] {
  const prevResult = findKey(request.config, "prevResult");
  if (prevResult === undefined) return [];
  const { ips, interfaces } = parsePrevResult(prevResult, request.cniVersion);
  return ips
    .filter((ip) => {
      const of = ip.interface === undefined ? undefined : interfaces[ip.interface];
      return of === undefined || !of.sandbox || of.name === request.ifname;
    })
    .map(({ address }) => formatIp(parsePrefix(address)!.ip));
}
