// Puts back the masquerading of containers that were there when somebody flushed the ruleset (a firewall reload): the
// first ADD that finds the table gone does it for all.

import type { Session } from "../kernel/session.ts";
import { apply } from "../kernel/steps.ts";
import type { AttachmentId } from "../net/names.ts";
import { findHostEnd } from "./attachment.ts";
import { planMasquerade } from "./plan.ts";
import { listNetworks, listRecords } from "./record.ts";

/** For every attachment with a record and a live link, except `own`, which has just been made. */
export function restoreMasquerade(session: Session, own: AttachmentId): void {
  for (const network of listNetworks(session.host)) {
    for (const record of listRecords(session.host, network)) {
      const isOwn =
        network === own.network && record.containerId === own.containerId && record.ifname === own.ifname;
      if (isOwn || !record.ipMasq || record.ipMasqBackend !== "nftables") continue;
      if (findHostEnd(session, record) === undefined) continue;
      for (const step of planMasquerade(record, record.addresses, record)) {
        try {
          apply(session, step);
        } catch (error) {
          // Another container's trouble must not fail this one's ADD.
          const why = error instanceof Error ? error.message : `${error}`;
          session.warnings.push(`cannot put back the masquerading of ${record.containerId}: ${why}`);
        }
      }
    }
  }
}
