// A simulated node: a mount and a network namespace of its own, with empty /run and /var/lib/cni, in which a test may
// do what it likes. A process holds the namespaces open and ends with the test, however the test ends.
// Works as root, and otherwise in a user namespace. A requirement that is missing is an error, never a skip.

import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { DIST } from "./executables.ts";
import { type Snapshot, type SnapshotOptions, snapshotOf } from "./snapshot.ts";

const NODE_SCRIPT = new URL("../../scripts/throwaway-node.sh", import.meta.url).pathname;
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const ROOT = process.getuid?.() === 0;

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
  /** CNI_NETNS verbatim. */
  readonly netns?: string;
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

export class Sandbox {
  /** The directory of the plugins under test. */
  readonly bin: string;
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess, bin: string) {
    this.#holder = holder;
    this.bin = bin;
  }

  /**
   * Starts a node. `bin` is the directory of the plugins under test, ours by default; each directory in `empty` is
   * empty and private on the node, as /run and /var/lib/cni are.
   */
  static async create({ bin = DIST, empty = [] as readonly string[] } = {}): Promise<Sandbox> {
    const flags = ROOT ? ["-mn"] : ["-rmn"];
    const script = [NODE_SCRIPT, ...empty.flatMap((directory) => ["--empty", directory])];
    // The shell reads its stdin until we close it or die, so no namespace outlives the test.
    const holder = spawn(
      "unshare",
      [
        ...flags,
        "--propagation",
        "private",
        ...script,
        "sh",
        "-c",
        "echo ready; while read -r _; do :; done",
      ],
      { env: { PATH }, stdio: ["pipe", "pipe", "pipe"] },
    );
    let complaint = "";
    holder.stderr.on("data", (chunk) => {
      complaint += chunk;
    });
    const ready = await Promise.race([
      once(holder.stdout, "data").then(() => true),
      once(holder, "close").then(() => false),
      once(holder, "error").then(([error]) => {
        complaint += `${error}`;
        return false;
      }),
    ]);
    if (!ready) {
      throw new Error(
        `cannot make a simulated node (unshare ${flags.join(" ")}): ${complaint.trim()}\n` +
          "Needed: util-linux, iproute2, and root or unprivileged user namespaces.",
      );
    }
    return new Sandbox(holder, bin);
  }

  /** The process that holds the namespaces: /proc/PID/ns/net and /proc/PID/root lead into the node. */
  get pid(): number {
    return this.#holder.pid!;
  }

  #enter(cmd: string, args: readonly string[], options: RunOptions): [string[], NodeJS.ProcessEnv] {
    const user = ROOT ? [] : ["-U", "--preserve-credentials"];
    const inner = options.netns === undefined ? [] : ["nsenter", `--net=/run/netns/${options.netns}`];
    const env: NodeJS.ProcessEnv = { PATH };
    for (const [name, value] of Object.entries(options.env ?? {})) {
      if (value === undefined) delete env[name];
      else env[name] = value;
    }
    // env(1) sets the variables last, so that nsenter itself is found even where a test takes PATH away.
    const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    return [
      ["-t", `${this.pid}`, ...user, "-m", "-n", ...inner, "env", "-i", ...pairs, cmd, ...args],
      { PATH },
    ];
  }

  /** Runs a command on the node to its end. */
  run(cmd: string, args: readonly string[] = [], options: RunOptions = {}): Ended {
    const [argv, env] = this.#enter(cmd, args, options);
    const ended = spawnSync("nsenter", argv, {
      env,
      input: options.input ?? "",
      timeout: options.timeoutMs ?? 60_000,
      killSignal: "SIGKILL",
      maxBuffer: 64 << 20,
      encoding: "utf8",
    });
    if (ended.error !== undefined && ended.status === null) {
      throw new Error(`${cmd} ${args.join(" ")}: ${ended.error.message}`);
    }
    return { status: ended.status ?? 128, stdout: ended.stdout, stderr: ended.stderr };
  }

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

  /** Starts a command on the node and returns at once, for servers, captures, and calls that run side by side. */
  start(
    cmd: string,
    args: readonly string[] = [],
    options: RunOptions = {},
    stdio: SpawnOptions["stdio"] = "pipe",
  ): ChildProcess {
    const [argv, env] = this.#enter(cmd, args, options);
    return spawn("nsenter", argv, { env, stdio });
  }

  /** Makes a network namespace, its loopback up, and returns its path on the node. */
  addNetns(name: string): string {
    this.must("ip", ["netns", "add", name]);
    this.must("ip", ["-n", name, "link", "set", "lo", "up"]);
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

  #pluginEnvironment(verb: string, call: PluginCall): Readonly<Record<string, string | undefined>> {
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
      env: this.#pluginEnvironment(verb, call),
      input: confText(conf),
      ...(call.timeoutMs !== undefined && { timeoutMs: call.timeoutMs }),
    });
    return { ...ended, json: parsed(ended.stdout) };
  }

  /** The same without waiting, for calls that run side by side. */
  async pluginAsync(name: string, verb: string, conf: Conf, call: PluginCall = {}): Promise<PluginEnded> {
    const child = this.start(`${call.bin ?? this.bin}/${name}`, [], {
      env: this.#pluginEnvironment(verb, call),
    });
    let stdout = "";
    let stderr = "";
    child.stdout!.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr!.on("data", (chunk) => {
      stderr += chunk;
    });
    child.stdin!.on("error", () => {}); // a plugin that refuses early does not read its stdin
    child.stdin!.end(confText(conf));
    const [code] = (await once(child, "close")) as [number | null];
    return { status: code ?? 128, stdout, stderr, json: parsed(stdout) };
  }

  /** All a plugin could have changed, comparable with toEqual: links, addresses, routes, rules, files. */
  snapshot(options: SnapshotOptions = {}): Snapshot {
    return snapshotOf(this, options);
  }

  /** Ends the node and every process that still runs in its mount namespace. */
  async dispose(): Promise<void> {
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return;
    const closed = once(this.#holder, "close");
    const node = mountNamespace(`${this.pid}`);
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      if (pid !== `${this.pid}` && mountNamespace(pid) === node) process.kill(Number(pid), "SIGKILL");
    }
    this.#holder.kill("SIGKILL");
    await closed;
  }
}

/** `undefined` for a process that has ended, or that we may not look at. */
function mountNamespace(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined;
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
