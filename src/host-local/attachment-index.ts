// The index by attachment: which leases a container's interface holds, so that no call has to read every lease. It is a
// cache, which books.ts checks and rebuilds; index-entries.ts keeps its files.

import { type Guard, isArrayOf, isNumber, isObjectOf, isOptional, isString, isText } from "../cni/guard.ts";
import type { Errno } from "../host.ts";
import { parseIp } from "../net/ip.ts";
import { hexHash } from "../net/names.ts";
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

const isAttachment: Guard<Attachment> = isObjectOf<Attachment>({
  containerId: isString,
  ifname: isString,
  boot: isString,
  machine: isString,
  netns: isOptional(isString),
  netnsCookie: isOptional(isString),
  homeCookie: isOptional(isString),
  // The names are files' names.
  leases: isArrayOf(isObjectOf<RecordedLease>({ name: isText(parseIp), ino: isNumber, mtimeMs: isNumber })),
});

const entryPrefix = "attachment.";
const asidePrefix = "lease.";

const hashes = new Map<string, string>();

/** A fixed-length name for a text of any length. */
export function hashName({ host }: Store, text: string): string {
  const name = hashes.get(text) ?? hexHash(host, text, 32);
  hashes.set(text, name);
  return name;
}

function entryName(store: Store, owner: Owner): string {
  return entryPrefix + hashName(store, formatOwner(owner));
}

/** The entry of an attachment; undefined when there is none, null when it cannot be read. */
export function findAttachment(store: Store, owner: Owner): Attachment | undefined | null {
  return store.index.read(entryName(store, owner), isAttachment);
}

/** Every attachment in the index. */
export function listAttachments(store: Store): Attachment[] {
  return store.index
    .list()
    .filter((name) => name.startsWith(entryPrefix))
    .flatMap((name) => store.index.read(name, isAttachment) ?? []);
}

/** The name, in the index, under which the lease of a range set is written before it is put into place. */
export function asideName(set: number): string {
  return asidePrefix + set;
}

/** Removes what a kill left aside. */
export function removeAsides(store: Store): void {
  for (const name of store.index.list()) if (name.startsWith(asidePrefix)) store.index.remove(name);
}

export function writeAttachment(store: Store, attachment: Attachment): number | Errno {
  return store.index.write(entryName(store, attachment), attachment);
}

export function removeAttachment(store: Store, owner: Owner): void {
  store.index.remove(entryName(store, owner));
}
