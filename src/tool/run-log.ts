// What a call of a plugin leaves behind for people when they ask for it: one line of JSON per call in a log
// (CNI_BRIDGE_LOG, or `logFile` of the configuration), and every netlink message in a trace (CNI_BRIDGE_TRACE). Neither
// is ever on stdout, and neither can make a call fail: what cannot be written is told on stderr.

import type { Request } from "../cni/request.ts";
import type { Result } from "../cni/result.ts";
import { warn } from "../cni/warn.ts";
import { describeErrno } from "../errno.ts";
import type { CniError } from "../errors.ts";
import { AT_FDCWD, type Errno, type Host } from "../host.ts";
import { formatTimestamp } from "../host-local/timestamp.ts";
import { traced } from "../netlink/trace.ts";
import { O_CREAT, O_NONBLOCK, O_WRONLY } from "../open-flags.ts";

const O_APPEND = 0o2000;
const STDERR = 2;

function openToAppend(host: Host, path: string): number | Errno {
  return host.openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK, 0o600);
}

/** The host, or where CNI_BRIDGE_TRACE names a file one whose netlink messages are appended to it, a line each. */
export function traceIfAsked(host: Host): Host {
  const path = host.getenv("CNI_BRIDGE_TRACE") ?? "";
  if (path === "") return host;
  const fd = openToAppend(host, path);
  if (fd < 0) {
    warn(host, `cannot trace to ${path}: ${describeErrno(-fd)}`);
    return host;
  }
  const pid = host.getpid();
  return traced(host, (line) => host.write(fd, `${JSON.stringify({ pid, ...line })}\n`));
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** The log line of one call, from its first moment on. */
export class RunLog {
  /** To be used in place of the host: keeps the warnings that go to stderr. */
  readonly host: Host;
  readonly #path: string;
  readonly #plugin: string;
  readonly #began: number;
  readonly #warnings: string[] = [];
  readonly #phases: Record<string, number> = {};
  #phase = "read";
  #phaseBegan: number;
  #request: Request | undefined;

  constructor(host: Host, path: string, plugin: string) {
    this.#path = path;
    this.#plugin = plugin;
    this.#began = host.monotonic();
    this.#phaseBegan = this.#began;
    const write = (fd: number, text: string) => {
      if (fd === STDERR) this.#warnings.push(text.trim());
      return host.write(fd, text);
    };
    this.host = Object.create(host, { write: { value: write } }) as Host;
  }

  /** The log that the environment or the configuration asks for. `path` is as it was written: any JSON value. */
  static open(host: Host, path: unknown, plugin: string): RunLog | undefined {
    return typeof path === "string" && path !== "" ? new RunLog(host, path, plugin) : undefined;
  }

  /** The request, telling of its phases. */
  follow(request: Request): Request {
    this.#request = { ...request, enter: (phase) => this.#enter(phase) };
    this.#enter("prepare");
    return this.#request;
  }

  #enter(phase: string): void {
    const now = this.host.monotonic();
    this.#phases[this.#phase] = rounded((this.#phases[this.#phase] ?? 0) + now - this.#phaseBegan);
    this.#phase = phase;
    this.#phaseBegan = now;
  }

  /** Writes the line: of a success with what it gave, if anything, or of a failure. */
  end(outcome: { readonly result?: Result | undefined; readonly error?: CniError }): void {
    const { host } = this;
    this.#enter("");
    const get = (name: string) => host.getenv(name) || undefined;
    const { result, error } = outcome;
    const line = {
      time: formatTimestamp(host.realtime()),
      plugin: this.#plugin,
      pid: host.getpid(),
      verb: get("CNI_COMMAND"),
      network: this.#request?.name,
      containerId: get("CNI_CONTAINERID"),
      ifname: get("CNI_IFNAME"),
      netns: get("CNI_NETNS"),
      ok: error === undefined,
      addresses: result?.ips.map(({ address }) => address),
      interfaces: result?.interfaces.map(({ name }) => name),
      error: error && { code: error.code, msg: error.message, details: error.details },
      warnings: this.#warnings.length > 0 ? this.#warnings : undefined,
      ms: rounded(this.#phaseBegan - this.#began),
      phases: this.#phases,
    };
    const fd = openToAppend(host, this.#path);
    // One write, so that lines of calls at the same time do not mix (O_APPEND).
    const written = fd < 0 ? fd : host.write(fd, `${JSON.stringify(line)}\n`);
    if (fd >= 0) host.close(fd);
    if (written < 0) warn(host, `cannot log to ${this.#path}: ${describeErrno(-written)}`);
  }
}
