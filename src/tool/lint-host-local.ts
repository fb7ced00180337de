// What lint says of an ipam section of host-local beyond what the plugin itself refuses: values that only an ADD would
// fail with, and those that mean nothing.

import { findKey } from "../cni/json.ts";
import type { Request } from "../cni/request.ts";
import type { Findings } from "../cni/shape.ts";
import { CniError } from "../errors.ts";
import { AT_FDCWD, type Host } from "../host.ts";
import { avoided, capacity, isAvoided } from "../host-local/allocate.ts";
import { type IpamConfig, interpret } from "../host-local/config.ts";
import { findRange, formatSet } from "../host-local/ranges.ts";
import { contains, formatIp, formatPrefix, parseIp, parsePrefix } from "../net/ip.ts";
import { join, type Report } from "./lint-report.ts";

/** What was read, for the rules that need it; undefined where nothing could be. */
export function lintHostLocal(
  host: Host,
  request: Request,
  at: string,
  report: Report,
): IpamConfig | undefined {
  const findings: Findings = { problems: [], unknownKeys: [] };
  let config: IpamConfig | undefined;
  try {
    config = interpret(request, findings);
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    report.value("error", join(at, "ipam"), error.message);
  }
  report.problems(findings, at);
  report.unknownKeys(
    {
      ...findings,
      unknownKeys: findings.unknownKeys.filter(({ path }) => path.toLowerCase().startsWith("ipam.")),
    },
    at,
    [],
  );
  if (config === undefined || findings.problems.length > 0) return undefined;
  lintRoom(config, at, report);
  lintRoutes(config, request, at, report);
  lintFiles(host, config, request, at, report);
  return config;
}

function lintRoom({ sets, exclude, requested }: IpamConfig, at: string, report: Report): void {
  const avoid = avoided(sets, exclude);
  for (const set of sets) {
    const room = set.reduce((sum, range) => sum + capacity(range, avoid), 0n);
    if (room === 0n)
      report.value(
        "error",
        join(at, "ipam"),
        `no address can be given out of ${formatSet(set)}: exclude and gateways take all`,
      );
  }
  for (const ip of requested) {
    const why = !sets.some((set) => findRange(set, ip))
      ? "lies in no range"
      : isAvoided(avoid, ip)
        ? "is a gateway's or excluded"
        : undefined;
    if (why !== undefined) report.value("error", at, `the requested address ${formatIp(ip)} ${why}`);
  }
}

function lintRoutes({ sets, routes }: IpamConfig, { config }: Request, at: string, report: Report): void {
  const subnets = sets.flat().map(({ subnet }) => subnet);
  const seen = new Map<string, number>();
  for (const [index, route] of routes.entries()) {
    const path = join(at, `ipam.routes[${index}]`);
    const { dst, gw } = route;
    const same = JSON.stringify([dst, route.table, route.priority]);
    const first = seen.get(same);
    if (first === undefined) seen.set(same, index);
    else
      report.value(
        "warning",
        `${path}.dst`,
        `the same destination as routes[${first}]: of routes that differ in the gateway alone the kernel uses one`,
      );
    const prefix = parsePrefix(dst);
    const hop = gw === undefined ? undefined : parseIp(gw);
    if (prefix === undefined || hop === undefined) continue;
    if (hop.length !== prefix.ip.length)
      report.value("error", `${path}.gw`, `${gw} is of another family than ${dst}`);
    else if (subnets.length > 0 && !subnets.some((subnet) => contains(subnet, hop)))
      report.value(
        "error",
        `${path}.gw`,
        `${gw} lies in none of the subnets (${subnets.map(formatPrefix).join(", ")}): the kernel refuses the route (ENETUNREACH)`,
      );
  }
  if (subnets.length === 0 && findKey(config, "ipam") !== undefined)
    report.value("note", join(at, "ipam"), "the ranges come from the runtime (capabilities.ipRanges)");
}

function lintFiles(
  host: Host,
  { resolvConf }: IpamConfig,
  { config }: Request,
  at: string,
  report: Report,
): void {
  if (resolvConf !== undefined && typeof host.fstatat(AT_FDCWD, resolvConf, 0) === "number")
    report.value(
      "warning",
      join(at, "ipam.resolvConf"),
      `there is no ${resolvConf} on this machine: ADD would fail`,
    );
  const ipam = findKey(config, "ipam");
  const dataDir =
    typeof ipam === "object" && ipam !== null ? findKey(ipam as Record<string, unknown>, "dataDir") : "";
  if (typeof dataDir === "string" && dataDir !== "" && !dataDir.startsWith("/"))
    report.value(
      "warning",
      join(at, "ipam.dataDir"),
      `${dataDir} is relative: the leases are wherever the runtime happens to run`,
    );
}
