// The reference's directory of one network (disk/backend.go): a file per address, `lock`, `last_reserved_ip.N`. This
// file opens, locks, reads and writes them and decides nothing. What we keep beside them is index-entries.ts.
//
// Everything goes through one descriptor of the directory, with O_NOFOLLOW: whatever is put in its place, or in that of
// a lease, cannot lead us elsewhere.

import { EEXIST, ELOOP, ENOENT, ENOTDIR, ETIMEDOUT } from "../errno.ts";
import { CniError, Code, HostError } from "../errors.ts";
import { AT_FDCWD, type Errno, type Host, ok } from "../host.ts";
import { type Ip, parseIp } from "../net/ip.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  S_IFMT,
  S_IFREG,
} from "../open-flags.ts";
import { IndexEntries } from "./index-entries.ts";
import { describeLockHolder } from "./lock-holder.ts";
import { readSmallFile, writeSmallFile } from "./small-file.ts";

/** An open directory whose lock we hold. */
export interface Store {
  readonly host: Host;
  readonly path: string;
  readonly dir: number;
  /** What we keep beside the leases. */
  readonly index: IndexEntries;
}

/** A file named by an address. Inode and time tell it from a later file of the same name. */
export interface LeaseFile {
  readonly name: string;
  readonly text: string;
  readonly ino: number;
  readonly mtimeMs: number;
}

interface StoreOptions {
  /** What to make if it is missing. Where a directory is missing and not to be made, there is no store. */
  readonly make: "directory and lock" | "lock" | "nothing";
  readonly lockTimeoutMs: number;
}

/**
 * Runs `use` on the store of a network with its lock held. Undefined when there is none and none may be made. Throws
 * code 11 when the lock is not free in time, 7 for a directory that is none, HostError.
 */
export function withStore<T>(
  host: Host,
  path: string,
  { make, lockTimeoutMs }: StoreOptions,
  use: (store: Store) => T,
): T | undefined {
  const dir = openDirectory(host, path, make === "directory and lock");
  if (dir === undefined) return undefined;
  const index = new IndexEntries(host, dir, path);
  let lock = -1;
  try {
    const flags = O_RDONLY | O_NOFOLLOW | (make === "nothing" ? 0 : O_CREAT);
    lock = host.openat(dir, "lock", flags, 0o750);
    // Whoever only reads makes no lock; nor can anybody be writing who has not made one.
    const unlocked = lock === -ENOENT && make === "nothing";
    if (!unlocked) takeLock(host, ok(lock, "open", `${path}/lock`), path, lockTimeoutMs);
    return use({ host, path, dir, index });
  } finally {
    index.close();
    if (lock >= 0) host.close(lock);
    host.close(dir);
  }
}

/** Runs `use` on the store without its lock, for who only looks: what it sees may be half done. Undefined where there is none. */
export function lookAtStore<T>(host: Host, path: string, use: (store: Store) => T): T | undefined {
  const dir = host.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
  if (dir < 0) return undefined;
  const index = new IndexEntries(host, dir, path);
  try {
    return use({ host, path, dir, index });
  } finally {
    index.close();
    host.close(dir);
  }
}

function openDirectory(host: Host, path: string, create: boolean): number | undefined {
  const open = () => host.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
  let dir = open();
  if (dir === -ENOENT) {
    if (!create) return undefined;
    makeDirectory(host, path);
    dir = open();
  }
  if (dir === -ENOTDIR || dir === -ELOOP) {
    const message = `invalid configuration: ipam.dataDir: ${path} is not a directory or leads through one that is not; a symbolic link in its place is not followed`;
    throw new CniError(Code.invalidNetworkConfig, message);
  }
  return ok(dir, "open", path);
}

/** mkdir -p */
function makeDirectory(host: Host, path: string): void {
  let made = host.mkdirat(AT_FDCWD, path, 0o755);
  const parent = path.slice(0, path.lastIndexOf("/"));
  if (made === -ENOENT && parent !== "") {
    makeDirectory(host, parent);
    made = host.mkdirat(AT_FDCWD, path, 0o755);
  }
  if (made !== -EEXIST && made !== -ENOTDIR) ok(made, "mkdir", path);
}

