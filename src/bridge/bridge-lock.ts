// Keeps apart who gives a bridge a port and who deletes it because it has none (`pruneBridge`): the lock of a file in
// /run/cni-bridge, one per bridge. Whoever prunes makes it, and it stays; by it the other networks on the same bridge
// know that they have to take it too.

import { warn } from "../cni/warn.ts";
import { describeErrno, EEXIST, ENOENT, ETIMEDOUT } from "../errno.ts";
import { CniError, Code } from "../errors.ts";
import { AT_FDCWD, type Host, ok } from "../host.ts";
import { describeLockHolder } from "../host-local/lock-holder.ts";
import { O_CREAT, O_NOFOLLOW, O_RDWR } from "../open-flags.ts";
import { DIRECTORY, openDirectory } from "./record.ts";

/** A holder needs some milliseconds; hundreds of containers may start at once. */
const TIMEOUT_MS = 30_000;

/** Opens the bridge's lock file; the name begins with a dot, so that it is not taken for a network's directory. */
function openLock(host: Host, bridge: string, prunes: boolean): number {
  let directory = openDirectory(host);
  if (directory === -ENOENT && prunes) {
    const made = host.mkdirat(AT_FDCWD, DIRECTORY, 0o700);
    if (made < 0 && made !== -EEXIST) return made;
    directory = openDirectory(host);
  }
  if (directory < 0) return directory;
  const flags = prunes ? O_RDWR | O_CREAT | O_NOFOLLOW : O_RDWR | O_NOFOLLOW;
  const lock = host.openat(directory, `.${bridge}.lock`, flags, 0o600);
  host.close(directory);
  return lock;
}

/**
 * Runs `action` while no other process holds the bridge's lock. `prunes`: the caller's network prunes the bridge; one
 * that does not goes without where nobody else does. Throws code 11 with the holder's name where the lock is held for
 * too long. Where /run cannot be written there is no lock: `action` is told so, with a warning.
 */
export function withBridgeLock(
  host: Host,
  bridge: string,
  prunes: boolean,
  action: (locked: boolean) => void,
): void {
  const fd = openLock(host, bridge, prunes);
  if (fd === -ENOENT && !prunes) {
    action(false);
    return;
  }
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
