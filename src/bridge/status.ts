// STATUS: whether an ADD could work now. Cheap and without side effects, as runtimes poll it.

import type { Outcome } from "../cni/outcome.ts";
import type { Request } from "../cni/request.ts";
import { CniError, Code, HostError, NetlinkError } from "../errors.ts";
import { AT_FDCWD, type Host } from "../host.ts";
import { findBridge } from "../kernel/bridge.ts";
import { Iptables } from "../kernel/iptables.ts";
import { canMasquerade } from "../kernel/masquerade.ts";
import { Session } from "../kernel/session.ts";
import { O_RDONLY } from "../open-flags.ts";
import { readConfig } from "./config.ts";
import { runIpam } from "./ipam.ts";

const CAP_NET_ADMIN = 12n;
const CAP_EFF = "CapEff:";

function unavailable(why: string): CniError {
  return new CniError(Code.pluginNotAvailable, `ADD cannot work: ${why}`);
}

/** The effective capabilities of the process (proc_pid_status(5)); undefined where /proc cannot be read. */
function effectiveCapabilities(host: Host): bigint | undefined {
  const fd = host.openat(AT_FDCWD, "/proc/self/status", O_RDONLY, 0);
  if (fd < 0) return undefined;
  const bytes = host.read(fd, 8192);
  host.close(fd);
  const text = typeof bytes === "number" ? "" : host.decode(bytes);
  const line = text.split("\n").find((each) => each.startsWith(CAP_EFF));
  return line === undefined ? undefined : BigInt(`0x${line.slice(CAP_EFF.length).trim()}`);
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
    if (config.uplink !== undefined && session.findLink("host", config.uplink) === undefined)
      throw unavailable(`there is no interface ${config.uplink}, which is the uplink`);
    const usesIptables = config.ipMasq && config.ipMasqBackend === "iptables";
    if (usesIptables && Iptables.find(host, "iptables") === undefined)
      throw unavailable('ipMasqBackend is "iptables" and there is no iptables in PATH');
    const key = config.ipMasq && !usesIptables ? "ipMasq" : config.macspoofchk ? "macspoofchk" : undefined;
    if (key !== undefined && !canMasquerade(session))
      throw unavailable(`${key} is set and the kernel has no nf_tables`);
  } catch (error) {
    if (error instanceof HostError || error instanceof NetlinkError) throw unavailable(error.message);
    if (error instanceof CniError && error.code !== Code.pluginNotAvailable) throw unavailable(error.message);
    throw error;
  }
  if (config.ipamType !== "") runIpam(host, request, config.ipamType, "STATUS");
  return {};
}
