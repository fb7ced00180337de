// One attachment's traces on the host, and how each is removed: what rollback, DEL and the next ADD have in common.

import * as iptablesMasquerade from "../kernel/iptables-masquerade.ts";
import * as masquerade from "../kernel/masquerade.ts";
import { removeReferenceRules } from "../kernel/reference-masquerade.ts";
import type { Session } from "../kernel/session.ts";
import * as spoofCheck from "../kernel/spoof-check.ts";
import { remove } from "../kernel/steps.ts";
import * as veth from "../kernel/veth.ts";
import { formatMac } from "../net/mac.ts";
import type { AttachmentId } from "../net/names.ts";
import type { Link } from "../netlink/if-link.ts";
import type { AttachmentRecord } from "./attachment-record.ts";
import { Failures } from "./failures.ts";
import { planMasquerade } from "./plan.ts";

/** The link of a name that was configured, if it is the one the record speaks of: another may have the name by now. */
function findConfigured(session: Session, { key, hostName, hostMac }: AttachmentRecord): Link | undefined {
  if (hostName === key) return undefined;
  const link = session.findLink("host", hostName);
  return link?.address !== undefined && formatMac(link.address) === hostMac ? link : undefined;
}

/** The host's end of an attachment: by its derived name, which it has at least beside its own, or by the record. */
export function findHostEnd(session: Session, record: AttachmentRecord): Link | undefined {
  return session.findLink("host", record.key) ?? findConfigured(session, record);
}

/** Removes the pair of an attachment; whether there was one under its derived name. */
export function removePair(session: Session, key: string, record: AttachmentRecord | undefined): boolean {
  const removed = veth.remove(session, key);
  // Left where ADD was killed before the link got its second name, and by a kernel that knows none.
  const rest = record === undefined ? undefined : findConfigured(session, record);
  if (rest !== undefined) veth.remove(session, rest.ifname!);
  return removed;
}

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
  } else {
    for (const step of planMasquerade(record, record.addresses ?? [], owner)) {
      failures.attempt(() => remove(session, step));
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
