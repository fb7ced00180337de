// One call of a plugin, checked: who (container, interface, namespace), what (verb), with which configuration. The
// order in which faults are told is the Go plugin skeleton's: environment, standard input, JSON and name, version,
// verb (main.ts runs the first two). Plugins read their own keys from `config`.

import { CniError, Code } from "../errors.ts";
import type { Host } from "../host.ts";
import { type Environment, isIdentifier } from "./environment.ts";
import { findKey } from "./json.ts";
import type { NetworkConfig } from "./network-config.ts";
import { checkVersion, isSupported, undeclaredVersion } from "./versions.ts";

/** CNI_COMMAND. VERSION is answered by main.ts and never becomes a request. */
export type Verb = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS";
const verbs: readonly string[] = ["ADD", "DEL", "CHECK", "GC", "STATUS"] satisfies Verb[];

export interface Request {
  readonly verb: Verb;
  /** "" where the verb has none, as `ifname`. */
  readonly containerId: string;
  readonly ifname: string;
  /** CNI_NETNS verbatim; undefined when unset or empty. */
  readonly netns: string | undefined;
  /** CNI_ARGS verbatim. */
  readonly args: string;
  /** CNI_PATH split, empty parts dropped. */
  readonly path: readonly string[];
  /** The very bytes of standard input, for a delegate. */
  readonly stdin: Uint8Array;
  /** What they decode to. */
  readonly config: Readonly<Record<string, unknown>>;
  /** One of `supportedVersions`; "0.1.0" where the configuration has none. */
  readonly cniVersion: string;
  /** The network's name, fit to be a file name. */
  readonly name: string;
  /** Tells the log that a part of the verb begins; absent where nobody logs. */
  readonly enter?: (phase: string) => void;
}

/** Checks name (7), version (1) and verb (4), a wrong type of the first two being code 6. */
export function checkRequest(host: Host, environment: Environment, { stdin, json }: NetworkConfig): Request {
  const name = readText(json, "name");
  if (name === "") throw new CniError(Code.invalidNetworkConfig, "missing network name");
  if (!isIdentifier(host.encode(name))) {
    throw new CniError(Code.invalidNetworkConfig, "invalid characters found in network name", name);
  }
  const cniVersion = readText(json, "cniVersion") || undeclaredVersion;
  checkVersion(environment.command, cniVersion);
  return {
    verb: checkVerb(environment.command),
    containerId: environment.containerId,
    ifname: environment.ifname,
    netns: environment.netns === "" ? undefined : environment.netns,
    args: environment.args,
    path: environment.path,
    stdin,
    config: json,
    cniVersion,
    name,
  };
}

/** The configuration's version if it is one we speak; what an error carries must not depend on the rest of it. */
export function declaredVersion({ json }: NetworkConfig): string | undefined {
  const cniVersion = findKey(json, "cniVersion") ?? "";
  if (typeof cniVersion !== "string") return undefined;
  return isSupported(cniVersion || undeclaredVersion) ? cniVersion || undeclaredVersion : undefined;
}

function readText(json: Readonly<Record<string, unknown>>, key: string): string {
  const value = findKey(json, key) ?? "";
  if (typeof value === "string") return value;
  throw new CniError(
    Code.decodingFailure,
    `cannot decode the network configuration: ${key} must be a string`,
  );
}

function checkVerb(command: string): Verb {
  if (verbs.includes(command)) return command as Verb;
  throw new CniError(
    Code.invalidEnvironment,
    `unknown CNI_COMMAND: ${command}`,
    `known are ${verbs.join(", ")} and VERSION`,
  );
}
