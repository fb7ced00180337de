// The networks that this node's configuration directory names, as far as their bridge and their ranges can be read.
// What is wrong with a file in detail is lint's to say; here it is only not passed over in silence.

import { type Config, interpret as interpretBridge } from "../bridge/config.ts";
import { findKey, isObject, parseJson } from "../cni/json.ts";
import type { Findings } from "../cni/shape.ts";
import type { Host } from "../host.ts";
import { type IpamConfig, interpret as interpretHostLocal } from "../host-local/config.ts";
import type { Given, Option } from "./command-line.ts";
import { pluginsOf, readText, requestOf } from "./config-file.ts";
import { listDirectory } from "./directory.ts";

const defaultConfDir = "/etc/cni/net.d";

export const confDirOption: Option = {
  name: "--conf-dir",
  value: "DIR",
  summary: `the configurations of this node, ${defaultConfDir} unless told`,
};

/** One plugin of one file, where it is a bridge or has host-local for its addresses. */
export interface Configured {
  readonly file: string;
  readonly network: string;
  /** Undefined where another plugin makes the links. */
  readonly bridge: Config | undefined;
  /** Undefined where another plugin gives the addresses. */
  readonly ipam: IpamConfig | undefined;
}

export interface Configuration {
  readonly directory: string;
  readonly networks: readonly Configured[];
  /** Why a file cannot be read, one sentence each. */
  readonly unreadable: readonly string[];
}

/** libcni's endings (conf.go). */
const endings = [".conf", ".conflist", ".json"];

function readFile(host: Host, file: string): Configured[] {
  const value = parseJson(readText(host, file), file);
  if (!isObject(value)) throw new Error(`${file} is not a JSON object`);
  return pluginsOf(value).flatMap((plugin) => {
    const ipam = findKey(plugin.config, "ipam");
    const usesHostLocal = isObject(ipam) && findKey(ipam, "type") === "host-local";
    if (plugin.type !== "bridge" && !usesHostLocal) return [];
    const request = requestOf(host, plugin, "STATUS", { containerId: "", ifname: "", netns: undefined });
    const findings: Findings = { problems: [], unknownKeys: [] };
    const bridge = plugin.type === "bridge" ? interpretBridge(request, findings) : undefined;
    const addresses = usesHostLocal ? interpretHostLocal(request, findings) : undefined;
    return [{ file, network: request.name, bridge, ipam: addresses }];
  });
}

/** Reads every file of the directory; one that is not there holds none. */
export function readConfiguration(host: Host, { options }: Given): Configuration {
  const directory = options.get("--conf-dir") ?? defaultConfDir;
  const networks: Configured[] = [];
  const unreadable: string[] = [];
  for (const name of listDirectory(host, directory)) {
    if (!endings.some((ending) => name.endsWith(ending))) continue;
    try {
      networks.push(...readFile(host, `${directory}/${name}`));
    } catch (error) {
      unreadable.push(error instanceof Error ? error.message : `${error}`);
    }
  }
  return { directory, networks, unreadable };
}
