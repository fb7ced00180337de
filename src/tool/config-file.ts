// Configuration files as a person names them: their text, and the configuration that a runtime would pass to each plugin.

import { findKey, isObject } from "../cni/json.ts";
import type { Request } from "../cni/request.ts";
import { isSupported, newestVersion, undeclaredVersion } from "../cni/versions.ts";
import { describeErrno } from "../errno.ts";
import { CniError, Code } from "../errors.ts";
import { AT_FDCWD, type Host } from "../host.ts";
import { O_RDONLY } from "../open-flags.ts";

const STDIN = 0;
const CHUNK = 65_536;

/** The text of a file, "-" being standard input. Throws code 5, naming it. */
export function readText(host: Host, path: string): string {
  const fail = (errno: number) =>
    new CniError(Code.ioFailure, `cannot read ${path}: ${describeErrno(-errno)}`);
  const fd = path === "-" ? STDIN : host.openat(AT_FDCWD, path, O_RDONLY, 0);
  if (fd < 0) throw fail(fd);
  try {
    let text = "";
    for (;;) {
      const chunk = host.read(fd, CHUNK);
      if (typeof chunk === "number") throw fail(chunk);
      if (chunk.length === 0) return text;
      text += host.decode(chunk);
    }
  } finally {
    if (fd !== STDIN) host.close(fd);
  }
}

/** The configuration of one plugin. */
export interface PluginConfig {
  /** Where it is: "" or `plugins[1]`. */
  readonly path: string;
  readonly type: string;
  /** With the list's name and version, as libcni passes it. */
  readonly config: Readonly<Record<string, unknown>>;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The plugins of a configuration or a list in their order; elements that are no objects are left out. */
export function pluginsOf(value: Readonly<Record<string, unknown>>): PluginConfig[] {
  const list = findKey(value, "plugins");
  if (!Array.isArray(list)) return [{ path: "", type: textOf(findKey(value, "type")), config: value }];
  const { name, cniVersion } = { name: findKey(value, "name"), cniVersion: findKey(value, "cniVersion") };
  return list.flatMap((element, index) => {
    if (!isObject(element)) return [];
    const config: Record<string, unknown> = {};
    for (const [key, each] of Object.entries(element))
      if (!["name", "cniversion"].includes(key.toLowerCase())) config[key] = each;
    if (name !== undefined) config.name = name;
    if (cniVersion !== undefined) config.cniVersion = cniVersion;
    return [{ path: `plugins[${index}]`, type: textOf(findKey(element, "type")), config }];
  });
}

/** The request that a runtime would make with a plugin's configuration; what is wrong with name and version aside. */
export function requestOf(
  host: Host,
  { config }: PluginConfig,
  verb: Request["verb"],
  attachment: Pick<Request, "containerId" | "ifname" | "netns">,
): Request {
  const version = textOf(findKey(config, "cniVersion")) || undeclaredVersion;
  return {
    ...attachment,
    verb,
    args: "",
    path: [],
    stdin: host.encode(JSON.stringify(config)),
    config,
    cniVersion: isSupported(version) ? version : newestVersion,
    name: textOf(findKey(config, "name")),
  };
}
