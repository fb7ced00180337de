// What is counted rather than timed: processes, programs and system calls by strace, instructions by callgrind, bytes.

import { readFileSync, statSync } from "node:fs";
import type { Contender, Entrant, Verb } from "./contenders.ts";
import type { Call } from "./jobs.ts";

function perform(entrant: Entrant, { program, stdin, env }: Call, under: readonly string[]): string {
  const [command, ...args] = [...under, program];
  const ended = entrant.sandbox.run(command!, args, { env, input: stdin });
  if (ended.status !== 0)
    throw new Error(`${under[0]} ${program} ${env.CNI_COMMAND}: ${ended.stderr} ${ended.stdout}`);
  return ended.stderr;
}

export interface Calls {
  /** Programs started, the plugin itself included. */
  readonly programs: number;
  /** Processes made, the plugin itself included; threads are none. */
  readonly processes: number;
  readonly systemCalls: number;
}

/** The lines of `strace -f` of one call, whose trace is at `path` on the node. */
export function trace(entrant: Entrant, verb: Verb, index: number, options: readonly string[]): string[] {
  const path = "/run/trace";
  perform(entrant, entrant.call(verb, index), ["strace", "-f", "-qq", "-o", path, ...options]);
  return readFileSync(`/proc/${entrant.sandbox.pid}/root${path}`, "utf8").split("\n").filter(Boolean);
}

export function countCalls(entrant: Entrant, verb: Verb, index: number): Calls {
  const begun = trace(entrant, verb, index, []).filter((line) => !/^\d+ +(<\.\.\. |\+\+\+ |--- )/.test(line));
  const makes = /^\d+ +(fork|vfork|clone3?)\(/;
  return {
    programs: begun.filter((line) => /^\d+ +execve\(/.test(line) && !line.includes("= -1 ")).length,
    processes: 1 + begun.filter((line) => makes.test(line) && !line.includes("CLONE_THREAD")).length,
    systemCalls: begun.length,
  };
}

/** Instructions of the plugin's own process, without its children's. */
export function countInstructions(entrant: Entrant, call: Call): number {
  const output = perform(entrant, call, ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]);
  const first = /^==(\d+)==/m.exec(output)?.[1];
  const collected = new RegExp(`^==${first}== Collected : (\\d+)`, "m").exec(output)?.[1];
  if (collected === undefined) throw new Error(`callgrind counted nothing: ${output}`);
  return Number(collected);
}

/** Bytes of what must be installed for both plugins; one file with two names counts once. */
export function installedBytes({ bin }: Contender): number {
  const files = ["bridge", "host-local"].map((name) => statSync(`${bin}/${name}`));
  return [...new Map(files.map(({ ino, size }) => [ino, size])).values()].reduce(
    (sum, size) => sum + size,
    0,
  );
}
