// The bridge plugin's configuration: one row per key, then what the keys mean together. Keys of `ipam` beside its type
// belong to the IPAM plugin and are not read here.

import { parseArgs } from "../cni/args.ts";
import { refuseProblems, warnUnknownKeys } from "../cni/findings.ts";
import type { Request } from "../cni/request.ts";
import type { Dns } from "../cni/result.ts";
import { array, boolean, type Findings, type Infer, integer, object, string } from "../cni/shape.ts";
import { requiresAddress } from "../cni/versions.ts";
import { warn } from "../cni/warn.ts";
import { CniError, Code } from "../errors.ts";
import type { Host } from "../host.ts";
import type { VlanRange } from "../kernel/vlan.ts";
import { formatMac, parseMac } from "../net/mac.ts";
import { readVlanTrunk } from "./vlan-trunk.ts";

const open = { open: true };

export const keys = object({
  bridge: string,
  isGateway: boolean,
  isDefaultGateway: boolean,
  forceAddress: boolean,
  ipMasq: boolean,
  ipMasqBackend: string,
  mtu: integer,
  hairpinMode: boolean,
  promiscMode: boolean,
  portIsolation: boolean,
  macspoofchk: boolean,
  enabledad: boolean,
  disableContainerInterface: boolean,
  vlan: integer,
  vlanTrunk: array(object({ minID: integer, maxID: integer, id: integer })),
  preserveDefaultVlan: boolean,
  ipam: object({ type: string }, open),
  dns: object({ nameservers: array(string), domain: string, search: array(string), options: array(string) }),
  args: object({ cni: object({ mac: string }, open) }, open),
  runtimeConfig: object({ mac: string }, open),
});

const ipMasqBackends = ["nftables", "iptables"] as const;
export type IpMasqBackend = (typeof ipMasqBackends)[number];

export interface Config {
  readonly bridge: string;
  readonly isGateway: boolean;
  readonly isDefaultGateway: boolean;
  readonly forceAddress: boolean;
  readonly ipMasq: boolean;
  readonly ipMasqBackend: IpMasqBackend;
  /** Undefined: the kernel's default. */
  readonly mtu: number | undefined;
  readonly hairpinMode: boolean;
  readonly promiscMode: boolean;
  readonly portIsolation: boolean;
  readonly macspoofchk: boolean;
  /** Duplicate address detection of the container's IPv6 addresses. */
  readonly enabledad: boolean;
  readonly disableContainerInterface: boolean;
  /** The access VLAN; 0: none. */
  readonly vlan: number;
  /** Tagged VLANs. */
  readonly vlanTrunk: readonly VlanRange[];
  /** A bridge that is made filters VLANs: also when `vlanTrunk` is given but empty. */
  readonly vlanFiltering: boolean;
  readonly preserveDefaultVlan: boolean;
  /** "" for a layer 2 network. */
  readonly ipamType: string;
  /** Undefined where none of its members is given: IPAM's counts. */
  readonly dns: Dns | undefined;
  /** The container's MAC, lower case with colons; undefined: any. */
  readonly mac: string | undefined;
}

/** Unset is "nftables": it needs no program. The reference prefers iptables, and cleans up after both, as we do. */
function readBackend(text: string | undefined, findings: Findings): IpMasqBackend {
  const backend = ipMasqBackends.find((each) => each === text);
  if (backend === undefined && text !== undefined) {
    const allowed = ipMasqBackends.map((each) => `"${each}"`).join(" or ");
    findings.problems.push({
      path: "ipMasqBackend",
      message: `must be ${allowed}, not ${JSON.stringify(text)}`,
    });
  }
  return backend ?? "nftables";
}

function readMac(
  { runtimeConfig, args }: NonNullable<Infer<typeof keys>>,
  cniArgs: string,
  findings: Findings,
): string | undefined {
  const sources = [
    ["runtimeConfig.mac", runtimeConfig?.mac],
    ["args.cni.mac", args?.cni?.mac],
    ["CNI_ARGS MAC", parseArgs(cniArgs).get("MAC")],
  ] as const;
  const [path, text] = sources.find(([, value]) => value !== undefined && value !== "") ?? [];
  if (path === undefined || text === undefined) return undefined;
  const mac = parseMac(text);
  if (mac === undefined) findings.problems.push({ path, message: `invalid MAC address ${text}` });
  else if (mac[0]! & 1) findings.problems.push({ path, message: `${text} is a multicast MAC address` });
  return mac === undefined ? undefined : formatMac(mac);
}

/** The rules that the kernel has for an interface's name (dev_valid_name in net/core/dev.c), and printable ASCII. */
function isLinkName(name: string): boolean {
  const allowed = [...name].every((char) => char > " " && char < "\x7f" && char !== "/" && char !== ":");
  return allowed && name.length >= 1 && name.length <= 15 && name !== "." && name !== "..";
}

/** The interface that holds the gateway address of an access VLAN. */
export function vlanGatewayName({ bridge, vlan }: Pick<Config, "bridge" | "vlan">): string {
  return `${bridge}.${vlan}`;
}

/** Rules between keys: what cannot be wanted together. */
function checkTogether(config: Config, findings: Findings): void {
  const problem = (path: string, message: string) => findings.problems.push({ path, message });
  if (!isLinkName(config.bridge)) {
    problem(
      "bridge",
      `"${config.bridge}" cannot be the name of a bridge (1 to 15 characters, no "/", ":" or space)`,
    );
  }
  if (config.vlan < 0 || config.vlan > 4094) {
    problem("vlan", `invalid VLAN ID ${config.vlan} (must be between 0 and 4094)`);
  } else if (config.vlan !== 0 && config.isGateway && !isLinkName(vlanGatewayName(config))) {
    problem("vlan", `"${vlanGatewayName(config)}", the gateway's interface, is longer than 15 characters`);
  }
  if (config.hairpinMode && config.promiscMode) {
    problem("promiscMode", "cannot set hairpin mode and promiscuous mode at the same time");
  }
  if (config.disableContainerInterface && config.ipamType !== "") {
    problem("disableContainerInterface", "cannot use IPAM when DisableContainerInterface flag is set");
  }
}

function interpret(request: Request, findings: Findings): Config {
  const read = keys(request.config, "", findings) ?? {};
  const config: Config = {
    bridge: read.bridge ?? "cni0",
    isGateway: (read.isGateway ?? false) || (read.isDefaultGateway ?? false),
    isDefaultGateway: read.isDefaultGateway ?? false,
    forceAddress: read.forceAddress ?? false,
    ipMasq: read.ipMasq ?? false,
    ipMasqBackend: readBackend(read.ipMasqBackend, findings),
    mtu: read.mtu !== undefined && read.mtu > 0 ? read.mtu : undefined,
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
    ipamType: read.ipam?.type ?? "",
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
