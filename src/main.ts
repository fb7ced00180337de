// The entry of every call: which plugin or tool (argv[0]), the request, the verb, what is printed, the exit status.
// The only catch-all: whatever a verb throws ends here as one JSON object on stdout.

import { bridge } from "./bridge/plugin.ts";
import { readEnvironment } from "./cni/environment.ts";
import { asCniError, formatError } from "./cni/error-object.ts";
import { formatResult } from "./cni/format-result.ts";
import { findKey } from "./cni/json.ts";
import { readNetworkConfig } from "./cni/network-config.ts";
import type { Outcome, Plugin } from "./cni/outcome.ts";
import { checkRequest, declaredVersion } from "./cni/request.ts";
import { newestVersion, supportedVersions } from "./cni/versions.ts";
import { warn } from "./cni/warn.ts";
import { describeErrno } from "./errno.ts";
import { CniError, Code } from "./errors.ts";
import type { Host } from "./host.ts";
import { hostLocal } from "./host-local/plugin.ts";
import { RunLog, traceIfAsked } from "./tool/run-log.ts";
import { version } from "./version.ts";

const STDOUT = 1;
const STDERR = 2;

/** Answers one call and returns the exit status. The native host runs this and nothing else. */
export default function main(native: Host): number {
  const host = traceIfAsked(native);
  const name = host.argv[0]?.split("/").at(-1);
  if (name === "bridge") return runPlugin(host, name, bridge);
  if (name === "host-local") return runPlugin(host, name, hostLocal);
  return host.tool()(host);
}

/** Answers one call of the plugin that is called `name`. */
export function runPlugin(host: Host, name: string, plugin: Plugin): number {
  const command = host.getenv("CNI_COMMAND") ?? "";
  if (command === "") {
    host.write(STDERR, about(name));
    return 0;
  }
  // VERSION needs nothing, and standard input may never end.
  if (command === "VERSION") return print(host, `${formatVersions()}\n`);
  let answerVersion = newestVersion;
  let log = RunLog.open(host, host.getenv("CNI_BRIDGE_LOG"), name);
  try {
    const environment = readEnvironment(host);
    const networkConfig = readNetworkConfig(host);
    answerVersion = declaredVersion(networkConfig) ?? newestVersion;
    log ??= RunLog.open(host, findKey(networkConfig.json, "logFile"), name);
    const checked = checkRequest(host, environment, networkConfig);
    const request = log?.follow(checked) ?? checked;
    // Whoever stops us half way would leave half an attachment. A caller that is gone closes our standard output, and
    // then a finished ADD is undone.
    host.deferSignals();
    const outcome = plugin[request.verb](log?.host ?? host, request);
    const status = printResult(host, outcome, request.cniVersion);
    log?.end(status === 0 ? outcome : { error: unheard });
    return status;
  } catch (thrown) {
    const error = asCniError(thrown);
    const status = fail(host, error, answerVersion);
    log?.end({ error });
    return status;
  }
}

const unheard = new CniError(
  Code.ioFailure,
  "the result could not be written; what was made has been undone",
);

/** What the reference says when it is called by hand: the plugin's version and the specification's. */
function about(name: string): string {
  return `CNI ${name} plugin v${version}\nCNI protocol versions supported: ${supportedVersions.join(", ")}\n`;
}

function formatVersions(): string {
  return JSON.stringify({ cniVersion: newestVersion, supportedVersions });
}

/** A result that its caller never got must not stay: the caller does not know what to delete. */
function printResult(host: Host, { result, undo }: Outcome, cniVersion: string): number {
  if (result === undefined) return 0;
  let status = 1;
  try {
    status = print(host, formatResult(result, cniVersion));
  } finally {
    if (status !== 0) tryUndo(host, undo);
  }
  return status;
}

function tryUndo(host: Host, undo: Outcome["undo"]): void {
  try {
    undo?.();
  } catch (error) {
    // The failure that led here is the one to report.
    warn(host, `while cleaning up: ${asCniError(error).message}`);
  }
}

function fail(host: Host, error: CniError, cniVersion: string): number {
  print(host, formatError(error, cniVersion));
  return 1;
}

/** Writes to stdout. Where that fails part of it may be out already, so that nothing more may follow: stderr is told. */
function print(host: Host, text: string): number {
  const written = host.write(STDOUT, text);
  if (written >= 0) return 0;
  warn(host, `cannot write to standard output: ${describeErrno(-written)}`);
  return 1;
}