function takeLock(host: Host, fd: number, path: string, timeoutMs: number): void {
  const taken = host.flock(fd, timeoutMs);
  if (taken === -ETIMEDOUT) {
    const holder = describeLockHolder(host, fd);
    throw new CniError(
      Code.tryAgainLater,
      `cannot lock ${path}/lock within ${timeoutMs / 1000} s: ${holder} holds it`,
    );
  }
  ok(taken, "lock", `${path}/lock`);
}

/** The names that are addresses; everything else in the directory is no lease. */
export function listLeases(store: Store): string[] {
  const names = ok(store.host.list(store.dir), "list", store.path);
  return names.filter((name) => parseIp(name) !== undefined);
}

/** A lease file, or the errno why it cannot be read: −ENOENT when there is none, −ELOOP for what is not a file. */
export function readLease({ host, dir }: Store, name: string): LeaseFile | Errno {
  const fd = host.openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  if (fd < 0) return fd;
  try {
    const stat = host.fstat(fd);
    if (typeof stat === "number") return stat;
    if ((stat.mode & S_IFMT) !== S_IFREG) return -ELOOP;
    // More than any container id: what is longer is nobody's lease, and its beginning tells.
    const bytes = host.read(fd, 65536);
    if (typeof bytes === "number") return bytes;
    return { name, text: host.decode(bytes), ino: stat.ino, mtimeMs: stat.mtimeMs };
  } finally {
    host.close(fd);
  }
}

/** Whether anything of that name exists. */
export function isTaken({ host, dir, path }: Store, name: string): boolean {
  const stat = host.fstatat(dir, name, AT_SYMLINK_NOFOLLOW);
  if (stat === -ENOENT) return false;
  ok(stat, "stat", `${path}/${name}`);
  return true;
}

/**
 * Writes a lease aside, in the index, to be put into place by `placeLease`: so no kill leaves half a lease. Left over
 * from a kill it may be a second link of a lease that is in place: it is unlinked, never written to.
 */
export function prepareLease({ host, index }: Store, aside: string, text: string): Omit<LeaseFile, "name"> {
  const dir = ok(index.make(), "open", index.path);
  const path = `${index.path}/${aside}`;
  const flags = O_WRONLY | O_CREAT | O_EXCL;
  let fd = host.openat(dir, aside, flags, 0o600);
  if (fd === -EEXIST) {
    ok(host.unlinkat(dir, aside, 0), "unlink", path);
    fd = host.openat(dir, aside, flags, 0o600);
  }
  ok(fd, "create", path);
  try {
    ok(host.write(fd, text), "write", path);
    const { ino, mtimeMs } = ok(host.fstat(fd), "stat", path);
    return { text, ino, mtimeMs };
  } finally {
    host.close(fd);
  }
}

/** Puts a prepared lease in its place, which nobody may hold. */
export function placeLease({ host, dir, path, index }: Store, aside: string, name: string): void {
  ok(host.linkat(index.open(), aside, dir, name), "link", `${path}/${name}`);
}

/** Removes what `prepareLease` wrote; a lease that was put into place stays. */
export function removeAside({ index }: Store, aside: string): void {
  const removed = index.remove(aside);
  if (removed !== -ENOENT) ok(removed, "unlink", `${index.path}/${aside}`);
}

/** Unlinks a file; that it is gone already is as good. */
export function removeFile({ host, dir, path }: Store, name: string): void {
  const removed = host.unlinkat(dir, name, 0);
  if (removed !== -ENOENT) ok(removed, "unlink", `${path}/${name}`);
}

const lastReservedName = (set: number) => `last_reserved_ip.${set}`;

/** The address given out last from a set; what cannot be read or is none counts as none, as in the reference. */
export function readLastReserved({ host, dir }: Store, set: number): Ip | undefined {
  const text = readSmallFile(host, dir, lastReservedName(set), O_NOFOLLOW);
  return typeof text === "string" ? parseIp(text) : undefined;
}

export function writeLastReserved({ host, dir, path }: Store, set: number, ip: string): void {
  try {
    writeSmallFile(host, dir, lastReservedName(set), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, ip);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    throw new HostError(error.errno, error.call, `${path}/${error.target}`);
  }
}
