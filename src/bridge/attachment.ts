// One attachment's traces on the host, and how each is removed: what rollback, DEL and the next ADD have in common.

import * as iptablesMasquerade from "../kernel/iptables-masquerade.ts";
import * as masquerade from "../kernel/masquerade.ts";
import { removeReferenceRules } from "../kernel/reference-masquerade.ts";
import type { Session } from "../kernel/session.ts";
import * as spoofCheck from "../kernel/spoof-check.ts";
import { remove } from "../kernel/steps.ts";
import type { AttachmentId } from "../net/names.ts";
import { Failures } from "./failures.ts";
import { planMasquerade } from "./plan.ts";
import type { AttachmentRecord } from "./record.ts";

/**
 * Removes the masquerading of an attachment: by its record, or without one by searching for whatever this plugin or the
 * reference can have made, with either backend.
 */
export function removeMasquerade(
  session: Session,
  owner: AttachmentId,
  record: AttachmentRecord | undefined,
): void {
  const failures = new Failures();
  if (record === undefined) {
    if (masquerade.canMasquerade(session)) {
      failures.attempt(() => masquerade.removeOwned(session, owner));
      failures.attempt(() => removeReferenceRules(session, owner));
    }
    failures.attempt(() => iptablesMasquerade.removeOwned(session, owner));
  } else if (record.ipMasq) {
    for (const address of record.addresses) {
      failures.attempt(() => remove(session, planMasquerade(record.ipMasqBackend, address, owner)));
    }
  }
  failures.throwIfAny();
}

/** Removes the MAC spoof check of an attachment, unless its record says that it has none. */
export function removeSpoofCheck(
  session: Session,
  owner: AttachmentId,
  record: AttachmentRecord | undefined,
): void {
  if (record?.spoofCheck ?? masquerade.canMasquerade(session)) spoofCheck.remove(session, owner);
}
