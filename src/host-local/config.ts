// The keys of host-local, as each verb needs them: ADD, CHECK and STATUS refuse what is wrong (code 7, each fault with
// its JSON path), DEL and GC take what is usable. Keys that the reference lacks are ones it ignores, so that a
// configuration stays valid for both; docs/host-local.md lists them all.

import { parseArgs } from "../cni/args.ts";
import { refuseProblems, warnUnknownKeys } from "../cni/findings.ts";
import { findKey } from "../cni/json.ts";
import type { Request } from "../cni/request.ts";
import type { Route } from "../cni/result.ts";
import { array, boolean, type Findings, type Infer, integer, object, string } from "../cni/shape.ts";
import { warn } from "../cni/warn.ts";
import { CniError, Code } from "../errors.ts";
import type { Host } from "../host.ts";
import { equalIp, formatIp, formatPrefix, type Ip, type Prefix, parseIp, parsePrefix } from "../net/ip.ts";
import { readSets, runtimeSets, singleRange, writtenSets } from "./configured-sets.ts";
import type { RangeSet } from "./ranges.ts";

/** Where the leases are and how to treat them: what every verb needs. */
interface StoreConfig {
  /** The network's directory. */
  readonly path: string;
  readonly lockTimeoutMs: number;
  /** How long a released address rests. */
  readonly cooldownMs: number;
  /** What the runtime calls the attachment, where addresses stick to names; undefined where they do not. */
  readonly stickyName: string | undefined;
}

export interface IpamConfig extends StoreConfig {
  readonly sets: readonly RangeSet[];
  /** Never given out. */
  readonly exclude: readonly Prefix[];
  /** Addresses the caller wants, no two equal. */
  readonly requested: readonly Ip[];
  readonly routes: Route[];
  readonly resolvConf: string | undefined;
  /** Whether STATUS fails when a set has no address left. */
  readonly statusFailsWhenFull: boolean;
}

/** The reference's too. */
export const defaultDataDir = "/var/lib/cni/networks";
const defaultLockTimeoutSeconds = 30;

const open = { open: true };

const route = object({
  dst: string,
  gw: string,
  mtu: integer,
  advmss: integer,
  priority: integer,
  table: integer,
  scope: integer,
});

const ipamKeys = object({
  type: string,
  subnet: string,
  rangeStart: string,
  rangeEnd: string,
  gateway: string,
  ranges: writtenSets,
  routes: array(route),
  dataDir: string,
  resolvConf: string,
  exclude: array(string),
  cooldown: integer,
  sticky: boolean,
  lockTimeout: integer,
  statusFailsWhenFull: boolean,
});

/** What is read of a network configuration. */
export const keys = object(
  {
    ipam: ipamKeys,
    runtimeConfig: object({ ipRanges: runtimeSets, ips: array(string) }, open),
    args: object({ cni: object({ ips: array(string) }, open) }, open),
    capabilities: object({ ipRanges: boolean }, open),
  },
  open,
);
type Written = NonNullable<Infer<typeof keys>>;

/** A directory's path without slashes at its end. */
export function withoutSlash(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === "/") end--;
  return path.slice(0, end);
}

/** Where the leases are by `ipam.dataDir`, above the directory of each network; the default for what is no path. */
export function dataDirOf(written: unknown): string {
  return typeof written === "string" && written !== "" ? withoutSlash(written) : defaultDataDir;
}

function storeConfig(request: Request, { ipam = {} }: Written, { problems }: Findings): StoreConfig {
  const readMs = (key: "cooldown" | "lockTimeout", otherwise: number) => {
    const seconds = ipam[key] ?? otherwise;
    if (seconds < 0) problems.push({ path: `ipam.${key}`, message: "must not be negative" });
    return Math.max(0, seconds) * 1000;
  };
  return {
    path: `${dataDirOf(ipam.dataDir)}/${request.name}`,
    cooldownMs: readMs("cooldown", 0),
    lockTimeoutMs: readMs("lockTimeout", defaultLockTimeoutSeconds),
    stickyName: ipam.sticky ? stickyName(request) : undefined,
  };
}

/** Runtimes that know a name send it as a pod's: containerd, CRI-O and podman do. */
function stickyName(request: Request): string | undefined {
  const args = parseArgs(request.args);
  const name = args.get("K8S_POD_NAME");
  return name ? `${args.get("K8S_POD_NAMESPACE") ?? ""}/${name}/${request.ifname}` : undefined;
}

/** What DEL and GC need. A key that is wrong counts as absent and is told on stderr: releasing must go on. */
export function readStoreConfig(host: Host, request: Request): StoreConfig {
  const findings: Findings = { problems: [], unknownKeys: [] };
  const written = keys(request.config, "", findings) ?? {};
  const config = storeConfig(request, written, findings);
  const needed = ["ipam", "ipam.datadir", "ipam.cooldown", "ipam.locktimeout", "ipam.sticky"];
  for (const { path, message } of findings.problems) {
    if (needed.includes(path.toLowerCase()))
      warn(host, `${request.verb} goes on without ${path}: ${message}`);
  }
  return config;
}

