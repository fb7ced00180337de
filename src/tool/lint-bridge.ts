// What lint says of a configuration of the bridge plugin beyond what the plugin itself refuses: values that only an ADD
// would fail with, and keys that mean nothing without another.

import { type Config, interpret } from "../bridge/config.ts";
import { findKey, isObject } from "../cni/json.ts";
import type { Request } from "../cni/request.ts";
import type { Findings } from "../cni/shape.ts";
import { requiresAddress } from "../cni/versions.ts";
import type { Host } from "../host.ts";
import type { IpamConfig } from "../host-local/config.ts";
import { hostLocalTable } from "./host-local-keys.ts";
import { lintHostLocal } from "./lint-host-local.ts";
import { join, type Report } from "./lint-report.ts";

/** IPv4's least MTU (RFC 791), which is Linux's for a link; IPv6's (RFC 8200); the most a bridge may have. */
const LEAST_MTU = 68;
const LEAST_IPV6_MTU = 1280;
const MOST_MTU = 65_535;

/** Keys of `runtimeConfig` that are read, by the bridge and by host-local. */
const capabilities = ["mac", "hostInterfaceName"];
const hostLocalCapabilities = ["ips", "ipRanges"];

/** Reads one configuration of the bridge, at `at` in its file, and gives what host-local would have of it. */
export function lintBridge(host: Host, request: Request, at: string, report: Report): IpamConfig | undefined {
  const findings: Findings = { problems: [], unknownKeys: [] };
  const config = interpret(request, findings);
  report.problems(findings, at);
  const own = ["type", "name", "cniversion", "capabilities", "prevresult", "$schema"];
  const unknownKeys = findings.unknownKeys.filter(
    ({ path }) => !own.includes(path.toLowerCase()) && !path.startsWith("cni.dev/"),
  );
  report.unknownKeys({ problems: [], unknownKeys }, at, [
    { keys: Object.keys(hostLocalTable), where: "into ipam" },
    { keys: ["disableCheck", "disableGC", "plugins"], where: "into a list (.conflist)" },
  ]);
  const isHostLocal = config.ipamType === "host-local";
  const ipam = isHostLocal ? lintHostLocal(host, request, at, report) : undefined;
  const has = (key: string) => findKey(request.config, key) !== undefined;
  lintTogether(config, ipam, has, (key, message) => report.key("warning", join(at, key), message));
  lintMtu(config, ipam, at, report);
  lintCapabilities(request, isHostLocal, config.ipamType, at, report);
  if (config.ipamType.includes("/"))
    report.value("error", join(at, "ipam.type"), "the name of a plugin has no slash");
  if (config.ipamType === "" && requiresAddress(request.cniVersion))
    report.value(
      "error",
      at,
      `a result of version ${request.cniVersion} must hold an address: add ipam, or use cniVersion 0.3.0 or later`,
    );
  return ipam;
}

type Warn = (key: string, message: string) => void;

function lintTogether(
  config: Config,
  ipam: IpamConfig | undefined,
  has: (key: string) => boolean,
  warn: Warn,
): void {
  const needs = (key: string, isMet: boolean, what: string) => {
    if (has(key) && !isMet) warn(key, `has no effect without ${what}`);
  };
  const hasIpam = config.ipamType !== "";
  if (config.isDefaultGateway) needs("isDefaultGateway", hasIpam, "ipam: nothing says which address");
  else if (config.isGateway) needs("isGateway", hasIpam, "ipam: nothing says which address");
  if (config.forceAddress) needs("forceAddress", config.isGateway, "isGateway");
  if (config.ipMasq) needs("ipMasq", hasIpam, "ipam: there is no address to masquerade");
  for (const key of ["ipMasqBackend", "ipMasqFamilies", "ipMasqRandomFully", "masqExclude"])
    needs(key, config.ipMasq, "ipMasq");
  if (config.ipMasq && config.ipMasqFamilies.length === 0)
    warn("ipMasqFamilies", "is empty: ipMasq masquerades nothing");
  if (config.uplinkForce) needs("uplinkForce", config.uplink !== undefined, "uplink");
  if (config.preserveDefaultVlan) needs("preserveDefaultVlan", config.vlanFiltering, "vlan or vlanTrunk");
  if (has("hostInterfacePrefix") && has("hostInterfaceName"))
    warn("hostInterfacePrefix", "has no effect beside hostInterfaceName");
  if (has("hostInterfaceName"))
    warn(
      "hostInterfaceName",
      "only one container of this node can have it; hostInterfacePrefix fits any number",
    );
  const hasIpv6 = ipam === undefined || ipam.sets.some(([first]) => first?.start.length === 16);
  if (config.enabledad) needs("enabledad", hasIpam && hasIpv6, "an IPv6 range");
}

function lintMtu({ mtu }: Config, ipam: IpamConfig | undefined, at: string, report: Report): void {
  if (typeof mtu !== "number") return;
  const path = join(at, "mtu");
  const hasIpv6 = ipam?.sets.some(([first]) => first?.start.length === 16) ?? false;
  if (mtu < LEAST_MTU) report.value("error", path, `the kernel refuses an MTU below ${LEAST_MTU}`);
  else if (mtu > MOST_MTU) report.value("error", path, `the kernel refuses an MTU above ${MOST_MTU}`);
  else if (mtu < LEAST_IPV6_MTU && hasIpv6)
    report.value(
      "error",
      path,
      `IPv6 needs an MTU of ${LEAST_IPV6_MTU}: the kernel refuses its addresses below`,
    );
}

function lintCapabilities(
  { config }: Request,
  isHostLocal: boolean,
  ipamType: string,
  at: string,
  report: Report,
): void {
  const listed = findKey(config, "capabilities");
  const names = isObject(listed) ? Object.entries(listed).filter(([, value]) => value === true) : [];
  const known = isHostLocal || ipamType !== "" ? [...capabilities, ...hostLocalCapabilities] : capabilities;
  for (const [name] of names)
    if (!known.includes(name) && (isHostLocal || ipamType === ""))
      report.key("warning", join(at, `capabilities.${name}`), `nothing here reads runtimeConfig.${name}`);
  const runtimeConfig = findKey(config, "runtimeConfig");
  if (!isObject(runtimeConfig)) return;
  for (const key of Object.keys(runtimeConfig)) {
    const isListed = names.some(([name]) => name.toLowerCase() === key.toLowerCase());
    report.key(
      "warning",
      join(at, `runtimeConfig.${key}`),
      isListed
        ? "is the runtime's to fill in: what stands here is replaced"
        : `is the runtime's to fill in, which it does if "capabilities" has "${key}": true`,
    );
  }
}
