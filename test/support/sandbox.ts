// A simulated node: a mount and a network namespace of its own, with empty /run and /var/lib/cni, in which a test may
// do what it likes. A process holds the namespaces open and ends with the test, however the test ends.
// Works as root, and otherwise in a user namespace. A requirement that is missing is an error, never a skip.

import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { DIST } from "./executables.ts";
import {
  type Conf,
  confText,
  type Ended,
  Node,
  type PluginCall,
  type PluginEnded,
  parsed,
  type RunOptions,
} from "./node.ts";

const NODE_SCRIPT = new URL("../../scripts/throwaway-node.sh", import.meta.url).pathname;
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const ROOT = process.getuid?.() === 0;

export class Sandbox extends Node {
  readonly bin: string;
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess, bin: string) {
    super();
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

  /** `plugin` without waiting, for calls that run side by side. */
  async pluginAsync(name: string, verb: string, conf: Conf, call: PluginCall = {}): Promise<PluginEnded> {
    const child = this.start(`${call.bin ?? this.bin}/${name}`, [], {
      env: this.pluginEnvironment(verb, call),
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
