// The result of ADD as the program holds it, and reading one that another program wrote in the form of any version:
// `prevResult` of a configuration, or the answer of a delegate. Lenient where Go's readers are (keys in any case, null
// for nothing, "" for no gateway, unknown fields), strict in types and addresses. Writing one is format-result.ts.

import { CniError, Code } from "../errors.ts";
import { formatIp, formatPrefix, parseIp, parsePrefix } from "../net/ip.ts";
import { findKey, isObject } from "./json.ts";
import { array, type Findings, type Infer, integer, object, type Shape, string } from "./shape.ts";
import { isSupported, resultFamily } from "./versions.ts";

/** A network interface that belongs to the attachment; `sandbox` is CNI_NETNS verbatim, absent on the host side. */
export interface Interface {
  name: string;
  mac?: string;
  mtu?: number;
  sandbox?: string;
}

/** An address with its prefix length ("10.1.0.5/16"); `interface` is an index of `interfaces`. */
export interface IpConfig {
  interface?: number;
  address: string;
  gateway?: string;
}

export interface Route {
  dst: string;
  gw?: string;
  mtu?: number;
  advmss?: number;
  priority?: number;
  table?: number;
  scope?: number;
}

export interface Dns {
  nameservers?: string[];
  domain?: string;
  search?: string[];
  options?: string[];
}

export interface Result {
  interfaces: Interface[];
  ips: IpConfig[];
  routes: Route[];
  dns: Dns;
}

/**
 * The result in `value`, whose own cniVersion counts; without one it has the configuration's, `cniVersion`. Throws
 * code 6 with `what` and every fault with its JSON path.
 */
export function parseResult(value: unknown, cniVersion: string, what: string): Result {
  if (!isObject(value))
    throw new CniError(Code.decodingFailure, `cannot decode ${what}: it is not a JSON object`);
  const version = ownVersion(value, cniVersion);
  if (!isSupported(version)) {
    throw new CniError(
      Code.decodingFailure,
      `cannot decode ${what}: unsupported CNI result version "${version}"`,
    );
  }
  const findings: Findings = { problems: [], unknownKeys: [] };
  const result = resultFamily(version) === "ip4-ip6" ? readIp4Ip6(value, findings) : readIps(value, findings);
  const [first] = findings.problems;
  if (first !== undefined) {
    throw new CniError(
      Code.decodingFailure,
      `cannot decode ${what}: ${first.path} ${first.message}`,
      findings.problems.map(({ path, message }) => `${path}: ${message}`).join("\n"),
    );
  }
  return result;
}

/**
 * As `parseResult`, for prevResult: a runtime converts it to the configuration's version, so one of another family
 * (0.1–0.2, 0.3–0.4, 1.x) comes from a mistake and is refused with code 6, as the reference does.
 */
export function parsePrevResult(value: unknown, cniVersion: string): Result {
  const version = isObject(value) ? ownVersion(value, cniVersion) : cniVersion;
  if (isSupported(version) && resultFamily(version) !== resultFamily(cniVersion)) {
    throw new CniError(
      Code.decodingFailure,
      `cannot decode prevResult: it has version "${version}", the configuration "${cniVersion}"`,
    );
  }
  return parseResult(value, cniVersion, "prevResult");
}

function ownVersion(value: Readonly<Record<string, unknown>>, cniVersion: string): string {
  const own = findKey(value, "cniVersion");
  return typeof own === "string" && own !== "" ? own : cniVersion;
}

// The shapes are built on use: most calls never read a result.

function readIps(value: unknown, findings: Findings): Result {
  const read = object(
    {
      interfaces: array(entry("name", { name: string, mac: string, mtu: integer, sandbox: string })),
      ips: array(entry("address", { interface: index, address: prefix, gateway: ip })),
      routes: routes(),
      dns: dns(),
    },
    open,
  )(value, "", findings);
  return {
    interfaces: read?.interfaces ?? [],
    ips: read?.ips ?? [],
    routes: read?.routes ?? [],
    dns: read?.dns ?? {},
  };
}

function readIp4Ip6(value: unknown, findings: Findings): Result {
  const part = entry("ip", { ip: prefix, gateway: ip, routes: routes() });
  const read = object({ ip4: part, ip6: part, dns: dns() }, open)(value, "", findings);
  const parts = [read?.ip4, read?.ip6].filter((found) => found !== undefined);
  return {
    interfaces: [],
    ips: parts.map(({ ip: address, gateway }) => ({ address, ...(gateway && { gateway }) })),
    routes: parts.flatMap((found) => found.routes ?? []),
    dns: read?.dns ?? {},
  };
}

function routes() {
  return array(
    entry("dst", {
      dst: prefix,
      gw: ip,
      mtu: integer,
      advmss: integer,
      priority: integer,
      table: integer,
      scope: integer,
    }),
  );
}

function dns() {
  return object(
    { nameservers: array(string), domain: string, search: array(string), options: array(string) },
    open,
  );
}

const open = { open: true };

/** An object that is nothing without `key`. */
function entry<Keys extends Record<string, Shape<unknown>>, K extends keyof Keys & string>(
  key: K,
  keys: Keys,
) {
  const shape = object(keys, open);
  type Entry = Infer<typeof shape> & { readonly [P in K]: Infer<Keys[P]> };
  const complete: Shape<Entry> = (value, path, findings) => {
    const read = shape(value, path, findings);
    if (read === undefined) return undefined;
    if (read[key] !== undefined) return read as Entry;
    if (isObject(value) && findKey(value, key) === undefined) {
      findings.problems.push({ path: `${path}.${key}`, message: "is missing" });
    }
    return undefined;
  };
  return complete;
}

/** An address with a prefix length, in its usual spelling. */
const prefix: Shape<string> = (value, path, findings) => {
  const text = string(value, path, findings);
  if (text === undefined) return undefined;
  const parsed = parsePrefix(text);
  if (parsed !== undefined) return formatPrefix(parsed);
  findings.problems.push({
    path,
    message: `must be an address with a prefix length, not ${JSON.stringify(text)}`,
  });
  return undefined;
};

/** An address without one; "" is the same as none. */
const ip: Shape<string> = (value, path, findings) => {
  const text = string(value, path, findings);
  if (text === undefined || text === "") return undefined;
  const parsed = parseIp(text);
  if (parsed !== undefined) return formatIp(parsed);
  findings.problems.push({ path, message: `must be an IP address, not ${JSON.stringify(text)}` });
  return undefined;
};

/** An index of `interfaces`; −1, which plugins of 0.3.0's days wrote, means none. */
const index: Shape<number> = (value, path, findings) => {
  const read = integer(value, path, findings);
  return read !== undefined && read >= 0 ? read : undefined;
};
