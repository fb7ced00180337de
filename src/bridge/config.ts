// The bridge plugin's configuration: one row per key, then what the keys mean together. The keys of `ipam` belong to
// the IPAM plugin: read here are its type, and what the record keeps of host-local.

import { parseArgs } from "../cni/args.ts";
import { refuseProblems, warnUnknownKeys } from "../cni/findings.ts";
import type { Request } from "../cni/request.ts";
import type { Dns } from "../cni/result.ts";
import {
  array,
  boolean,
  type Findings,
  type Infer,
  integer,
  integerOr,
  json,
  object,
  string,
} from "../cni/shape.ts";
import { requiresAddress } from "../cni/versions.ts";
import { warn } from "../cni/warn.ts";
import { CniError, Code } from "../errors.ts";
import type { Host } from "../host.ts";
import { dataDirOf } from "../host-local/config.ts";
import type { VlanRange } from "../kernel/vlan.ts";
import { formatMac, parseMac } from "../net/mac.ts";
import { vethPrefix } from "../net/names.ts";
import { checkTogether } from "./config-rules.ts";
import { type MasqueradeConfig, readMasquerade } from "./masquerade-config.ts";
import { readVlanTrunk } from "./vlan-trunk.ts";

const open = { open: true };

export const keys = object({
  bridge: string,
  isGateway: boolean,
  isDefaultGateway: boolean,
  forceAddress: boolean,
  ipMasq: boolean,
  ipMasqBackend: string,
  ipMasqFamilies: array(string),
  ipMasqRandomFully: boolean,
  masqExclude: array(string),
  mtu: integerOr("auto"),
  hairpinMode: boolean,
  promiscMode: boolean,
  portIsolation: boolean,
  macspoofchk: boolean,
  enabledad: boolean,
  disableContainerInterface: boolean,
  vlan: integer,
  vlanTrunk: array(object({ minID: integer, maxID: integer, id: integer })),
  preserveDefaultVlan: boolean,
  groupFwdMask: integer,
  hostInterfaceName: string,
  hostInterfacePrefix: string,
  uplink: string,
  uplinkForce: boolean,
  pruneBridge: boolean,
  logFile: string,
  ipam: object({ type: string, dataDir: json }, open),
  dns: object({ nameservers: array(string), domain: string, search: array(string), options: array(string) }),
  args: object({ cni: object({ mac: string, hostInterfaceName: string }, open) }, open),
  runtimeConfig: object({ mac: string, hostInterfaceName: string }, open),
});
export type Keys = NonNullable<Infer<typeof keys>>;

/** What decides how the bridge and a port of it are, beside names and MACs. */
export interface HostConfig {
  readonly hairpinMode: boolean;
  readonly promiscMode: boolean;
  readonly portIsolation: boolean;
  /** The access VLAN; 0: none. */
  readonly vlan: number;
  /** Tagged VLANs. */
  readonly vlanTrunk: readonly VlanRange[];
  /** A bridge that is made filters VLANs: also when `vlanTrunk` is given but empty. */
  readonly vlanFiltering: boolean;
  readonly preserveDefaultVlan: boolean;
  /** Link-local groups that the bridge forwards; undefined: what it does already. */
  readonly groupFwdMask?: number | undefined;
  /** An interface of the host that becomes a port of the bridge. */
  readonly uplink?: string | undefined;
  /** Also where it carries the default route. */
  readonly uplinkForce: boolean;
}

export interface Config extends MasqueradeConfig, HostConfig {
  readonly bridge: string;
  readonly isGateway: boolean;
  readonly isDefaultGateway: boolean;
  readonly forceAddress: boolean;
  /** "auto": that of the host's default route. Undefined: the kernel's default. */
  readonly mtu: number | "auto" | undefined;
  readonly macspoofchk: boolean;
  /** Duplicate address detection of the container's IPv6 addresses. */
  readonly enabledad: boolean;
  readonly disableContainerInterface: boolean;
  /** The host's end; undefined: the prefix and derived characters. */
  readonly hostInterfaceName: string | undefined;
  readonly hostInterfacePrefix: string;
  /** A bridge without ports is deleted. */
  readonly pruneBridge: boolean;
  /** "" for a layer 2 network. */
  readonly ipamType: string;
  /** Where host-local has its leases, above the network's directory; undefined where another gives the addresses. */
  readonly dataDir: string | undefined;
  /** Undefined where none of its members is given: IPAM's counts. */
  readonly dns: Dns | undefined;
  /** The container's MAC, lower case with colons; undefined: any. */
  readonly mac: string | undefined;
}

