// Keeps apart who gives a bridge a port and who deletes it because it has none (`pruneBridge`): the lock of a file in
// /run/cni-bridge, one per bridge, that stays when both have gone.

import { warn } from "../cni/warn.ts";
import { describeErrno, EEXIST, ETIMEDOUT } from "../errno.ts";
import { CniError, Code } from "../errors.ts";
import { AT_FDCWD, type Host, ok } from "../host.ts";
import { describeLockHolder } from "../host-local/lock-holder.ts";
import { O_CREAT, O_NOFOLLOW, O_RDWR } from "../host-local/open-flags.ts";
import { DIRECTORY } from "./record.ts";

/** A holder needs some milliseconds; hundreds of containers may start at once. */
const TIMEOUT_MS = 30_000;

/** Opens the bridge's lock file; the name begins with a dot, so that it is not taken for a network's directory. */
function openLock(host: Host, bridge: string): number {
  const made = host.mkdirat(AT_FDCWD, DIRECTORY, 0o700);
  if (made < 0 && made !== -EEXIST) return made;
  return host.openat(AT_FDCWD, `${DIRECTORY}/.${bridge}.lock`, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
}

/**
 * Runs `action` while no other process holds the bridge's lock. Throws code 11 with the holder's name where it is held
 * for too long. Where /run cannot be written there is no lock: `action` is told so, with a warning.
 */
export function withBridgeLock(host: Host, bridge: string, action: (locked: boolean) => void): void {
  const fd = openLock(host, bridge);
  if (fd < 0) {
    warn(host, `cannot lock bridge ${bridge}: ${describeErrno(-fd)}; it is not pruned`);
    action(false);
    return;
  }
  try {
    const taken = host.flock(fd, TIMEOUT_MS);
    if (taken === -ETIMEDOUT) {
      const holder = describeLockHolder(host, fd);
      throw new CniError(
        Code.tryAgainLater,
        `cannot lock bridge ${bridge} within ${TIMEOUT_MS / 1000} s: ${holder} holds it`,
      );
    }
    ok(taken, "lock", `bridge ${bridge}`);
    action(true);
  } finally {
    host.close(fd);
  }
}
