// The index by attachment: which leases a container's interface holds, in `.cni-bridge` inside the network's directory,
// so that no call has to read every lease. It is a cache, which books.ts checks and rebuilds.
//
// An entry is a symbolic link whose target is its text. Making one is a single system call that either happened or did
// not: no kill leaves half of it, and on a journaling file system it is metadata, which reaches the disk in order, so an
// entry made before its lease is not lost after a power cut that kept the lease. The reference, which reads every file
// below the directory on DEL, finds a link that leads nowhere and goes on.

import { EEXIST, ELOOP, ENOENT, ENOTDIR } from "../errno.ts";
import { type Errno, ok } from "../host.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../open-flags.ts";
import { formatOwner, type Owner } from "./lease.ts";
import type { NodeIdentity } from "./node-identity.ts";
import type { LeaseFile, Store } from "./store.ts";

/** A lease as it was when its entry was written. */
export type RecordedLease = Omit<LeaseFile, "text">;

/** What is known of an attachment. Boot and machine are those in which its leases were made or first seen. */
export interface Attachment extends Owner, NodeIdentity {
  /** CNI_NETNS of the ADD. */
  readonly netns?: string;
  /** SO_NETNS_COOKIE of that namespace, decimal; only where the caller knew it. */
  readonly netnsCookie?: string;
  /** The cookie of the namespace that the caller ran in, where the link's other end is. */
  readonly homeCookie?: string;
  readonly leases: readonly RecordedLease[];
}

export const indexDir = ".cni-bridge";
const entryPrefix = "attachment.";
const asidePrefix = "lease.";

/** A fixed-length name for a text of any length. */
export function hashName({ host }: Store, text: string): string {
  const digest = host.sha512(host.encode(text)).subarray(0, 16);
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The JSON value that the link of that name holds; undefined when there is none, null when it cannot be read. */
export function readEntry({ host, dir }: Store, name: string): unknown {
  const text = host.readlinkat(dir, `${indexDir}/${name}`);
  if (typeof text === "number") return text === -ENOENT ? undefined : null;
  try {
    return JSON.parse(text);
  } catch {
    // Not written by us.
    return null;
  }
}

/** Makes or replaces an entry, whole in either case; the errno where the file system refuses. */
export function writeEntry({ host, dir }: Store, name: string, value: unknown): number | Errno {
  const text = JSON.stringify(value);
  const path = `${indexDir}/${name}`;
  let made = host.symlinkat(text, dir, path);
  if (made === -ENOENT) {
    host.mkdirat(dir, indexDir, 0o700);
    made = host.symlinkat(text, dir, path);
  }
  if (made !== -EEXIST) return made;
  const aside = `${indexDir}/entry`;
  host.unlinkat(dir, aside, 0);
  made = host.symlinkat(text, dir, aside);
  return made < 0 ? made : host.renameat(dir, aside, dir, path);
}

export function removeEntry({ host, dir }: Store, name: string): void {
  host.unlinkat(dir, `${indexDir}/${name}`, 0);
}

/** The names of all entries; none where there is no index. */
export function listEntries({ host, dir, path }: Store): string[] {
  const fd = host.openat(dir, indexDir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
  // What stands there and is no directory is no index; DEL goes on without one.
  if (fd === -ENOENT || fd === -ENOTDIR || fd === -ELOOP) return [];
  ok(fd, "open", `${path}/${indexDir}`);
  try {
    return ok(host.list(fd), "list", `${path}/${indexDir}`);
  } finally {
    host.close(fd);
  }
}

function entryName(store: Store, owner: Owner): string {
  return entryPrefix + hashName(store, formatOwner(owner));
}

/** The entry of an attachment; undefined when there is none, null when it cannot be read. */
export function findAttachment(store: Store, owner: Owner): Attachment | undefined | null {
  return asAttachment(readEntry(store, entryName(store, owner)));
}

/** Every attachment in the index. */
export function listAttachments(store: Store): Attachment[] {
  return listEntries(store)
    .filter((name) => name.startsWith(entryPrefix))
    .flatMap((name) => asAttachment(readEntry(store, name)) ?? []);
}

/** Where the lease of a range set is written before it is put into place. */
export function asidePath(set: number): string {
  return `${indexDir}/${asidePrefix}${set}`;
}

/** Removes what a kill left aside. */
export function removeAsides(store: Store): void {
  for (const name of listEntries(store)) if (name.startsWith(asidePrefix)) removeEntry(store, name);
}

export function writeAttachment(store: Store, attachment: Attachment): number | Errno {
  return writeEntry(store, entryName(store, attachment), attachment);
}

export function removeAttachment(store: Store, owner: Owner): void {
  removeEntry(store, entryName(store, owner));
}

function asAttachment(value: unknown): Attachment | undefined | null {
  const written = value as Attachment | undefined | null;
  return written === undefined || Array.isArray(written?.leases) ? written : null;
}
