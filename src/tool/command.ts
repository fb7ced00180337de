// The program under a name that is no plugin's: what a person types. The table of commands, and the one place where
// what a command throws becomes a sentence on stderr. A command is one file, src/tool/<name>.ts.

import { asCniError, formatError } from "../cni/error-object.ts";
import { nearestKey } from "../cni/nearest-key.ts";
import { newestVersion } from "../cni/versions.ts";
import { EACCES, EPERM } from "../errno.ts";
import { CniError, Code, HostError } from "../errors.ts";
import type { Host } from "../host.ts";
import { version } from "../version.ts";
import { type Command, readWords, UsageError } from "./command-line.ts";
import { completion } from "./completion.ts";
import { doctor } from "./doctor.ts";
import { gc } from "./gc.ts";
import { formatHelp, formatOverview } from "./help.ts";
import { lint } from "./lint.ts";
import { ls } from "./ls.ts";
import { man } from "./man.ts";
import { metrics } from "./metrics.ts";
import { plan } from "./plan-command.ts";
import { repair } from "./repair.ts";
import { schema } from "./schema.ts";
import { complain, print } from "./terminal.ts";
import { why } from "./why.ts";

const STDOUT = 1;

/** In the order of help. */
export const commands: readonly Command[] = [
  ls,
  why,
  doctor,
  repair,
  gc,
  metrics,
  lint,
  plan,
  schema,
  completion,
  man,
];

/** Runs the command that argv names; status 2 for one that does not exist. The entry of this part of the executable. */
export default function runTool(host: Host): number {
  if (host.getenv("CNI_COMMAND")) return refusePluginCall(host);
  const [, name = "--help", ...words] = host.argv;
  if (["--help", "-h", "help"].includes(name)) return help(host, words[0]);
  if (name === "--version") return print(host, `cni-bridge ${version}\n`);
  const command = find(name);
  return command === undefined ? refuse(host, name) : runCommand(host, command, words);
}

function find(name: string): Command | undefined {
  return commands.find((row) => row.name === name);
}

function help(host: Host, name: string | undefined): number {
  if (name === undefined) return print(host, formatOverview(commands));
  const command = find(name);
  return command === undefined ? refuse(host, name) : print(host, formatHelp(command));
}

function refuse(host: Host, name: string): number {
  const names = commands.map((row) => row.name);
  const meant = nearestKey(name, names);
  complain(
    host,
    `unknown command ${name}; ${meant === undefined ? "" : `did you mean ${meant}? `}try --help`,
  );
  return 2;
}

function runCommand(host: Host, command: Command, words: readonly string[]): number {
  const own = words.includes("--") ? words.slice(0, words.indexOf("--")) : words;
  if (own.includes("--help") || own.includes("-h")) return print(host, formatHelp(command));
  try {
    return command.run(host, readWords(command, words), commands);
  } catch (error) {
    if (error instanceof UsageError) {
      complain(host, `${error.message}; try cni-bridge ${command.name} --help`);
      return 2;
    }
    complain(host, `${command.name}: ${describe(error)}`);
    return 1;
  }
}

/** The error in one sentence, with what helps most who may not look. */
function describe(error: unknown): string {
  const { message } = asCniError(error);
  const isForbidden = error instanceof HostError && (error.errno === EACCES || error.errno === EPERM);
  return isForbidden ? `${message}; run it as root` : message;
}

// A runtime that calls us by another name expects a plugin's answer: an error object says what to do.
function refusePluginCall(host: Host): number {
  const error = new CniError(
    Code.invalidEnvironment,
    "CNI_COMMAND is set, but this executable is not called by a plugin's name: use bridge or host-local",
    `it was called as ${host.argv[0]}; install it under both names (hard or symbolic links), and name them in "type"`,
  );
  host.write(STDOUT, formatError(error, newestVersion));
  return 1;
}
