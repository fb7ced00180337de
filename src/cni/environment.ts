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

/** By code: 2 for what may begin an identifier, 1 for what may follow. */
const identifierCharacters = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code);
  if ("_.-".includes(char)) return 1;
  return (char >= "0" && char <= "9") || (char.toLowerCase() >= "a" && char.toLowerCase() <= "z") ? 2 : 0;
});

/** Whether a text is `[A-Za-z0-9][A-Za-z0-9_.-]*`, as a container ID and a network name must be. */
export function isIdentifier(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const kind = identifierCharacters[text.charCodeAt(at)];
    if (!kind || (at === 0 && kind !== 2)) return false;
  }
  return text !== "";
}

/** Reads and checks the variables of one call; code 4 with the name of every variable that is missing or malformed. */
export function readEnvironment(host: Host): Environment {
  const get = (name: string) => host.getenv(name) ?? "";
  const command = get("CNI_COMMAND");
  const names = required.get(command) ?? [];
  const faults: string[] = [];
  const details: string[] = [];
  const missing = names.filter((name) => get(name) === "");
  if (missing.length > 0) faults.push(`required env variables [${missing.join(",")}] missing`);
  for (const name of names) {
    const value = get(name);
    const fault = value === "" ? undefined : findFault(host, name, value);
    if (fault === undefined) continue;
    faults.push(`${name}: ${fault}`);
    details.push(`${name} is ${JSON.stringify(value)}`);
  }
  if (faults.length > 0) {
    throw new CniError(
      Code.invalidEnvironment,
      faults.join("; "),
      details.length > 0 ? details.join("\n") : undefined,
    );
  }
  return {
    command,
    containerId: get("CNI_CONTAINERID"),
    ifname: get("CNI_IFNAME"),
    netns: get("CNI_NETNS"),
    args: get("CNI_ARGS"),
    path: get("CNI_PATH")
      .split(":")
      .filter((directory) => directory !== ""),
  };
}

function findFault(host: Host, name: string, value: string): string | undefined {
  if (name === "CNI_CONTAINERID")
    return isIdentifier(value) ? undefined : "invalid characters in containerID";
  if (name === "CNI_IFNAME") return findNameFault(host, value);
  return undefined;
}

// The kernel's dev_valid_name (net/core/dev.c) in the words of the Go library's ValidateInterfaceName.
function findNameFault(host: Host, ifname: string): string | undefined {
  if (host.encode(ifname).length > 15)
    return "interface name is too long, it should be less than 16 characters";
  if (ifname === "." || ifname === "..") return "interface name is . or ..";
  if ([...ifname].some((char) => "/:\u0085".includes(char) || char.trim() === "")) {
    return "interface name contains / or : or whitespace characters";
  }
  // Bytes that are no UTF-8 reach us as U+FFFD: the interface would get another name than the caller asked for.
  if (ifname.includes("\uFFFD")) return "interface name is not UTF-8";
  return undefined;
}
