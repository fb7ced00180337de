// A Host in memory, for what concerns files: the calls on a file tree, locks, and network namespaces that can be asked
// for their cookie. Errors are real errnos. A test can make the nth call fail, or cut the power before it: then the call
// and all that follow never happen.
// It imitates Linux from its manual pages, not our code; test/kernel runs the same rules on the real one.

import { constants } from "node:os";
import { EEXIST, EINVAL, EISDIR, ELOOP, ENOENT, ENOTDIR, ETIMEDOUT } from "../../src/errno.ts";
import { AT_FDCWD, type Errno, type Host, OWN_NETNS, type Stat } from "../../src/host.ts";
import { type Directory, type File, FileTree, type Netns, type Node } from "./file-tree.ts";
import { hashing } from "./hashing.ts";

const EBADF = 9;
const O_ACCMODE = 3;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_TRUNC = 0o1000;
const O_DIRECTORY = 0o200000;
const O_NOFOLLOW = 0o400000;
const O_TMPFILE = 0o20200000;
const AT_SYMLINK_NOFOLLOW = 0x100;
const NSFS_MAGIC = 0x6e736673;
const TMPFS_MAGIC = 0x01021994;

/** Thrown by every call after the power was cut. */
export class PowerCut extends Error {}

/** What is to happen at the nth call from now, counted from 1. */
export interface Trap {
  readonly call: number;
  /** Positive; without one the power is cut. */
  readonly errno?: number;
}

/** The calls that are counted: those that reach the kernel. */
const systemCalls = [
  "openat",
  "read",
  "write",
  "close",
  "fstat",
  "fstatat",
  "fstatfs",
  "list",
  "readlinkat",
  "symlinkat",
  "mkdirat",
  "linkat",
  "renameat",
  "unlinkat",
  "futimens",
  "flock",
  "socket",
  "getsockopt",
] as const;

export class FakeHost implements Host {
  readonly argv = ["host-local"];
  /** Everything ever written to stdout and stderr. */
  stdout = "";
  stderr = "";
  /** The monotonic clock, in milliseconds. */
  uptime = 1000;
  /** Names of the calls made, in order. */
  calls: string[] = [];
  trap: Trap | undefined;
  /** Locks that another process holds, by the names they are opened with. */
  readonly lockedByOthers = new Set<string>();
  /** Files ever written: what a power cut may damage. Links and directories are metadata, which file systems journal. */
  readonly written = new Set<File>();
  #tree = new FileTree();
  #nextFd = 3;
  #randoms = 0;
  #dead = false;
  readonly #ownNetns: Netns = { kind: "netns", ino: 2, mtimeMs: 0, cookie: 1n };
  readonly #open = new Map<number, { node: Node; offset: number; path: string }>();

