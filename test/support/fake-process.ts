// A process as the protocol sees it: command line, environment, standard streams, and programs it may run. Whatever
// else a Host offers throws, so that a test notices code that reaches for it.

import type { Ended, Errno, Host } from "../../src/host.ts";
import runTool from "../../src/tool/command.ts";

export interface Program {
  /** The file's type and permission bits; a regular, executable file unless said otherwise. */
  readonly mode?: number;
  readonly run?: (call: Spawned) => Partial<Ended> | Errno;
}

export interface Spawned {
  readonly path: string;
  readonly argv: readonly string[];
  readonly environment: readonly string[];
  readonly stdin: Uint8Array;
  readonly timeoutMs: number;
}

export interface FakeProcessOptions {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What standard input holds, or the negative errno that reading it gives. */
  readonly stdin?: string | Uint8Array | Errno;
  /** How many bytes one read gives at most. */
  readonly chunk?: number;
  /** The negative errno that writing to stdout gives. */
  readonly stdoutFails?: Errno;
  /** Files by path. */
  readonly programs?: Readonly<Record<string, Program>>;
}

export interface FakeProcess extends Host {
  readonly stdout: string;
  readonly stderr: string;
  readonly reads: number;
  readonly spawned: readonly Spawned[];
  /** Milliseconds waited for. */
  readonly waited: number;
}

const encoder = new TextEncoder();

export function fakeProcess(options: FakeProcessOptions = {}): FakeProcess {
  const { env = {}, stdin = "", programs = {} } = options;
  const input = typeof stdin === "string" ? encoder.encode(stdin) : stdin;
  let offset = 0;
  const fake = {
    argv: options.argv ?? ["/opt/cni/bin/bridge"],
    stdout: "",
    stderr: "",
    reads: 0,
    spawned: [] as Spawned[],
    waited: 0,
    tool: () => runTool,
    getenv: (name: string) => env[name],
    deferSignals: () => 0,
    encode: (text: string) => encoder.encode(text),
    // The byte order mark stays, as in the native host.
    decode: (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes),
    read(fd: number, length: number) {
      if (fd !== 0) throw new Error(`read of descriptor ${fd}`);
      fake.reads++;
      if (typeof input === "number") return input;
      const chunk = input.subarray(offset, offset + Math.min(length, options.chunk ?? length));
      offset += chunk.length;
      return chunk;
    },
    write(fd: number, text: string) {
      if (fd === 2) fake.stderr += text;
      else if (fd !== 1) throw new Error(`write to descriptor ${fd}`);
      else if (options.stdoutFails !== undefined) return options.stdoutFails;
      else fake.stdout += text;
      return text.length;
    },
    fstatat(_dirfd: number, path: string) {
      const program = programs[path];
      if (program === undefined) return -2;
      return { dev: 1, ino: 1, mode: program.mode ?? 0o100755, size: 1, mtimeMs: 0 };
    },
    spawn(
      path: string,
      argv: string[],
      environment: string[],
      bytes: Uint8Array,
      timeoutMs: number,
    ): Ended | Errno {
      const call = { path, argv, environment, stdin: bytes, timeoutMs };
      fake.spawned.push(call);
      const ended = programs[path]?.run?.(call) ?? {};
      if (typeof ended === "number") return ended;
      const none = new Uint8Array();
      return { status: 0, signal: 0, timedOut: false, stdout: none, stderr: none, ...ended };
    },
    poll(_fds: number[], timeoutMs: number) {
      fake.waited += timeoutMs;
      return -110;
    },
  };
  return new Proxy(fake, {
    get(target, key) {
      if (key in target) return target[key as keyof typeof target];
      throw new Error(`the fake process has no ${String(key)}`);
    },
  }) as unknown as FakeProcess;
}
