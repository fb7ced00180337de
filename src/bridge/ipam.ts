// Address management as the bridge uses it: host-local in this process, any other type as a program from CNI_PATH.

import { delegate } from "../cni/delegate.ts";
import { parseJson } from "../cni/json.ts";
import type { Request, Verb } from "../cni/request.ts";
import { parseResult, type Result } from "../cni/result.ts";
import { warn } from "../cni/warn.ts";
import { CniError, Code } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Caller } from "../host-local/attachment-proof.ts";
import { hostLocal } from "../host-local/plugin.ts";
import { findLasting } from "../kernel/ended-namespace.ts";
import type { Session } from "../kernel/session.ts";
import { hostVethName } from "../net/names.ts";
import type { AttachmentRecord } from "./attachment-record.ts";
import type { Config } from "./config.ts";

/** Runs one verb of the IPAM plugin; throws its error as it is. */
export function runIpam(host: Host, request: Request, type: string, verb: Exclude<Verb, "ADD">): void {
  if (type === "host-local") hostLocal[verb](host, { ...request, verb });
  else delegate(host, request, type, verb);
}

/** Releases host-local's lease of an attachment where its record has it elsewhere than the configuration has leases now. */
export function releaseElsewhere(
  host: Host,
  request: Request,
  configured: Pick<Config, "dataDir">,
  record: AttachmentRecord | undefined,
): void {
  const { dataDir } = record ?? {};
  if (dataDir === undefined || dataDir === configured.dataDir) return;
  const config = { ...request.config, ipam: { type: "host-local", dataDir } };
  hostLocal.DEL(host, { ...request, verb: "DEL", config });
}

function addByDelegate(host: Host, request: Request, type: string): Result {
  const what = `the answer of IPAM plugin ${type}`;
  try {
    return parseResult(parseJson(delegate(host, request, type, "ADD"), what), request.cniVersion, what);
  } catch (error) {
    // A failed ADD, or one whose answer nobody understands, may hold an address (SPEC.md §Plugin Delegation).
    releaseQuietly(host, request, type);
    throw error;
  }
}

/** Gives back what ADD was given, on the way out of another failure. */
function releaseQuietly(host: Host, request: Request, type: string): void {
  try {
    runIpam(host, request, type, "DEL");
  } catch (error) {
    warn(host, `IPAM DEL after a failed ADD: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * What the bridge knows of containers and host-local by itself cannot: which of them live. The link of this very
 * attachment is the one just made (`isMade` waits for it), under a name that had to be free: of an earlier container it says
 * nothing.
 */
function callerOf(session: Session, { name: network, ...made }: Request, isMade: () => boolean): Caller {
  const netnsCookie = session.route("container").netnsCookie();
  const homeCookie = session.route("host").netnsCookie();
  return {
    ...(netnsCookie === undefined ? {} : { netnsCookie }),
    ...(homeCookie === undefined ? {} : { homeCookie }),
    linkExists: (containerId, ifname) => {
      if (containerId === made.containerId && ifname === made.ifname) return !isMade();
      const name = hostVethName(session.host, { network, containerId, ifname });
      return findLasting(session, () => session.findLink("host", name), 0) !== undefined;
    },
  };
}

/** What IPAM assigned, and how to give just that back. */
export interface Allocation {
  readonly result: Result;
  readonly undo: () => void;
}

/**
 * The addresses, routes and DNS that IPAM assigns; its `interfaces` do not count. Throws where it gives no address. `isMade`:
 * whether this attachment's link is there.
 */
export function allocate(
  session: Session,
  request: Request,
  type: string,
  isMade: () => boolean,
): Allocation {
  const { host } = session;
  if (type === "host-local") {
    const { result, undo } = hostLocal.ADD(host, request, callerOf(session, request, isMade));
    return { result, undo };
  }
  const undo = () => releaseQuietly(host, request, type);
  const result = addByDelegate(host, request, type);
  if (result.ips.length > 0) return { result, undo };
  undo();
  throw new CniError(Code.delegationFailed, "IPAM plugin returned missing IP config");
}
