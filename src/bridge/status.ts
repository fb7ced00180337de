// STATUS: whether an ADD could work now. Cheap and without side effects, as runtimes poll it.

import type { Outcome } from "../cni/outcome.ts";
import type { Request } from "../cni/request.ts";
import { CniError, Code, HostError, NetlinkError } from "../errors.ts";
import { AT_FDCWD, type Host } from "../host.ts";
import { findBridge } from "../kernel/bridge.ts";
import { canMasquerade } from "../kernel/masquerade.ts";
import { Session } from "../kernel/session.ts";
import { readConfig } from "./config.ts";
import { runIpam } from "./ipam.ts";

const O_RDONLY = 0;
const CAP_NET_ADMIN = 12n;

function unavailable(why: string): CniError {
  return new CniError(Code.pluginNotAvailable, `ADD cannot work: ${why}`);
}

/** The effective capabilities of the process (proc_pid_status(5)); undefined where /proc cannot be read. */
function effectiveCapabilities(host: Host): bigint | undefined {
  const fd = host.openat(AT_FDCWD, "/proc/self/status", O_RDONLY, 0);
  if (fd < 0) return undefined;
  const bytes = host.read(fd, 8192);
  host.close(fd);
  const line = typeof bytes === "number" ? null : /^CapEff:\s*([0-9a-f]+)$/m.exec(host.decode(bytes));
  return line === null ? undefined : BigInt(`0x${line[1]}`);
}

export function status(host: Host, request: Request): Outcome {
  const config = readConfig(host, request);
  const capabilities = effectiveCapabilities(host);
  if (capabilities !== undefined && ((capabilities >> CAP_NET_ADMIN) & 1n) === 0n) {
    throw unavailable("the plugin runs without CAP_NET_ADMIN");
  }
  const session = new Session(host, undefined);
  try {
    findBridge(session, config.bridge);
    if (config.ipMasq && !canMasquerade(session))
      throw unavailable("ipMasq is set and the kernel has no nf_tables");
  } catch (error) {
    if (error instanceof HostError || error instanceof NetlinkError) throw unavailable(error.message);
    if (error instanceof CniError && error.code !== Code.pluginNotAvailable) throw unavailable(error.message);
    throw error;
  }
  if (config.ipamType !== "") runIpam(host, request, config.ipamType, "STATUS");
  return {};
}
