// One attachment's traces on the host, and how each is removed: what rollback, DEL and the next ADD have in common.

import * as masquerade from "../kernel/masquerade.ts";
import type { Session } from "../kernel/session.ts";
import * as spoofCheck from "../kernel/spoof-check.ts";
import type { AttachmentId } from "../net/names.ts";
import type { AttachmentRecord } from "./record.ts";

/** Removes the masquerade elements of an attachment: by its record, or without one by searching. */
export function removeMasquerade(
  session: Session,
  owner: AttachmentId,
  record: AttachmentRecord | undefined,
): void {
  if (record === undefined) masquerade.removeOwned(session, owner);
  else if (record.ipMasq) {
    for (const address of record.addresses)
      masquerade.remove(session, { kind: "masquerade", address, owner });
  }
}

/** Removes the MAC spoof check of an attachment, unless its record says that it has none. */
export function removeSpoofCheck(
  session: Session,
  owner: AttachmentId,
  record: AttachmentRecord | undefined,
): void {
  if (record?.spoofCheck !== false) spoofCheck.remove(session, owner);
}
