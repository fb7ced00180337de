// Frees the addresses of the dead, on the proofs of attachment-proof.ts, and what power cuts left of lease files. Each
// address freed is told on stderr.

import { warn } from "../cni/warn.ts";
import { HostError } from "../errors.ts";
import { type Attachment, removeAttachment } from "./attachment-index.ts";
import { type Caller, causeOfDeath } from "./attachment-proof.ts";
import type { Books, Remains } from "./books.ts";
import { formatOwner } from "./lease.ts";
import { remember } from "./released.ts";
import { removeFile, type Store } from "./store.ts";

/** One line stays readable; the rest is counted. */
const toldAtMost = 100;

/** Frees all that is provably nobody's, except what `keep` (a `formatOwner`) holds. Says how many addresses that were. */
export function reclaimDead(books: Books, caller: Caller, keep: string): number {
  const freed: string[] = [];
  const { attachments, remains } = books.scan();
  for (const file of remains) freed.push(...reclaimRemains(books, caller, file));
  for (const [key, attachment] of attachments) {
    if (key !== keep) freed.push(...reclaimAttachment(books, caller, attachment));
  }
  books.seal();
  books.markSwept();
  tell(books, freed);
  return freed.length;
}

/** Frees the leases of an attachment if it is dead, and gives their addresses with the reason; else none. */
export function reclaimAttachment(books: Books, caller: Caller, attachment: Attachment): string[] {
  const { store, node } = books;
  const cause = causeOfDeath(store.host, node, caller, attachment);
  if (cause === undefined) return [];
  const names = attachment.leases.map(({ name }) => name).filter((name) => tryRemove(store, name));
  if (names.length === attachment.leases.length) removeAttachment(store, attachment);
  // A container that comes back after a reboot asks for its old address by being the same.
  // With its own boot: an address of an earlier one has rested.
  remember(store, attachment, names, [formatOwner(attachment)]);
  return names.map((name) => `${name} (${formatOwner(attachment)}, ${cause})`);
}

/** Frees what is left of a lease file, unless its holder may live; what was freed, for people. */
export function reclaimRemains({ store, node }: Books, caller: Caller, { name, of }: Remains): string[] {
  if (of === undefined) return tryRemove(store, name) ? [`${name} (an empty file)`] : [];
  const cause = causeOfDeath(store.host, node, caller, of);
  if (cause === undefined || !tryRemove(store, name)) return [];
  removeAttachment(store, of);
  return [`${name} (what is left of the lease of ${formatOwner(of)}, ${cause})`];
}

/** A lease that cannot be removed stays taken, which is no reason to refuse others an address. */
function tryRemove(store: Store, name: string): boolean {
  try {
    removeFile(store, name);
    return true;
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    warn(store.host, `cannot reclaim ${name}: ${error.message}`);
    return false;
  }
}

/** Says on stderr what was freed. */
export function tell({ store }: Books, freed: readonly string[]): void {
  if (freed.length === 0) return;
  const told = freed.slice(0, toldAtMost).join(", ");
  const more = freed.length > toldAtMost ? ` and ${freed.length - toldAtMost} more` : "";
  warn(store.host, `reclaimed ${freed.length} of ${store.path}: ${told}${more}`);
}