  constructor() {
    for (const path of ["/etc", "/proc/sys/kernel/random", "/var/lib", "/run/netns"])
      this.#tree.makePath(path);
    this.boot("11111111-1111-4111-8111-111111111111");
    this.put("/etc/machine-id", `${"a".repeat(32)}\n`);
    for (const name of systemCalls) Object.defineProperty(this, name, { value: this.#counted(name) });
  }

  /** A call that is counted, and that a trap can catch. */
  #counted(name: (typeof systemCalls)[number]): unknown {
    const call = this[name].bind(this) as (...parameters: unknown[]) => unknown;
    return (...parameters: unknown[]) => {
      if (this.#dead) throw new PowerCut(`${name} after the end`);
      this.calls.push(name);
      if (this.calls.length !== this.trap?.call) return call(...parameters);
      if (this.trap.errno !== undefined) return -this.trap.errno;
      this.#dead = true;
      throw new PowerCut(`at ${name}`);
    };
  }

  // What tests do.

  /** The wall clock, in milliseconds. */
  get now(): number {
    return this.#tree.now;
  }

  set now(ms: number) {
    this.#tree.now = ms;
  }

  /** The kernel of another boot. */
  boot(id: string): void {
    this.put("/proc/sys/kernel/random/boot_id", `${id}\n`);
  }

  /** A new process: descriptors and locks of the last one are gone, and so is a trap. */
  restart(): void {
    this.#dead = false;
    this.#open.clear();
    this.trap = undefined;
    this.calls = [];
  }

  /** Waits so long that time stamps differ. */
  tick(ms = 10): void {
    this.now += ms;
    this.uptime += ms;
  }

  /** Makes a file, and the directories it needs. */
  put(path: string, text: string): void {
    const at = path.lastIndexOf("/");
    this.#tree.enter(
      this.#tree.makePath(path.slice(0, at)),
      path.slice(at + 1),
      this.#tree.file(Buffer.from(text)),
    );
  }

  putNetns(path: string, cookie: bigint): void {
    const at = path.lastIndexOf("/");
    this.#tree.enter(this.#tree.makePath(path.slice(0, at)), path.slice(at + 1), this.#tree.netns(cookie));
  }

  putLink(path: string, target: string): void {
    this.symlinkat(target, AT_FDCWD, path);
  }

  /** Changes a file in place, later than all before: its directory does not notice. */
  overwrite(path: string, text: string): void {
    this.tick();
    const node = this.#tree.find(this.#tree.root, path, false);
    if (typeof node === "number" || node.kind !== "file") throw new Error(`no file ${path}`);
    node.bytes = Buffer.from(text);
    node.mtimeMs = this.#tree.stamp();
  }

  remove(path: string): void {
    const at = path.lastIndexOf("/");
    const parent = this.#tree.makePath(path.slice(0, at));
    this.#tree.remove(parent, path.slice(at + 1));
  }

  /** The text of a file or the target of a link; undefined when there is neither. */
  get(path: string): string | undefined {
    const node = this.#tree.find(this.#tree.root, path, false);
    if (typeof node === "number") return undefined;
    if (node.kind === "link") return node.target;
    return node.kind === "file" ? Buffer.from(node.bytes).toString() : undefined;
  }

  /** Names in a directory, sorted; none when there is no such directory. */
  names(path: string): string[] {
    const node = this.#tree.find(this.#tree.root, path, false);
    return typeof node === "number" || node.kind !== "directory" ? [] : [...node.entries.keys()].sort();
  }

  modified(path: string): number {
    const node = this.#tree.find(this.#tree.root, path, false);
    return typeof node === "number" ? Number.NaN : node.mtimeMs;
  }

  /** The whole tree as text, for "nothing has changed". */
  dump(): string {
    return this.#tree.dump();
  }

  /** A copy to try something on. */
  clone(): FakeHost {
    const other = new FakeHost();
    const { tree, copies } = this.#tree.clone();
    other.#tree = tree;
    for (const file of this.written) {
      const copied = copies.get(file);
      if (copied?.kind === "file") other.written.add(copied);
    }
    other.uptime = this.uptime;
    return other;
  }

  // Paths and descriptors.

  #base(dirfd: number, path: string): Node | Errno {
    if (path.startsWith("/") || dirfd === AT_FDCWD) return this.#tree.root;
    return this.#open.get(dirfd)?.node ?? -EBADF;
  }

