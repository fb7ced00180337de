// Faults from outside: strace makes one chosen system call of a plugin fail, or kills the plugin there. The plugin has
// no seam for it and knows nothing of it.

import { type Conf, confText, type PluginCall, type PluginEnded } from "./node.ts";
import type { Sandbox } from "./sandbox.ts";

/** The `nth` time (from 1) that the plugin makes a system call of this name. */
export interface CallSite {
  readonly name: string;
  readonly nth: number;
  /** Another run may do without it. */
  readonly mayBeMissing: boolean;
}

/**
 * A signal, an error that fits any call, one errno by name; or an answer of the kernel that ends in its header, or whose
 * header says 4 GiB.
 */
export type Fault = "kill" | "terminate" | "error" | "short" | "garbled" | `E${string}`;

/** What strace must not touch: without them there is no process yet, or none any more. */
const NEVER = new Set(["execve", "exit_group", "exit", "rt_sigreturn", "arch_prctl"]);
/** Where the only way to fail is for want of memory. */
const MEMORY = new Set(["brk", "mmap", "mprotect", "munmap"]);

/**
 * Waits for the kernel, or for the thread that makes the pair: whether the plugin has to, and how often, differs from run to
 * run.
 */
export const TIMING = ["ppoll", "recvfrom", "futex"];

/** The plugin reads its configuration from a file: one that dies early would break the pipe of whoever feeds it. */
const CONF_FILE = "/run/fault.json";
const FROM_FILE = ["sh", "-c", `exec "$@" <${CONF_FILE}`, "sh"];

/** Every system call of one run of a plugin, those of its children and its other thread aside, in order, from the beginning of our main on. */
export function callSites(node: Sandbox, verb: string, conf: Conf, call: PluginCall): CallSite[] {
  const log = "/run/strace.log";
  const ended = node.plugin("bridge", verb, conf, { ...call, under: ["strace", "-qq", "-o", log] });
  if (ended.status !== 0) throw new Error(`${verb} under strace: ${ended.stdout} ${ended.stderr}`);
  const counts = new Map<string, number>();
  const sites: Omit<CallSite, "mayBeMissing">[] = [];
  let began = false;
  for (const line of node.sh(`cat ${log}; rm ${log}`).split("\n")) {
    const name = /^(\w+)\(/.exec(line)?.[1];
    if (name === undefined || NEVER.has(name)) continue;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    // What comes before is the C library's start-up, where nobody can answer yet.
    began ||= name === "rt_sigaction";
    if (began) sites.push({ name, nth: counts.get(name)! });
  }
  // One message of an ADD is sent by whichever of the two threads comes first.
  const lastSent = counts.get("sendto");
  return sites.map(({ name, nth }) => ({
    name,
    nth,
    mayBeMissing: TIMING.includes(name) || (verb === "ADD" && name === "sendto" && nth === lastSent),
  }));
}

/** In the words of strace. */
function injection(fault: Fault, name: string): string {
  if (fault === "kill") return "signal=KILL";
  if (fault === "terminate") return "signal=TERM";
  if (fault === "error") return `error=${MEMORY.has(name) ? "ENOMEM" : "EIO"}`;
  if (fault === "short") return "retval=8";
  if (fault === "garbled") return "poke_exit=@arg2=ffffffff";
  return `error=${fault}`;
}

/** Runs the plugin with one fault. */
export function withFault(
  node: Sandbox,
  verb: string,
  conf: Conf,
  call: PluginCall,
  { name, nth }: CallSite,
  fault: Fault,
): PluginEnded {
  const what = injection(fault, name);
  node.must("tee", [CONF_FILE], { input: confText(conf) });
  const strace = [
    "strace",
    "-qq",
    "-o",
    "/dev/null",
    "-e",
    `trace=${name}`,
    "-e",
    `inject=${name}:${what}:when=${nth}`,
  ];
  return node.plugin("bridge", verb, "", { ...call, under: [...FROM_FILE, ...strace] });
}
