// Gives addresses back: the lease files first, then the entry, so that a kill in between leaves an entry without leases.

import { type Attachment, removeAttachment, writeAttachment } from "./attachment-index.ts";
import type { Books } from "./books.ts";
import { removeFile } from "./store.ts";

/**
 * Releases an attachment's leases, or those of them that `names` lists. The caller seals. One that cannot be released
 * does not keep the others; the HostError of the first is thrown at the end.
 */
export function release(books: Books, attachment: Attachment, names?: readonly string[]): void {
  const { store } = books;
  const released = attachment.leases.filter(({ name }) => names === undefined || names.includes(name));
  const failures: unknown[] = [];
  const gone = released.filter(({ name }) => {
    try {
      removeFile(store, name);
      return true;
    } catch (error) {
      failures.push(error);
      return false;
    }
  });
  const leases = attachment.leases.filter((lease) => !gone.includes(lease));
  if (leases.length === 0) removeAttachment(store, attachment);
  else if (writeAttachment(store, { ...attachment, leases }) < 0) books.distrust();
  if (failures.length > 0) throw failures[0];
}
