// A simulated node as a test sees it, whatever it is made of: namespaces (sandbox.ts) or a virtual machine (vm.ts).
// Those say how a command is run there; everything else is commands.

import { type Snapshot, type SnapshotOptions, snapshotOf } from "./snapshot.ts";

/** How a program ended. `status` is 128 + the signal's number where a signal ended it. */
export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The same of a plugin; `json` is its parsed stdout, `undefined` where it printed nothing. */
export interface PluginEnded extends Ended {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into documents of every shape
  readonly json: any;
}

export interface RunOptions {
  /** Added to PATH, the only variable a command has otherwise. `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string | Uint8Array;
  /** Run in this namespace of `addNetns` rather than on the node. */
  readonly netns?: string;
  /** Milliseconds until the command is killed; the default is 60 s. */
  readonly timeoutMs?: number;
}

export interface PluginCall {
  readonly containerId?: string;
  readonly ifname?: string;
  /** CNI_NETNS verbatim; `undefined` leaves it out. */
  readonly netns?: string | undefined;
  /** CNI_ARGS verbatim. */
  readonly args?: string;
  /** CNI_PATH verbatim; the default is the directory the executable is taken from. */
  readonly path?: string;
  /** The directory the executable is taken from; the default is that of the sandbox. */
  readonly bin?: string;
  /** A command that runs the executable, such as strace with its options. */
  readonly under?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
}

/** A configuration: an object is sent as JSON, text and bytes as they are. */
export type Conf = object | string | Uint8Array;

export abstract class Node {
  /** The directory of the plugins under test, on the node. */
  abstract readonly bin: string;

  /** Runs a command on the node to its end. */
  abstract run(cmd: string, args?: readonly string[], options?: RunOptions): Ended;

  /** Runs a command that must succeed, and returns its stdout. */
  must(cmd: string, args: readonly string[] = [], options: RunOptions = {}): string {
    const ended = this.run(cmd, args, options);
    if (ended.status !== 0) {
      throw new Error(
        `${cmd} ${args.join(" ")} ended with ${ended.status}: ${ended.stderr.trim()} ${ended.stdout.trim()}`,
      );
    }
    return ended.stdout;
  }

  /** Runs a line of shell that must succeed, and returns its stdout. */
  sh(script: string, options: RunOptions = {}): string {
    return this.must("sh", ["-euc", script], options);
  }

  /** What `ip -j …`, `bridge -j …` or `nft -j …` prints, parsed; an empty answer is an empty list. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into documents of every shape
  json(command: string, options: RunOptions = {}): any {
    const stdout = this.sh(command, options);
    return stdout.trim() === "" ? [] : JSON.parse(stdout);
  }

  /** Makes a network namespace, its loopback up, and returns its path on the node. */
  addNetns(name: string): string {
    this.sh(`ip netns add ${name}; ip -n ${name} link set lo up`);
    return `/run/netns/${name}`;
  }

  delNetns(name: string): void {
    this.must("ip", ["netns", "del", name]);
  }

  /** Whether one echo request from a namespace is answered within `timeoutMs`, full seconds. Needs busybox-static. */
  pings(netns: string, address: string, timeoutMs = 1000): boolean {
    const ended = this.run("busybox", ["ping", "-c1", `-W${timeoutMs / 1000}`, address], { netns });
    if (ended.status > 1) throw new Error(`busybox ping ${address}: ${ended.stderr}`);
    return ended.status === 0;
  }

  /** The variables of a call. */
  protected pluginEnvironment(verb: string, call: PluginCall): Readonly<Record<string, string | undefined>> {
    return {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: call.containerId,
      CNI_NETNS: call.netns,
      CNI_IFNAME: call.ifname ?? "eth0",
      CNI_ARGS: call.args,
      CNI_PATH: call.path ?? call.bin ?? this.bin,
      ...call.env,
    };
  }

  /** Calls a plugin as a runtime does: configuration on stdin, everything else in the environment. */
  plugin(name: string, verb: string, conf: Conf, call: PluginCall = {}): PluginEnded {
    const [command, ...args] = [...(call.under ?? []), `${call.bin ?? this.bin}/${name}`];
    const ended = this.run(command!, args, {
      env: this.pluginEnvironment(verb, call),
      input: confText(conf),
      ...(call.timeoutMs !== undefined && { timeoutMs: call.timeoutMs }),
    });
    return { ...ended, json: parsed(ended.stdout) };
  }

  /** All a plugin could have changed, comparable with toEqual: links, addresses, routes, rules, files. */
  snapshot(options: SnapshotOptions = {}): Snapshot {
    return snapshotOf(this, options);
  }
}

export function confText(conf: Conf): string | Uint8Array {
  return typeof conf === "string" || conf instanceof Uint8Array ? conf : JSON.stringify(conf);
}

export function parsed(stdout: string): unknown {
  if (stdout.trim() === "") return undefined;
  try {
    return JSON.parse(stdout);
  } catch {
    return undefined;
  }
}
