// The program under a name that is no plugin's: what a person types. One row per command.

import { formatError } from "../cni/error-object.ts";
import { newestVersion } from "../cni/versions.ts";
import { CniError, Code } from "../errors.ts";
import type { Host } from "../host.ts";
import { version } from "../version.ts";

const STDOUT = 1;
const STDERR = 2;

/** One command; `run` gets the words after its name and returns the exit status. */
interface Command {
  readonly name: string;
  readonly summary: string;
  readonly run: (host: Host, words: readonly string[]) => number;
}

const commands: readonly Command[] = [
  { name: "--help", summary: "print this text", run: (host) => print(host, help()) },
  { name: "--version", summary: "print the version", run: (host) => print(host, `cni-bridge ${version}\n`) },
];

/** Runs the command that argv names; status 2 for one that does not exist. */
export function runTool(host: Host): number {
  if (host.getenv("CNI_COMMAND")) return refusePluginCall(host);
  const [, name = "--help", ...words] = host.argv;
  const command = commands.find((row) => row.name === name);
  if (command !== undefined) return command.run(host, words);
  host.write(STDERR, host.encode(`cni-bridge: unknown command ${name}; try --help\n`));
  return 2;
}

// A runtime that calls us by another name expects a plugin's answer: an error object says what to do.
function refusePluginCall(host: Host): number {
  const error = new CniError(
    Code.invalidEnvironment,
    "CNI_COMMAND is set, but this executable is not called by a plugin's name: use bridge or host-local",
    `it was called as ${host.argv[0]}; install it under both names (hard or symbolic links), and name them in "type"`,
  );
  host.write(STDOUT, host.encode(formatError(error, newestVersion)));
  return 1;
}

function print(host: Host, text: string): number {
  return host.write(STDOUT, host.encode(text)) < 0 ? 1 : 0;
}

function help(): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return `cni-bridge ${version}: the CNI plugins bridge and host-local in one executable

A container runtime calls it as "bridge" or "host-local", with the verb in CNI_COMMAND and
the configuration on standard input. A person calls it as "cni-bridge":

${commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join("\n")}
`;
}
