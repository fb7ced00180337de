// The leases of a locked store with the index beside them: whether the index can be trusted, and the scan that rebuilds
// it when not.
//
// The directory's modification time is the seal. Whatever another program does to the leases (the reference makes and
// unlinks files there) sets it to the present; after each change of our own we set it back to the one instant that the
// index's stamp names, which lies in the past, so that no clock tick can give it by chance. So an index is trusted
// exactly if the directory still has the stamped time, and never in another boot than the stamp's, because a power cut
// may keep one file and lose another. A kill between a change and its seal costs one scan.
//
// What a trusted entry says is still confirmed by reading the leases it names.

import { type Guard, isBoolean, isNumber, isObjectOf, isOptional, isString } from "../cni/guard.ts";
import { ELOOP, ENOENT } from "../errno.ts";
import { ok } from "../host.ts";
import { AT_SYMLINK_NOFOLLOW } from "../open-flags.ts";
import {
  type Attachment,
  findAttachment,
  listAttachments,
  type RecordedLease,
  removeAsides,
  removeAttachment,
  writeAttachment,
} from "./attachment-index.ts";
import { isOfEarlierBoot } from "./attachment-proof.ts";
import { formatLease, formatOwner, isTorn, type Owner, parseLease, sameOwner } from "./lease.ts";
import { type NodeIdentity, readBootId, readMachineId } from "./node-identity.ts";
import { type LeaseFile, listLeases, readLease, type Store } from "./store.ts";

interface Stamp extends NodeIdentity {
  /** The directory's time, in milliseconds, while the index is right. */
  readonly mtimeMs: number;
  /** Whether the dead of earlier boots were looked for in this one. */
  readonly swept: boolean;
  /** No lease is in the reference's old form, which names no interface; an earlier version of ours did not say. */
  readonly named?: boolean;
}

/** A file named by an address that is no lease any more: what a power cut left. */
export interface Remains {
  readonly name: string;
  /** Whose lease it was, as far as the index knows. */
  readonly of: Attachment | undefined;
}

/** All that a scan found. */
interface Ledger {
  /** By `formatOwner`. */
  readonly attachments: ReadonlyMap<string, Attachment>;
  readonly remains: readonly Remains[];
}

const isStamp: Guard<Stamp> = isObjectOf<Stamp>({
  boot: isString,
  machine: isString,
  mtimeMs: isNumber,
  swept: isBoolean,
  named: isOptional(isBoolean),
});

const stampName = "stamp";

export class Books {
  readonly store: Store;
  readonly node: NodeIdentity;
  readonly #writable: boolean;
  /** Undefined while the index is not to be trusted. */
  #stamp: Stamp | undefined;
  #swept: boolean;
  /** What the last scan found, until something is changed. */
  #ledger: Ledger | undefined;

  /** Reads what is needed to trust the index. Without `writable` nothing is ever written. */
  constructor(store: Store, writable: boolean) {
    const { host } = store;
    this.store = store;
    this.#writable = writable;
    const boot = readBootId(host);
    const stamp = store.index.read(stampName, isStamp);
    const current = stamp != null && boot !== "" && stamp.boot === boot;
    this.node = { boot, machine: current ? stamp.machine : readMachineId(host) };
    this.#stamp = current && directoryTime(store) === stamp.mtimeMs ? stamp : undefined;
    this.#swept = current && stamp.swept;
  }

  /** Whether the dead of earlier boots have been looked for in this one. */
  get swept(): boolean {
    return this.#swept;
  }

