// The files of the index: `.cni-bridge` inside a network's directory, which the reference ignores. Read and written by
// name relative to its descriptor, which is never opened through a link.
//
// An entry is a symbolic link whose target is its text. Making one is a single system call that either happened or did
// not: no kill leaves half of it, and on a journaling file system it is metadata, which reaches the disk in order, so an
// entry made before its lease is not lost after a power cut that kept the lease. The reference, which reads every file
// below the directory on DEL, finds a link that leads nowhere and goes on.

import type { Guard } from "../cni/guard.ts";
import { EEXIST, ELOOP, ENOENT, ENOTDIR } from "../errno.ts";
import { type Errno, type Host, ok } from "../host.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../open-flags.ts";

const directoryName = ".cni-bridge";
const temporaryName = "entry";

export class IndexEntries {
  readonly path: string;
  readonly #host: Host;
  readonly #parent: number;
  /** The descriptor, or why there is none; undefined until it is needed. */
  #opened: number | Errno | undefined;

  /** `parent`: descriptor of the network's directory, `path` its path. */
  constructor(host: Host, parent: number, path: string) {
    this.#host = host;
    this.#parent = parent;
    this.path = `${path}/${directoryName}`;
  }

  /** The directory's descriptor, or the errno of opening it. */
  open(): number | Errno {
    this.#opened ??= this.#host.openat(this.#parent, directoryName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    return this.#opened;
  }

  /** The same of one that is made where there is none. What stands there and is no directory is nobody's. */
  make(): number | Errno {
    const there = this.open();
    if (there >= 0) return there;
    if (there === -ENOTDIR || there === -ELOOP) this.#host.unlinkat(this.#parent, directoryName, 0);
    const made = this.#host.mkdirat(this.#parent, directoryName, 0o700);
    if (made < 0 && made !== -EEXIST) return made;
    this.#opened = undefined;
    return this.open();
  }

  close(): void {
    if (this.#opened !== undefined && this.#opened >= 0) this.#host.close(this.#opened);
    this.#opened = undefined;
  }

  /** What an entry holds; undefined when there is none, null when it is not as we write it. */
  read<T>(name: string, isWhole: Guard<T>): T | undefined | null {
    const directory = this.open();
    const text = directory < 0 ? directory : this.#host.readlinkat(directory, name);
    if (typeof text === "number") return text === -ENOENT ? undefined : null;
    try {
      const value: unknown = JSON.parse(text);
      return isWhole(value) ? value : null;
    } catch {
      // Not written by us.
      return null;
    }
  }

  /** Makes or replaces an entry, whole in either case; the errno where the file system refuses. */
  write(name: string, value: unknown): number | Errno {
    const directory = this.make();
    if (directory < 0) return directory;
    const text = JSON.stringify(value);
    let made = this.#host.symlinkat(text, directory, name);
    if (made !== -EEXIST) return made;
    this.#host.unlinkat(directory, temporaryName, 0);
    made = this.#host.symlinkat(text, directory, temporaryName);
    return made < 0 ? made : this.#host.renameat(directory, temporaryName, directory, name);
  }

  /** As far as it goes; the errno where the file system refuses. */
  remove(name: string): Errno {
    const directory = this.open();
    return directory < 0 ? directory : this.#host.unlinkat(directory, name, 0);
  }

  /** The names of all entries; none where there is no index. Throws HostError. */
  list(): string[] {
    const directory = this.open();
    // What stands there and is no directory is no index; DEL goes on without one.
    if (directory === -ENOENT || directory === -ENOTDIR || directory === -ELOOP) return [];
    return ok(this.#host.list(ok(directory, "open", this.path)), "list", this.path);
  }
}