function readMac({ runtimeConfig, args }: Keys, cniArgs: string, findings: Findings): string | undefined {
  const sources = [
    ["runtimeConfig.mac", runtimeConfig?.mac],
    ["args.cni.mac", args?.cni?.mac],
    ["CNI_ARGS MAC", parseArgs(cniArgs).get("MAC")],
  ] as const;
  const source = sources.find((each) => each[1] !== undefined && each[1] !== "");
  if (source === undefined) return undefined;
  const [path, text = ""] = source;
  const mac = parseMac(text);
  if (mac === undefined) findings.problems.push({ path, message: `invalid MAC address ${text}` });
  else if (mac[0]! & 1) findings.problems.push({ path, message: `${text} is a multicast MAC address` });
  return mac === undefined ? undefined : formatMac(mac);
}

/** The host end's name for this container alone, in the order of the MAC's sources, or for all of the network. */
function readHostInterfaceName({ runtimeConfig, args, hostInterfaceName }: Keys): string | undefined {
  const names = [runtimeConfig?.hostInterfaceName, args?.cni?.hostInterfaceName, hostInterfaceName];
  return names.find((name) => name !== undefined && name !== "");
}

/** What the configuration means, with all that is wrong noted. */
export function interpret(request: Request, findings: Findings): Config {
  const read = keys(request.config, "", findings) ?? {};
  const config: Config = {
    bridge: read.bridge ?? "cni0",
    isGateway: (read.isGateway ?? false) || (read.isDefaultGateway ?? false),
    isDefaultGateway: read.isDefaultGateway ?? false,
    forceAddress: read.forceAddress ?? false,
    ...readMasquerade(read, findings),
    mtu: read.mtu === "auto" || (read.mtu ?? 0) > 0 ? read.mtu : undefined,
    hairpinMode: read.hairpinMode ?? false,
    promiscMode: read.promiscMode ?? false,
    portIsolation: read.portIsolation ?? false,
    macspoofchk: read.macspoofchk ?? false,
    enabledad: read.enabledad ?? false,
    disableContainerInterface: read.disableContainerInterface ?? false,
    vlan: read.vlan ?? 0,
    vlanTrunk: readVlanTrunk(read.vlanTrunk ?? [], findings),
    vlanFiltering: (read.vlan ?? 0) !== 0 || read.vlanTrunk !== undefined,
    preserveDefaultVlan: read.preserveDefaultVlan ?? false,
    groupFwdMask: read.groupFwdMask,
    hostInterfaceName: readHostInterfaceName(read),
    hostInterfacePrefix: read.hostInterfacePrefix ?? vethPrefix,
    uplink: read.uplink === "" ? undefined : read.uplink,
    uplinkForce: read.uplinkForce ?? false,
    pruneBridge: read.pruneBridge ?? false,
    ipamType: read.ipam?.type ?? "",
    dataDir: read.ipam?.type === "host-local" ? dataDirOf(read.ipam.dataDir) : undefined,
    dns: read.dns === undefined || Object.keys(read.dns).length === 0 ? undefined : (read.dns as Dns),
    mac: readMac(read, request.args, findings),
  };
  checkTogether(config, findings);
  return config;
}

/** The configuration; throws code 7 with every problem. */
export function readConfig(host: Host, request: Request): Config {
  const findings: Findings = { problems: [], unknownKeys: [] };
  const config = interpret(request, findings);
  refuseProblems(findings);
  if (config.ipamType === "" && requiresAddress(request.cniVersion)) {
    const text = "cannot convert: no valid IP addresses";
    const details = `A result of version ${request.cniVersion} must hold an address; a network without ipam needs 0.3.0 or later.`;
    throw new CniError(Code.invalidNetworkConfig, text, details);
  }
  warnUnknownKeys(host, findings);
  return config;
}

/** As much of the configuration as can be read, for DEL, which must not fail on what it does not need. */
export function readConfigLeniently(host: Host, request: Request): Config {
  const findings: Findings = { problems: [], unknownKeys: [] };
  const config = interpret(request, findings);
  for (const { path, message } of findings.problems) warn(host, `ignored: ${path}: ${message}`);
  return config;
}
