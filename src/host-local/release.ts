// Gives addresses back: the lease files first, then the entry, so that a kill in between leaves an entry without leases.

import { type Attachment, removeAttachment, writeAttachment } from "./attachment-index.ts";
import type { Books } from "./books.ts";
import { removeFile } from "./store.ts";

/** Releases an attachment's leases, or those of them that `names` lists. The caller seals. Throws HostError. */
export function release(books: Books, attachment: Attachment, names?: readonly string[]): void {
  const { store } = books;
  const released = attachment.leases.filter(({ name }) => names === undefined || names.includes(name));
  for (const { name } of released) removeFile(store, name);
  const leases = attachment.leases.filter((lease) => !released.includes(lease));
  if (leases.length === 0) removeAttachment(store, attachment);
  else if (writeAttachment(store, { ...attachment, leases }) < 0) books.distrust();
}
