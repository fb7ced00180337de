// What a verb does with the findings of shape.ts: refuse a configuration that is wrong, or go on and tell of keys that
// nobody knows.

import { CniError, Code } from "../errors.ts";
import type { Host } from "../host.ts";
import { nearestKey } from "./nearest-key.ts";
import type { Findings } from "./shape.ts";
import { warn } from "./warn.ts";

/**
 * Keys that belong to the protocol, to the list around the plugin, or to editors. Runtimes pass them through (libcni strips
 * nothing), so that a plugin which does not read them has no reason to wonder.
 */
const protocolKeys: readonly string[] = [
  "$schema",
  "cniVersion",
  "cniVersions",
  "name",
  "type",
  "ipam",
  "dns",
  "args",
  "capabilities",
  "runtimeConfig",
  "prevResult",
  "disableCheck",
  "disableGC",
  "loadOnlyInlinedPlugins",
  "plugins",
];

/** Throws code 7 when a problem was found: the first is the message, all of them the details, one per line. */
export function refuseProblems({ problems }: Findings): void {
  if (problems.length === 0) return;
  const lines = problems.map(({ path, message }) => `${path}: ${message}`);
  throw new CniError(Code.invalidNetworkConfig, `invalid configuration: ${lines[0]}`, lines.join("\n"));
}

/** As they are written, and in lower case. */
const reserved: ReadonlySet<string> = new Set([
  ...protocolKeys,
  ...protocolKeys.map((key) => key.toLowerCase()),
]);

function isReserved({ path, key }: Findings["unknownKeys"][number]): boolean {
  if (path !== key) return false;
  return reserved.has(key) || reserved.has(key.toLowerCase()) || key.startsWith("cni.dev/");
}

/** So many are named; a document with more is another program's, and to look for what each may mean takes long. */
const mostWarnings = 20;

/** Tells on stderr of keys that have no effect, with the known key each may be a misspelling of. */
export function warnUnknownKeys(host: Host, { unknownKeys }: Findings): void {
  const unknown = unknownKeys.filter((each) => !isReserved(each));
  if (unknown.length === 0) return;
  for (const { path, key, known } of unknown.slice(0, mostWarnings)) {
    const nearest = nearestKey(key, known);
    const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
    warn(host, `unknown configuration key ${path} has no effect${hint}`);
  }
  const more = unknown.length - mostWarnings;
  if (more > 0) warn(host, `${more} more unknown configuration keys have no effect`);
}
