// The network that most tests have on their node, a container's attachment to it, and the answer of a call that must
// have gone well.

import { expect } from "vitest";
import type { PluginCall, PluginEnded } from "./node.ts";

/**
 * Network `net` on bridge br0, which is the default gateway, masqueraded, with addresses of both families from
 * 10.`number`.0.0/24 and fd00:`number`::/64; `more` adds keys, and replaces them.
 */
export function dualStack(number: number, more: object = {}) {
  const ranges = [[{ subnet: `10.${number}.0.0/24` }], [{ subnet: `fd00:${number}::/64` }]];
  return {
    cniVersion: "1.1.0",
    name: "net",
    type: "bridge",
    bridge: "br0",
    isDefaultGateway: true,
    ipMasq: true,
    ipam: { type: "host-local", ranges },
    ...more,
  };
}

/** The configuration of a network of which only host-local is called. */
export function hostLocal(name: string, ipam: object) {
  return { cniVersion: "1.1.0", name, type: "bridge", ipam: { type: "host-local", ...ipam } };
}

/** A container whose namespace on the node has its name; `more` adds to the call. */
export function attachment(id: string, more: PluginCall = {}): PluginCall {
  return { containerId: id, netns: `/run/netns/${id}`, ...more };
}

/** A call that went well and had nothing to say. */
export const SILENT = { status: 0, stdout: "", stderr: "" };

/** The result that a call printed, which must have gone well, without a word on standard error. */
export function resultOf(ended: PluginEnded): PluginEnded["json"] {
  expect(ended, ended.stdout).toMatchObject({ status: 0, stderr: "" });
  return ended.json;
}
