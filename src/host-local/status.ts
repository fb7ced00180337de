// STATUS: whether an ADD could be served now. Makes and changes nothing.

import type { Outcome } from "../cni/outcome.ts";
import type { Request } from "../cni/request.ts";
import { describeErrno, EISDIR, EOPNOTSUPP } from "../errno.ts";
import { CniError, Code, HostError } from "../errors.ts";
import type { Host } from "../host.ts";
import { parseIp } from "../net/ip.ts";
import { O_TMPFILE, O_WRONLY } from "../open-flags.ts";
import { avoided, capacity, isAvoided } from "./allocate.ts";
import { type IpamConfig, readIpamConfig } from "./config.ts";
import { findRange, formatSet } from "./ranges.ts";
import { listLeases, type Store, withStore } from "./store.ts";

/** A node is polled for its status; it must not wait for long. */
const lockTimeoutMs = 1000;

/** Throws code 7 for a configuration no ADD would take, 50 when the store cannot be used. One that is absent is fine. */
export function status(host: Host, request: Request): Outcome {
  const config = readIpamConfig(host, request);
  try {
    withStore(host, config.path, { make: "nothing", lockTimeoutMs }, (store) => {
      checkWritable(store);
      if (config.statusFailsWhenFull) checkRoom(store, config);
    });
  } catch (error) {
    if (!(error instanceof HostError || error instanceof CniError)) throw error;
    throw new CniError(Code.pluginNotAvailable, `host-local cannot serve ADD: ${error.message}`);
  }
  return {};
}

/** A file without a name meets all that one with a name would (read-only, no space, quota) and leaves no trace. */
function checkWritable({ host, dir, path }: Store): void {
  const fd = host.openat(dir, ".", O_TMPFILE | O_WRONLY, 0o600);
  if (fd >= 0) host.close(fd);
  // Some file systems have no files without a name; they cannot be asked.
  else if (fd !== -EOPNOTSUPP && fd !== -EISDIR)
    throw new CniError(Code.pluginNotAvailable, `cannot write in ${path}: ${describeErrno(-fd)}`);
}

function checkRoom(store: Store, { sets, exclude }: IpamConfig): void {
  const avoid = avoided(sets, exclude);
  const taken = listLeases(store).flatMap((name) => parseIp(name) ?? []);
  for (const set of sets) {
    const held = taken.filter((ip) => findRange(set, ip) !== undefined && !isAvoided(avoid, ip)).length;
    const room = set.reduce((sum, range) => sum + capacity(range, avoid), 0n);
    if (BigInt(held) >= room)
      throw new CniError(Code.pluginNotAvailable, `${held} of ${room} addresses in use in ${formatSet(set)}`);
  }
}
