// Giving the bridge its new port although others may delete the bridge at any time, and a name to the host's end that
// nobody else has.

import { ENODEV, ENOENT } from "../errno.ts";
import { CniError, Code, HostError, NetlinkError } from "../errors.ts";
import { findLasting } from "../kernel/ended-namespace.ts";
import type { Session } from "../kernel/session.ts";
import { withBridgeLock } from "./bridge-lock.ts";
import type { Config } from "./config.ts";
import type { Identity } from "./identity.ts";

/** Throws where another link has the configured name of the host's end. */
export function refuseTakenName(session: Session, { key, hostName }: Identity): void {
  if (hostName === key || findLasting(session, () => session.findLink("host", hostName), 0) === undefined)
    return;
  throw new CniError(
    Code.kernelRefused,
    `host interface "${hostName}" already exists, and this container's is to have the same name`,
    "With hostInterfaceName each container needs another; hostInterfacePrefix makes one for each.",
  );
}

/** How often others may delete the bridge before a container has become its port. */
const ROUNDS = 20;

/** What the kernel says when a link is no longer there, or its directory below /proc/sys. */
function mayHaveVanished(error: unknown): boolean {
  if (error instanceof CniError) return error.code === Code.tryAgainLater;
  if (error instanceof NetlinkError) return error.errno === ENODEV;
  return error instanceof HostError && error.errno === ENOENT;
}

/**
 * Runs `attempt`, which makes the bridge where it is missing and the pair as its port: again where the bridge has gone
 * meanwhile, and under the bridge's lock where a network prunes it.
 */
export function attach(
  session: Session,
  config: Pick<Config, "bridge" | "pruneBridge">,
  attempt: () => void,
): void {
  const insist = () => {
    for (let round = 1; ; round++) {
      try {
        attempt();
        return;
      } catch (error) {
        if (round === ROUNDS || !mayHaveVanished(error)) throw error;
      }
    }
  };
  withBridgeLock(session.host, config.bridge, config.pruneBridge, insist);
}
