// Runs another plugin in our place (SPEC.md §Plugin Delegation): it gets the very bytes of our standard input and our
// environment but for CNI_COMMAND. Finding it is libcni's FindInPath; judging its answer is the caller's job.

import { ETXTBSY } from "../errno.ts";
import { CniError, Code, HostError } from "../errors.ts";
import { AT_FDCWD, type Ended, type Host, ok } from "../host.ts";
import { S_IFMT, S_IFREG } from "../open-flags.ts";
import { isObject } from "./json.ts";
import type { Request, Verb } from "./request.ts";

/**
 * How long a delegate may take, in milliseconds. A runtime kills only us when its own patience ends, so we must give
 * up first to clean up and to leave no delegate behind: kubelet waits 2 minutes for a sandbox, CRI-O 1 minute for DEL
 * and 30 s for GC. The slowest known delegate, dhcp, retries for 62 s. STATUS is polled and must be quick.
 */
const patienceMs: { readonly [V in Verb]: number } = {
  ADD: 110_000,
  CHECK: 50_000,
  DEL: 50_000,
  GC: 25_000,
  STATUS: 10_000,
};

/** For a file that is still being written (an installer replaces it in place): tries this often, this far apart. */
const busyTries = 50;
const busyWaitMs = 100;

const STDERR = 2;

/**
 * Runs `type` from CNI_PATH with CNI_COMMAND=`verb` and returns its stdout; its stderr goes to ours. Its error object
 * becomes our CniError with the same code, message and details; a plugin that cannot be run, or fails without a usable
 * error object, is code 103 (50 for STATUS, which asks just that).
 */
export function delegate(host: Host, request: Request, type: string, verb: Verb): string {
  const path = findPlugin(host, request, type, verb);
  const ended = spawn(host, request, path, verb);
  const stderr = host.decode(ended.stderr);
  if (stderr !== "") host.write(STDERR, stderr);
  const stdout = host.decode(ended.stdout);
  if (ended.status === 0) return stdout;
  throw readFailure(stdout, stderr, ended, `${path} ${verb}`, verb);
}

/** The first regular file of that name in CNI_PATH, executable or not, as libcni's FindInPath. */
function findPlugin(host: Host, { path }: Request, type: string, verb: Verb): string {
  if (type === "") throw new CniError(Code.invalidNetworkConfig, "no plugin name provided");
  if (type.includes("/") || type.includes("\0"))
    throw new CniError(Code.invalidNetworkConfig, `invalid plugin name: ${type}`);
  if (path.length === 0) {
    throw new CniError(
      Code.invalidEnvironment,
      "required env variables [CNI_PATH] missing",
      `CNI_PATH must name the directory of the plugin ${type}`,
    );
  }
  for (const directory of path) {
    const file = `${directory}/${type}`;
    const stat = host.fstatat(AT_FDCWD, file, 0);
    if (typeof stat !== "number" && (stat.mode & S_IFMT) === S_IFREG) return file;
  }
  throw new CniError(unusable(verb), `failed to find plugin "${type}" in path [${path.join(" ")}]`);
}

function spawn(host: Host, { stdin }: Request, path: string, verb: Verb): Ended {
  const run = () => host.spawn(path, [path], [`CNI_COMMAND=${verb}`], stdin, patienceMs[verb]);
  let ended = run();
  for (let tries = 1; ended === -ETXTBSY && tries < busyTries; tries++) {
    host.poll([], busyWaitMs);
    ended = run();
  }
  let result: Ended;
  try {
    result = ok(ended, "execute", path);
  } catch (error) {
    if (error instanceof HostError) throw new CniError(unusable(verb), error.message);
    throw error;
  }
  if (!result.timedOut) return result;
  throw new CniError(
    unusable(verb),
    `plugin ${path} did not finish ${verb} in ${patienceMs[verb] / 1000} s and was killed`,
    host.decode(result.stderr) || undefined,
  );
}

/** The texts are those of the Go library's RawExec, whose code 0 says nothing and is not used. */
function readFailure(stdout: string, stderr: string, ended: Ended, call: string, verb: Verb): CniError {
  const own = parseFailure(stdout, verb);
  if (own !== undefined) return own;
  const exit = ended.signal === 0 ? `exit status ${ended.status}` : `signal ${ended.signal}`;
  const details = `${call}: ${exit}`;
  if (stdout.trim() !== "") {
    return new CniError(
      unusable(verb),
      `netplugin failed but error parsing its diagnostic message ${quote(stdout)}`,
      `${details}\n${stdout}`,
    );
  }
  if (stderr.trim() !== "") {
    return new CniError(unusable(verb), `netplugin failed: ${quote(stderr)}`, `${details}\n${stderr}`);
  }
  return new CniError(unusable(verb), `netplugin failed with no error message: ${exit}`, details);
}

function parseFailure(stdout: string, verb: Verb): CniError | undefined {
  let value: unknown;
  try {
    value = JSON.parse(stdout);
  } catch {
    // Not an error object; the caller shows what it is instead.
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { code = 0, msg, details } = value;
  if (typeof msg !== "string" || msg.trim() === "") return undefined;
  if (typeof code !== "number" || !Number.isSafeInteger(code) || code < 0) return undefined;
  return new CniError(code || unusable(verb), msg, typeof details === "string" ? details : undefined);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

function unusable(verb: Verb): number {
  return verb === "STATUS" ? Code.pluginNotAvailable : Code.delegationFailed;
}
