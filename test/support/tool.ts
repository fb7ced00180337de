// The tool as a person calls it on a simulated node, and containers for it to tell of.

import { REFERENCE } from "./executables.ts";
import type { Ended } from "./node.ts";
import type { Sandbox } from "./sandbox.ts";

/** Runs `cni-bridge` with these words. */
export function tool(node: Sandbox, ...words: readonly string[]): Ended {
  return node.run(`${node.bin}/cni-bridge`, words);
}

/** Runs it with --json, and parses what it prints. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into documents of every shape
export function toolJson(node: Sandbox, ...words: readonly string[]): any {
  const { stdout, stderr } = tool(node, ...words, "--json");
  if (stdout === "") throw new Error(`${words.join(" ")}: ${stderr}`);
  return JSON.parse(stdout);
}

export interface Attached {
  readonly id: string;
  readonly address: string;
  readonly veth: string;
}

/** Attaches a new container, by our plugin or by the reference. */
export function attach(node: Sandbox, conf: object, id: string, by: "ours" | "reference" = "ours"): Attached {
  const netns = node.addNetns(id);
  const bin = by === "ours" ? {} : { bin: REFERENCE };
  const { status, json, stdout } = node.plugin("bridge", "ADD", conf, { containerId: id, netns, ...bin });
  if (status !== 0) throw new Error(stdout);
  return { id, address: json.ips[0].address.replace(/\/.*/, ""), veth: json.interfaces[1].name };
}

/** Deletes the namespace of a container whose runtime has forgotten it, and waits for its link to go. */
export async function kill(node: Sandbox, { id, veth }: Attached): Promise<void> {
  node.delNetns(id);
  const deadline = performance.now() + 30_000;
  while (node.run("ip", ["link", "show", "dev", veth]).status === 0) {
    if (performance.now() > deadline) throw new Error(`${veth} is still there`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