/**
 * What the configuration means, with all that is wrong noted. Undefined where a wrong type has left out what the rest
 * depends on; throws code 7 where there are no ranges to speak of.
 */
export function interpret(request: Request, findings: Findings): IpamConfig | undefined {
  if (findKey(request.config, "ipam") === undefined)
    throw new CniError(Code.invalidNetworkConfig, "IPAM config missing 'ipam' key");
  const written = keys(request.config, "", findings) ?? {};
  const { ipam = {}, runtimeConfig, capabilities } = written;
  const store = storeConfig(request, written, findings);
  // A wrong type leaves its element out, and the paths below count elements.
  if (findings.problems.length > 0) return undefined;
  const sets = [...(runtimeConfig?.ipRanges ?? []), ...singleRange(ipam), ...(ipam.ranges ?? [])];
  // The ranges of such a network come with each ADD.
  const mayHaveNone = request.verb === "STATUS" && capabilities?.ipRanges === true;
  if (sets.length === 0 && !mayHaveNone)
    throw new CniError(
      Code.invalidNetworkConfig,
      "no IP ranges specified: ipam has neither subnet nor ranges",
    );
  return {
    ...store,
    sets: readSets(sets, request.cniVersion, findings),
    exclude: readExclude(ipam.exclude ?? [], findings),
    requested: readRequested(request, written, findings),
    routes: (ipam.routes ?? []).map((each, index) => readRoute(each, `ipam.routes[${index}]`, findings)),
    resolvConf: ipam.resolvConf || undefined,
    statusFailsWhenFull: ipam.statusFailsWhenFull ?? false,
  };
}

/** Everything, or code 7 with all that is wrong. */
export function readIpamConfig(host: Host, request: Request): IpamConfig {
  const findings: Findings = { problems: [], unknownKeys: [] };
  const config = interpret(request, findings);
  refuseProblems(findings);
  if (request.verb === "ADD") warnUnknownKeys(host, findings);
  return config!;
}

function readExclude(texts: readonly string[], { problems }: Findings): Prefix[] {
  return texts.flatMap((text, index) => {
    const ip = parseIp(text);
    const prefix = ip === undefined ? parsePrefix(text) : { ip, length: ip.length * 8 };
    if (prefix !== undefined) return [prefix];
    problems.push({ path: `ipam.exclude[${index}]`, message: `neither an IP address nor a CIDR: ${text}` });
    return [];
  });
}

/**
 * The addresses asked for: of the first source that has any, as the conventions document demands of a plugin that
 * reads the same datum from several. The reference adds the sources up, and then fails for one that is left over.
 */
function readRequested({ args }: Request, written: Written, { problems }: Findings): Ip[] {
  const requested: Ip[] = [];
  const add = (text: string, path: string, prefix: string) => {
    const ip = parseIp(text) ?? parsePrefix(text)?.ip;
    if (ip === undefined) {
      const wrong =
        text === "" ? "cannot understand ip: IP <nil> not v4 nor v6" : `invalid IP address ${text}`;
      problems.push({ path, message: prefix + wrong });
    } else if (!requested.some((other) => equalIp(other, ip))) requested.push(ip);
  };
  const fromRuntime = written.runtimeConfig?.ips ?? [];
  const fromArgs = written.args?.cni?.ips ?? [];
  const fromEnvironment = parseArgs(args).get("IP") ?? "";
  if (fromRuntime.length > 0)
    for (const [i, text] of fromRuntime.entries()) add(text, `runtimeConfig.ips[${i}]`, "");
  else if (fromArgs.length > 0)
    for (const [i, text] of fromArgs.entries()) add(text, `args.cni.ips[${i}]`, "");
  else if (fromEnvironment !== "") {
    add(fromEnvironment, "CNI_ARGS", `ARGS: error parsing value of pair "IP=${fromEnvironment}": `);
  }
  return requested;
}

function readRoute({ dst = "", gw, ...rest }: Partial<Route>, path: string, { problems }: Findings): Route {
  const prefix = parsePrefix(dst);
  if (prefix === undefined) problems.push({ path: `${path}.dst`, message: `invalid CIDR address: ${dst}` });
  const gateway = gw ? parseIp(gw) : undefined;
  if (gw && gateway === undefined)
    problems.push({ path: `${path}.gw`, message: `invalid IP address: ${gw}` });
  return {
    dst: prefix ? formatPrefix(prefix) : dst,
    ...(gateway && { gw: formatIp(gateway) }),
    ...rest,
  };
}
