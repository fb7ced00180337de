// Calling the verbs of host-local on the fake host, as main.ts does after it has read the request.

import type { Request, Verb } from "../../src/cni/request.ts";
import type { Result } from "../../src/cni/result.ts";
import type { Caller } from "../../src/host-local/attachment-proof.ts";
import { hostLocal } from "../../src/host-local/plugin.ts";
import type { FakeHost } from "../support/fake-host.ts";

export const dataDir = "/var/lib/cni/networks";

export interface Call {
  readonly ipam?: unknown;
  readonly ifname?: string;
  readonly netns?: string;
  readonly args?: string;
  readonly cniVersion?: string;
  readonly name?: string;
  /** More keys of the configuration. */
  readonly more?: object;
}

/** `call.ipam` beside the type; the default is one set, 10.1.2.0/24. */
export function requestOf(verb: Verb, containerId: string, call: Call = {}): Request {
  const { ipam = { subnet: "10.1.2.0/24" }, cniVersion = "1.1.0", name = "net" } = call;
  const config = { cniVersion, name, type: "bridge", ipam, ...call.more };
  return {
    verb,
    containerId,
    ifname: call.ifname ?? "eth0",
    netns: call.netns,
    args: call.args ?? "",
    path: [],
    stdin: new Uint8Array(),
    // As JSON would bring it: without keys that are undefined.
    config: JSON.parse(JSON.stringify(config)),
    cniVersion,
    name,
  };
}

/** What ADD answers; its addresses in `addresses`. */
export function add(host: FakeHost, containerId: string, call: Call = {}, caller: Caller = {}): Result {
  return hostLocal.ADD(host, requestOf("ADD", containerId, call), caller).result!;
}

/** The addresses ADD gives, without prefix length. */
export function addresses(
  host: FakeHost,
  containerId: string,
  call: Call = {},
  caller: Caller = {},
): string[] {
  return add(host, containerId, call, caller).ips.map(({ address }) => address.split("/")[0]!);
}

export function run(host: FakeHost, verb: Exclude<Verb, "ADD">, containerId: string, call: Call = {}): void {
  hostLocal[verb](host, requestOf(verb, containerId, call));
}

/** What is in the store, as the reference would list it. */
export function leases(host: FakeHost, network = "net"): Record<string, string> {
  const names = host.names(`${dataDir}/${network}`).filter((name) => /^[0-9a-f.:]+$/.test(name));
  return Object.fromEntries(names.map((name) => [name, host.get(`${dataDir}/${network}/${name}`)!]));
}

/** Code and message of what a call throws. */
export function failure(call: () => unknown): { code: number; message: string; details?: string } {
  try {
    call();
  } catch (error) {
    const { code, message, details } = error as { code: number; message: string; details?: string };
    return { code, message, ...(details !== undefined && { details }) };
  }
  throw new Error("it succeeded");
}