  /** The attachment with the leases it really holds; undefined when it holds none. Confirmed, and by a scan if in doubt. */
  find(owner: Owner): Attachment | undefined {
    if (this.#stamp !== undefined) {
      if (owner.ifname === "" && this.#stamp.named) return undefined;
      const attachment = findAttachment(this.store, owner);
      if (attachment === undefined) return undefined;
      if (
        attachment !== null &&
        sameOwner(attachment, owner) &&
        attachment.leases.every(({ name }) => this.#isHeldBy(name, owner))
      )
        return attachment;
    }
    return this.scan().attachments.get(formatOwner(owner));
  }

  #isHeldBy(name: string, owner: Owner): boolean {
    const lease = readLease(this.store, name);
    if (typeof lease === "number") return false;
    const found = parseLease(lease.text);
    return found !== undefined && sameOwner(found, owner);
  }

  /** Reads every lease and every entry, and makes the index right. */
  scan(): Ledger {
    if (this.#ledger !== undefined) return this.#ledger;
    const entries = new Map(listAttachments(this.store).map((entry) => [formatOwner(entry), entry]));
    const recorded = new Map<string, Attachment>();
    for (const entry of entries.values()) for (const { name } of entry.leases) recorded.set(name, entry);
    const files = listLeases(this.store).flatMap((name) =>
      readFile(this.store, this.node, name, recorded.get(name)),
    );
    const ledger = compare(this.node, files, entries, recorded);
    if (this.#writable) this.#rebuild(entries, ledger);
    this.#ledger = ledger;
    return ledger;
  }

  #rebuild(entries: ReadonlyMap<string, Attachment>, { attachments, remains }: Ledger): void {
    this.#stamp = undefined;
    removeAsides(this.store);
    let written = 0;
    for (const [key, attachment] of attachments) {
      if (entries.get(key) !== attachment)
        written = Math.min(written, writeAttachment(this.store, attachment));
    }
    const needed = new Set(remains.map(({ of }) => of));
    for (const [key, entry] of entries) {
      if (!attachments.has(key) && !needed.has(entry)) removeAttachment(this.store, entry);
    }
    // The index is a cache: where it cannot be written each call scans, and leases are taken and released all the same.
    if (written >= 0) this.#restamp([...attachments.values()].every(({ ifname }) => ifname !== ""));
  }

  #restamp(named: boolean): void {
    const { host, dir, index } = this.store;
    // Making it changes the directory's time, so it comes first.
    index.make();
    // In the past by more than the coarsest time stamp of a file system (2 s).
    const [high = 0, low = 0] = host.random(2);
    if (host.futimens(dir, Math.floor(host.realtime()) - 3000 - high * 256 - low) < 0) return;
    const stamp = { ...this.node, mtimeMs: directoryTime(this.store), swept: this.#swept, named };
    if (index.write(stampName, stamp) >= 0) this.#stamp = stamp;
  }

  /** Remembers that the dead of earlier boots were looked for. */
  markSwept(): void {
    if (this.#swept) return;
    this.#swept = true;
    if (this.#stamp !== undefined) this.#restamp(this.#stamp.named ?? false);
  }

  /** Notes that an entry could not be written: the next call has to scan. */
  distrust(): void {
    this.#stamp = undefined;
  }

  /** After the last change of leases and entries that belong together. */
  seal(): void {
    this.#ledger = undefined;
    if (this.#stamp === undefined) return;
    // Where it fails the time stays the present, and the next call scans.
    this.store.host.futimens(this.store.dir, this.#stamp.mtimeMs);
  }
}

function directoryTime({ host, dir, path }: Store): number {
  return ok(host.fstat(dir), "stat", path).mtimeMs;
}

/** A lease, or nothing for what is none; its address stays taken. */
function readFile(
  store: Store,
  node: NodeIdentity,
  name: string,
  entry: Attachment | undefined,
): LeaseFile | readonly [] {
  // In the boot of its entry a file that is still the recorded one holds what was recorded. After a power cut it may not.
  const known = entry?.boot === node.boot ? entry.leases.find((lease) => lease.name === name) : undefined;
  if (known !== undefined && isSameFile(store, known)) return { ...known, text: formatLease(entry!) };
  const lease = readLease(store, name);
  // Gone since it was listed, or a directory or a link in place of a file.
  if (lease === -ENOENT || lease === -ELOOP) return [];
  return ok(lease, "read", `${store.path}/${name}`);
}

function isSameFile({ host, dir }: Store, { name, ino, mtimeMs }: RecordedLease): boolean {
  const stat = host.fstatat(dir, name, AT_SYMLINK_NOFOLLOW);
  return typeof stat !== "number" && stat.ino === ino && stat.mtimeMs === mtimeMs;
}

/** What leases and entries together say. An entry that is still right is kept as the very object. */
function compare(
  node: NodeIdentity,
  files: readonly LeaseFile[],
  entries: ReadonlyMap<string, Attachment>,
  recorded: ReadonlyMap<string, Attachment>,
): Ledger {
  const held = new Map<string, { owner: Owner; leases: RecordedLease[] }>();
  const remains: Remains[] = [];
  for (const { name, text, ino, mtimeMs } of files) {
    const of = recorded.get(name);
    const owner = parseLease(text);
    // In the boot it was written a lease is whole: a shorter one there is the old form, the id alone.
    if (owner === undefined || (of !== undefined && isTorn(text, of) && isOfEarlierBoot(node, of))) {
      remains.push({ name, of });
      continue;
    }
    const key = formatOwner(owner);
    const together = held.get(key);
    if (together === undefined) held.set(key, { owner, leases: [{ name, ino, mtimeMs }] });
    else together.leases.push({ name, ino, mtimeMs });
  }
  const attachments = new Map<string, Attachment>();
  for (const [key, { owner, leases }] of held)
    attachments.set(key, agree(node, owner, leases, entries.get(key)));
  return { attachments, remains };
}

/** What is known of an attachment that holds these leases. What was recorded of other files says nothing of these. */
function agree(
  node: NodeIdentity,
  owner: Owner,
  leases: readonly RecordedLease[],
  entry: Attachment | undefined,
): Attachment {
  const isRecorded = ({ name, ino, mtimeMs }: RecordedLease) =>
    entry?.leases.some((known) => known.name === name && known.ino === ino && known.mtimeMs === mtimeMs);
  if (entry === undefined || !leases.every(isRecorded)) return { ...owner, ...node, leases };
  return entry.leases.length === leases.length ? entry : { ...entry, leases };
}
