// Files in memory, by path: as much of a file system as an ADD and a DEL ask for.

import { EEXIST, ENOENT, ENOTDIR } from "../src/errno.ts";
import { AT_FDCWD, type Host, type Stat } from "../src/host.ts";
import { O_CREAT, O_DIRECTORY, O_EXCL, O_TRUNC, S_IFREG } from "../src/open-flags.ts";

const STDIN = 0;
const STDOUT = 1;
const NSFS_MAGIC = 0x6e736673;
const TMPFS_MAGIC = 0x01021994;
const S_IFDIR = 0o040000;

interface Node {
  readonly ino: number;
  readonly kind: "directory" | "file" | "link";
  bytes: Uint8Array;
  mtimeMs: number;
}

interface Open {
  readonly path: string;
  readonly node: Node;
  /** Where the next read or write is. */
  at: number;
}

export class Files {
  readonly #host: Pick<Host, "encode" | "decode">;
  readonly #descriptor: () => number;
  readonly #nodes = new Map<string, Node>();
  readonly #open = new Map<number, Open>();
  #inodes = 0;
  #changes = 0;
  /** What was written to standard output. */
  printed = "";

  /** `descriptor` gives the next free one. */
  constructor({ encode, decode }: Host, descriptor: () => number) {
    this.#host = { encode, decode };
    this.#descriptor = descriptor;
    for (const path of ["/run", "/run/netns", "/var/lib/cni"]) this.#make(path, "directory");
    this.put("/etc/machine-id", `${"a".repeat(32)}\n`);
    this.put("/proc/sys/kernel/random/boot_id", "11111111-1111-4111-8111-111111111111\n");
    this.put("/proc/sys/net/ipv4/ip_forward", "1\n");
    this.put("/proc/sys/net/ipv6/conf/all/forwarding", "1\n");
  }

  /** Makes a file that holds `text`. */
  put(path: string, text: string): void {
    this.#make(path, "file").bytes = this.#host.encode(text);
  }

  /** A new process, whose standard input holds `stdin`. */
  begin(stdin: string): void {
    this.#open.clear();
    this.put("stdin", stdin);
    this.#open.set(STDIN, { path: "stdin", node: this.#nodes.get("stdin")!, at: 0 });
    this.printed = "";
  }

  pathOf(fd: number): string {
    return this.#open.get(fd)!.path;
  }

  #make(path: string, kind: Node["kind"]): Node {
    const node = { ino: ++this.#inodes, kind, bytes: new Uint8Array(), mtimeMs: 0 };
    this.#enter(path, node);
    return node;
  }

  /** Gives a path another node, or none. */
  #enter(path: string, node: Node | undefined): number {
    if (node === undefined) this.#nodes.delete(path);
    else this.#nodes.set(path, node);
    const parent = this.#nodes.get(path.slice(0, path.lastIndexOf("/")));
    if (parent !== undefined) parent.mtimeMs = ++this.#changes;
    return 0;
  }

  #path(dirfd: number, path: string): string {
    return dirfd === AT_FDCWD || path.startsWith("/") ? path : `${this.pathOf(dirfd)}/${path}`;
  }

  #find(dirfd: number, path: string): Node | undefined {
    const whole = this.#path(dirfd, path);
    // Each interface has its switches, whatever it is called.
    if (whole.startsWith("/proc/sys/net/") && !this.#nodes.has(whole)) this.put(whole, "0\n");
    return this.#nodes.get(whole);
  }

  #openNode(path: string, node: Node): number {
    const fd = this.#descriptor();
    this.#open.set(fd, { path, node, at: 0 });
    return fd;
  }

  #stat({ ino, kind, bytes, mtimeMs }: Node): Stat {
    const type = kind === "directory" ? S_IFDIR : S_IFREG;
    return { dev: 1, ino, mode: type | 0o700, size: bytes.length, mtimeMs };
  }

  /** Puts bytes where earlier ones of this descriptor ended; what lay behind is gone. */
  #append(file: Open, bytes: Uint8Array): void {
    const whole = new Uint8Array(file.at + bytes.length);
    whole.set(file.node.bytes.subarray(0, file.at));
    whole.set(bytes, file.at);
    file.node.bytes = whole;
    file.at = whole.length;
  }

  readonly calls = {
    openat: (dirfd, path, flags) => {
      const whole = this.#path(dirfd, path);
      const found = this.#find(dirfd, path);
      if (found !== undefined && flags & O_CREAT && flags & O_EXCL) return -EEXIST;
      if (found === undefined && !(flags & O_CREAT)) return -ENOENT;
      const node = found ?? this.#make(whole, "file");
      if (flags & O_DIRECTORY && node.kind !== "directory") return -ENOTDIR;
      if (flags & O_TRUNC) node.bytes = new Uint8Array();
      return this.#openNode(whole, node);
    },
    openInNetns: (_, path) => this.#openNode(path, this.#find(AT_FDCWD, path)!),
    read: (fd, length) => {
      const file = this.#open.get(fd)!;
      const bytes = file.node.bytes.slice(file.at, file.at + length);
      file.at += bytes.length;
      return bytes;
    },
    write: (fd, text) => {
      const bytes = this.#host.encode(text);
      if (fd === STDOUT) this.printed += text;
      else this.#append(this.#open.get(fd)!, bytes);
      return bytes.length;
    },
    close: (fd) => {
      this.#open.delete(fd);
      return 0;
    },
    fstat: (fd) => this.#stat(this.#open.get(fd)!.node),
    fstatat: (dirfd, path) => {
      const node = this.#find(dirfd, path);
      return node === undefined ? -ENOENT : this.#stat(node);
    },
    fstatfs: (fd) => (this.pathOf(fd).startsWith("/run/netns/") ? NSFS_MAGIC : TMPFS_MAGIC),
    list: (fd) => {
      const prefix = `${this.pathOf(fd)}/`;
      const below = [...this.#nodes.keys()].filter((path) => path.startsWith(prefix));
      return below.map((path) => path.slice(prefix.length)).filter((name) => !name.includes("/"));
    },
    readlinkat: (dirfd, path) => {
      const node = this.#find(dirfd, path);
      return node === undefined ? -ENOENT : this.#host.decode(node.bytes);
    },
    symlinkat: (target, dirfd, path) => {
      if (this.#find(dirfd, path) !== undefined) return -EEXIST;
      this.#make(this.#path(dirfd, path), "link").bytes = this.#host.encode(target);
      return 0;
    },
    mkdirat: (dirfd, path) => {
      if (this.#find(dirfd, path) !== undefined) return -EEXIST;
      this.#make(this.#path(dirfd, path), "directory");
      return 0;
    },
    linkat: (fromFd, from, toFd, to) => {
      if (this.#find(toFd, to) !== undefined) return -EEXIST;
      return this.#enter(this.#path(toFd, to), this.#find(fromFd, from)!);
    },
    renameat: (fromFd, from, toFd, to) => {
      this.#enter(this.#path(toFd, to), this.#find(fromFd, from)!);
      return this.#enter(this.#path(fromFd, from), undefined);
    },
    unlinkat: (dirfd, path) => {
      if (this.#find(dirfd, path) === undefined) return -ENOENT;
      return this.#enter(this.#path(dirfd, path), undefined);
    },
    fsync: () => 0,
    futimens: (fd, mtimeMs) => {
      this.#open.get(fd)!.node.mtimeMs = mtimeMs;
      return 0;
    },
    flock: () => 0,
  } satisfies Partial<Host>;
}
