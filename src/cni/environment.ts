// What the caller passes in environment variables (SPEC.md §Parameters): which verb needs which, and what they may
// hold. Set but empty is the same as unset, because libcni always exports all six. CNI_NETNS is only looked at for
// presence; opening it is the bridge's job.

import { CniError, Code } from "../errors.ts";
import type { Host } from "../host.ts";

/** The variables as they came; "" for one that is unset. `command` may be any text yet. */
export interface Environment {
  readonly command: string;
  readonly containerId: string;
  readonly ifname: string;
  readonly netns: string;
  readonly args: string;
  readonly path: readonly string[];
}

const attachment = ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"];
/**
 * CNI_PATH is required by the specification for GC alone. ADD, DEL, CHECK and STATUS need it only when a delegate
 * must be found, and src/cni/delegate.ts says so then.
 */
const required = new Map([
  ["ADD", attachment],
  ["CHECK", attachment],
  ["DEL", ["CNI_CONTAINERID", "CNI_IFNAME"]],
  ["GC", ["CNI_PATH"]],
]);

/** By byte: 2 for what may begin an identifier, 1 for what may follow. */
const identifierBytes = Uint8Array.from({ length: 256 }, (_, code) => {
  if (code > 127) return 0;
  const char = String.fromCharCode(code);
  if ("_.-".includes(char)) return 1;
  return (char >= "0" && char <= "9") || (char.toLowerCase() >= "a" && char.toLowerCase() <= "z") ? 2 : 0;
});

/** Whether the bytes of a text are `[A-Za-z0-9][A-Za-z0-9_.-]*`, as a container ID and a network name must be. */
export function isIdentifier(bytes: Uint8Array): boolean {
  // Of bytes, since to look at one of them costs a tenth of what a character does.
  const { length } = bytes;
  for (let at = 0; at < length; at++) if (identifierBytes[bytes[at]!] === 0) return false;
  return identifierBytes[bytes[0]!] === 2;
}

/** Reads and checks the variables of one call; code 4 with the name of every variable that is missing or malformed. */
export function readEnvironment(host: Host): Environment {
  const get = (name: string) => host.getenv(name) ?? "";
  const command = get("CNI_COMMAND");
  const values: Record<string, string> = {
    CNI_CONTAINERID: get("CNI_CONTAINERID"),
    CNI_NETNS: get("CNI_NETNS"),
    CNI_IFNAME: get("CNI_IFNAME"),
    CNI_PATH: get("CNI_PATH"),
  };
  const missing: string[] = [];
  const faults: string[] = [];
  const details: string[] = [];
  for (const name of required.get(command) ?? []) {
    const value = values[name]!;
    if (value === "") missing.push(name);
    const fault = value === "" ? undefined : findFault(host, name, value);
    if (fault === undefined) continue;
    faults.push(`${name}: ${fault}`);
    details.push(`${name} is ${JSON.stringify(value)}`);
  }
  if (missing.length > 0) faults.unshift(`required env variables [${missing.join(",")}] missing`);
  if (faults.length > 0) {
    throw new CniError(
      Code.invalidEnvironment,
      faults.join("; "),
      details.length > 0 ? details.join("\n") : undefined,
    );
  }
  return {
    command,
    containerId: values.CNI_CONTAINERID!,
    ifname: values.CNI_IFNAME!,
    netns: values.CNI_NETNS!,
    args: get("CNI_ARGS"),
    path: values.CNI_PATH!.split(":").filter((directory) => directory !== ""),
  };
}

function findFault(host: Host, name: string, value: string): string | undefined {
  if (name === "CNI_CONTAINERID")
    return isIdentifier(host.encode(value)) ? undefined : "invalid characters in containerID";
  if (name === "CNI_IFNAME") return findNameFault(host, value);
  return undefined;
}

// The kernel's dev_valid_name (net/core/dev.c) in the words of the Go library's ValidateInterfaceName.
function findNameFault(host: Host, ifname: string): string | undefined {
  const bytes = host.encode(ifname);
  if (bytes.length > 15) return "interface name is too long, it should be less than 16 characters";
  if (ifname === "." || ifname === "..") return "interface name is . or ..";
  // The rest is for what no runtime sends.
  if (isIdentifier(bytes)) return undefined;
  if ([...ifname].some((char) => "/:\u0085".includes(char) || char.trim() === "")) {
    return "interface name contains / or : or whitespace characters";
  }
  // Bytes that are no UTF-8 reach us as U+FFFD: the interface would get another name than the caller asked for.
  if (ifname.includes("\uFFFD")) return "interface name is not UTF-8";
  return undefined;
}
