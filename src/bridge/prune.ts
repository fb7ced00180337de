// `pruneBridge`: a bridge whose last container has gone goes too.

import { prune } from "../kernel/bridge-pruning.ts";
import type { Session } from "../kernel/session.ts";
import { withBridgeLock } from "./bridge-lock.ts";
import type { Config } from "./config.ts";
import { isLinkName } from "./config-rules.ts";
import { bridgeMac } from "./identity.ts";

/** Deletes the bridge where the configuration wants that and nothing uses it; no ADD can give it a port meanwhile. */
export function pruneBridge(session: Session, config: Config, bridge: string): void {
  // DEL comes here with names that no ADD has accepted; the lock file must not be made elsewhere.
  if (!config.pruneBridge || !isLinkName(bridge)) return;
  withBridgeLock(session.host, bridge, true, (locked) => {
    if (locked) prune(session, bridge, bridgeMac(session.host, bridge));
  });
}
