// Everything the program can ask of the operating system: bytes, descriptors, deadlines and errno.
// native/src/host.rs offers exactly this table and decides nothing; whoever calls decides what an errno means.
//
// Convention: a call that fails returns the negative errno, as the system call itself does. Expected errnos are
// compared (`fd === -ENOENT`); anything else goes through `ok`, which throws a HostError that names the call.

import { HostError } from "./errors.ts";

/** A negative errno. TypeScript cannot tell it from a count, so check before use. */
export type Errno = number;

/** What statx(2) tells of a file; times in milliseconds with a fraction. */
export interface Stat {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly size: number;
  readonly mtimeMs: number;
}

/** How a spawned program ended. `status` is −1 where a signal ended it; `signal` is 0 where none did. */
export interface Ended {
  readonly status: number;
  readonly signal: number;
  readonly timedOut: boolean;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

/** The directory descriptor that stands for the working directory (fcntl.h). */
export const AT_FDCWD = -100;
/** In place of a namespace descriptor: the namespace the process runs in. */
export const OWN_NETNS = -1;

export interface Host {
  /** The command line; the first word selects the plugin. */
  readonly argv: readonly string[];
  getenv(name: string): string | undefined;
  getpid(): number;
  getppid(): number;
  random(length: number): Uint8Array;
  /** Milliseconds since an arbitrary point, with a fraction: CLOCK_MONOTONIC. */
  monotonic(): number;
  /** Milliseconds since the epoch, with a fraction: CLOCK_REALTIME. */
  realtime(): number;
  /** UTF-8 bytes of a text. A lone surrogate becomes U+FFFD. */
  encode(text: string): Uint8Array;
  /** Text of UTF-8 bytes. An invalid sequence becomes U+FFFD, as in Go's encoding/json. */
  decode(bytes: Uint8Array): string;
  /** The hash of a text's UTF-8 bytes. */
  sha512(text: string): Uint8Array;
  /** Two lower-case digits for each byte, with `separator` between them. */
  hex(bytes: Uint8Array, separator: string): string;
  /**
   * Runs a program to its end with our environment, in which `environment` ("NAME=value") replaces what it names.
   * `stdin` is written while both outputs are read. At the deadline the program is killed.
   */
  spawn(
    path: string,
    argv: string[],
    environment: string[],
    stdin: Uint8Array,
    timeoutMs: number,
  ): Ended | Errno;
  /**
   * Forks a child that sends `message` on netlink socket `fd`, waits for the answer, writes it to a pipe, and ends.
   * It keeps `fd` and `keep` open until then and closes every other descriptor, the standard streams first.
   * Returns the reading end of the pipe.
   */
  sendFromChild(fd: number, message: Uint8Array, keep: number[]): number | Errno;
  /**
   * From here on SIGTERM, SIGINT and SIGHUP end this process no more; what is under way is finished. A program that
   * `spawn` runs is passed each of them.
   */
  deferSignals(): number | Errno;
  /** The main function of the tool (src/tool/command.ts), loaded when it is asked for: no plugin call needs it. */
  tool(): (host: Host) => number;

  /** `flags` and those of the calls below are the numbers of open-flags.ts on every architecture. */
  openat(dirfd: number, path: string, flags: number, mode: number): number | Errno;
  /** openat as seen from inside a network namespace, for /proc/sys/net. `netns` is a descriptor or OWN_NETNS. */
  openInNetns(netns: number, path: string, flags: number): number | Errno;
  /** At most `length` bytes; empty at the end of the file. */
  read(fd: number, length: number): Uint8Array | Errno;
  /** Writes all of a text as UTF-8, or fails; a lone surrogate becomes U+FFFD. Returns the number of bytes. */
  write(fd: number, text: string): number | Errno;
  close(fd: number): number | Errno;
  fstat(fd: number): Stat | Errno;
  /** `flags`: 0 or AT_SYMLINK_NOFOLLOW. */
  fstatat(dirfd: number, path: string, flags: number): Stat | Errno;
  /** The type word of statfs(2), such as NSFS_MAGIC. */
  fstatfs(fd: number): number | Errno;
  /** Names in a directory, in no order, without "." and "..". */
  list(fd: number): string[] | Errno;
  readlinkat(dirfd: number, path: string): string | Errno;
  /** Makes `path` a symbolic link that holds `target`. */
  symlinkat(target: string, dirfd: number, path: string): number | Errno;
  mkdirat(dirfd: number, path: string, mode: number): number | Errno;
  linkat(fromFd: number, from: string, toFd: number, to: string): number | Errno;
  renameat(fromFd: number, from: string, toFd: number, to: string): number | Errno;
  /** `flags`: 0 or AT_REMOVEDIR. */
  unlinkat(dirfd: number, path: string, flags: number): number | Errno;
  fsync(fd: number): number | Errno;
  /** Sets the modification time, in milliseconds since the epoch; the access time stays. futimens(3). */
  futimens(fd: number, mtimeMs: number): number | Errno;
  /** Takes the exclusive lock of flock(2), waiting in the kernel's queue; −ETIMEDOUT after `timeoutMs`. */
  flock(fd: number, timeoutMs: number): number | Errno;

  /** A close-on-exec socket made inside `netns` (a descriptor or OWN_NETNS); it belongs there for good. */
  socket(netns: number, domain: number, type: number, protocol: number): number | Errno;
  /** `address` is a struct sockaddr, family included. */
  bind(fd: number, address: Uint8Array): number | Errno;
  setsockopt(fd: number, level: number, option: number, value: number): number | Errno;
  getsockopt(fd: number, level: number, option: number, length: number): Uint8Array | Errno;
  /** The index of the interface of that name in the namespace of a socket; −ENODEV. SIOCGIFINDEX of netdevice(7). */
  ifindex(fd: number, ifname: string): number | Errno;
  send(fd: number, message: Uint8Array): number | Errno;
  /**
   * Has another thread send `message`, of at most 4096 bytes, while this one goes on: what netlink is asked for is done
   * within the call that sends it. One at a time; `endAside` must follow.
   */
  sendAside(fd: number, message: Uint8Array): number | Errno;
  /** Waits until that message has been sent; what `send` would have returned. */
  endAside(): number | Errno;
  /** One datagram, whole; −ETIMEDOUT when none came within `timeoutMs`. */
  recv(fd: number, timeoutMs: number): Uint8Array | Errno;
  /** Index in `fds` of the first that can be read (or has hung up); −ETIMEDOUT when none could be in `timeoutMs`. */
  poll(fds: number[], timeoutMs: number): number | Errno;
}

/** The value of a call that must not fail; throws HostError with the call, what it was about, and errno. */
export function ok<T>(value: T | Errno, call: string, target: string): T {
  if (typeof value === "number" && value < 0) throw new HostError(-value, call, target);
  return value as T;
}