  #parent(dirfd: number, path: string): { directory: Directory; name: string } | Errno {
    const parts = path.split("/").filter((part) => part !== "");
    const name = parts.pop()!;
    const directory = this.#tree.find(this.#base(dirfd, path), parts.join("/"), true);
    if (typeof directory === "number") return directory;
    return directory.kind === "directory" ? { directory, name } : -ENOTDIR;
  }

  #descriptor(node: Node, path: string): number {
    const fd = this.#nextFd++;
    this.#open.set(fd, { node, offset: 0, path });
    return fd;
  }

  // The calls.

  getenv(): string | undefined {
    return undefined;
  }
  getpid(): number {
    return 4711;
  }
  getppid(): number {
    return 1;
  }
  random(length: number): Uint8Array {
    this.#randoms++;
    return Uint8Array.from({ length }, (_, index) => (this.#randoms * 31 + index * 17) & 255);
  }
  monotonic(): number {
    return this.uptime;
  }
  realtime(): number {
    return this.now;
  }
  encode(text: string): Uint8Array {
    return new TextEncoder().encode(text);
  }
  decode(bytes: Uint8Array): string {
    return new TextDecoder().decode(bytes);
  }
  sha512 = hashing.sha512;
  hex = hashing.hex;

  openat(dirfd: number, path: string, flags: number, _mode: number): number | Errno {
    if ((flags & O_TMPFILE) === O_TMPFILE) {
      const directory = this.#tree.find(this.#base(dirfd, path), path, true);
      return typeof directory === "number"
        ? directory
        : this.#descriptor(this.#tree.file(new Uint8Array()), path);
    }
    let node = this.#tree.find(this.#base(dirfd, path), path, (flags & O_NOFOLLOW) === 0);
    if (node === -ENOENT && flags & O_CREAT) {
      const place = this.#parent(dirfd, path);
      if (typeof place === "number") return place;
      node = this.#tree.file(new Uint8Array());
      this.#tree.enter(place.directory, place.name, node);
    } else if (typeof node === "number") return node;
    else if (flags & O_CREAT && flags & O_EXCL) return -EEXIST;
    if (node.kind === "link") return flags & O_DIRECTORY ? -ENOTDIR : -ELOOP;
    if (flags & O_DIRECTORY && node.kind !== "directory") return -ENOTDIR;
    if (node.kind === "directory" && flags & O_ACCMODE) return -EISDIR;
    if (flags & O_TRUNC && node.kind === "file") {
      node.bytes = new Uint8Array();
      this.written.add(node);
    }
    return this.#descriptor(node, path);
  }

  read(fd: number, length: number): Uint8Array | Errno {
    const open = this.#open.get(fd);
    if (open === undefined) return -EBADF;
    if (open.node.kind === "directory") return -EISDIR;
    if (open.node.kind !== "file") return -EINVAL;
    const bytes = open.node.bytes.slice(open.offset, open.offset + length);
    open.offset += bytes.length;
    return bytes;
  }

  write(fd: number, text: string): number | Errno {
    const bytes = this.encode(text);
    if (fd === 1) this.stdout += text;
    else if (fd === 2) this.stderr += text;
    else {
      const node = this.#open.get(fd)?.node;
      if (node?.kind !== "file") return -EBADF;
      node.bytes = Buffer.concat([node.bytes, bytes]);
      node.mtimeMs = this.#tree.stamp();
      this.written.add(node);
    }
    return bytes.length;
  }

  close(fd: number): number | Errno {
    return this.#open.delete(fd) ? 0 : -EBADF;
  }

  #stat(node: Node): Stat {
    const type = { file: 0o100000, link: 0o120000, netns: 0o100000, directory: 0o040000 }[node.kind];
    const size = node.kind === "file" ? node.bytes.length : 0;
    return { dev: 42, ino: node.ino, mode: type | 0o600, size, mtimeMs: node.mtimeMs };
  }

  fstat(fd: number): Stat | Errno {
    const node = this.#open.get(fd)?.node;
    return node === undefined ? -EBADF : this.#stat(node);
  }

  fstatat(dirfd: number, path: string, flags: number): Stat | Errno {
    const node = this.#tree.find(this.#base(dirfd, path), path, (flags & AT_SYMLINK_NOFOLLOW) === 0);
    return typeof node === "number" ? node : this.#stat(node);
  }

  fstatfs(fd: number): number | Errno {
    const node = this.#open.get(fd)?.node;
    if (node === undefined) return -EBADF;
    return node.kind === "netns" ? NSFS_MAGIC : TMPFS_MAGIC;
  }

  list(fd: number): string[] | Errno {
    const node = this.#open.get(fd)?.node;
    if (node === undefined) return -EBADF;
    return node.kind === "directory" ? [...node.entries.keys()] : -ENOTDIR;
  }

  readlinkat(dirfd: number, path: string): string | Errno {
    const node = this.#tree.find(this.#base(dirfd, path), path, false);
    if (typeof node === "number") return node;
    return node.kind === "link" ? node.target : -EINVAL;
  }

  #make(dirfd: number, path: string, node: () => Node): number | Errno {
    const place = this.#parent(dirfd, path);
    if (typeof place === "number") return place;
    if (place.directory.entries.has(place.name)) return -EEXIST;
    this.#tree.enter(place.directory, place.name, node());
    return 0;
  }

  symlinkat(target: string, dirfd: number, path: string): number | Errno {
    return this.#make(dirfd, path, () => this.#tree.link(target));
  }

  mkdirat(dirfd: number, path: string, _mode: number): number | Errno {
    return this.#make(dirfd, path, () => this.#tree.directory());
  }

  linkat(fromFd: number, from: string, toFd: number, to: string): number | Errno {
    const node = this.#tree.find(this.#base(fromFd, from), from, false);
    return typeof node === "number" ? node : this.#make(toFd, to, () => node);
  }

  renameat(fromFd: number, from: string, toFd: number, to: string): number | Errno {
    const source = this.#parent(fromFd, from);
    const target = this.#parent(toFd, to);
    if (typeof source === "number") return source;
    if (typeof target === "number") return target;
    const node = source.directory.entries.get(source.name);
    if (node === undefined) return -ENOENT;
    this.#tree.remove(source.directory, source.name);
    this.#tree.enter(target.directory, target.name, node);
    return 0;
  }

  unlinkat(dirfd: number, path: string, flags: number): number | Errno {
    const place = this.#parent(dirfd, path);
    if (typeof place === "number") return place;
    const node = place.directory.entries.get(place.name);
    if (node === undefined) return -ENOENT;
    if (node.kind === "directory" && flags === 0) return -EISDIR;
    if (node.kind === "directory" && node.entries.size > 0) return -constants.errno.ENOTEMPTY;
    this.#tree.remove(place.directory, place.name);
    return 0;
  }

  fsync(): number {
    return 0;
  }

  futimens(fd: number, mtimeMs: number): number | Errno {
    const node = this.#open.get(fd)?.node;
    if (node === undefined) return -EBADF;
    node.mtimeMs = mtimeMs;
    return 0;
  }

  flock(fd: number, timeoutMs: number): number | Errno {
    const open = this.#open.get(fd);
    if (open === undefined) return -EBADF;
    if (!this.lockedByOthers.has(open.path)) return 0;
    this.tick(timeoutMs);
    return -ETIMEDOUT;
  }

  socket(netns: number): number | Errno {
    const node = netns === OWN_NETNS ? this.#ownNetns : this.#open.get(netns)?.node;
    return node?.kind === "netns" ? this.#descriptor(node, "socket") : -EINVAL;
  }

  getsockopt(fd: number, level: number, option: number, length: number): Uint8Array | Errno {
    const node = this.#open.get(fd)?.node;
    if (node?.kind !== "netns" || level !== 1 || option !== 71 || length !== 8) return -EINVAL;
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, node.cookie, true);
    return bytes;
  }

  // Not for files.
  spawn(): never {
    throw new Error("the fake host runs no programs");
  }
  tool(): never {
    throw new Error("no plugin asks for the tool");
  }

  deferSignals(): number {
    return 0;
  }
  sendFromChild = noNetwork;
  openInNetns = noNetwork;
  setsockopt = noNetwork;
  send = noNetwork;
  ifindex = noNetwork;
  sendAside = noNetwork;
  endAside = noNetwork;
  bind = noNetwork;
  recv = noNetwork;
  poll = noNetwork;
}

function noNetwork(): never {
  throw new Error("the fake host has no network");
}
