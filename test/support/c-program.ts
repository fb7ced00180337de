// Small programs in C beside this file, for what neither Node nor a shell can do: raw sockets, seccomp filters.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** Compiles NAME.c into a directory, static, and returns the program's path. Headers made for it lie in the directory. */
export function compile(name: "advertise" | "seccomp", directory: string): string {
  const source = new URL(`${name}.c`, import.meta.url).pathname;
  const program = join(directory, name);
  const options = ["-O2", "-Wall", "-Werror", "-static", "-I", directory, "-o", program, source];
  const ended = spawnSync("gcc", options, { encoding: "utf8" });
  if (ended.status !== 0) throw new Error(`gcc ${name}.c: ${ended.error?.message ?? ended.stderr}`);
  return program;
}
