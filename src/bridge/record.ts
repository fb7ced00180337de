// The records of attachments, in /run/cni-bridge/<network>/<derived name>: what each holds (attachment-record.ts) is enough
// to undo it without its namespace, its configuration or its IPAM plugin. Written before the first change and removed after
// the last. A help, never an authority: what one says is checked against the kernel, and DEL works without it.

import { warn } from "../cni/warn.ts";
import { describeErrno, EEXIST, EISDIR, ELOOP, ENOENT, ENOTDIR, EROFS } from "../errno.ts";
import { AT_FDCWD, type Errno, type Host, ok } from "../host.ts";
import { hostVethName } from "../net/names.ts";
import {
  AT_REMOVEDIR,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
} from "../open-flags.ts";
import {
  type Assigned,
  type AttachmentRecord,
  formatAssigned,
  formatBegin,
  parseRecord,
} from "./attachment-record.ts";

export const DIRECTORY = "/run/cni-bridge";
const MAX_BYTES = 65_536;
/** There is none; what stands in its place and is no directory or file holds none either. */
const absent: readonly Errno[] = [-ENOENT, -ENOTDIR, -ELOOP];

function pathOf(network: string, key: string): string {
  return `${DIRECTORY}/${network}/${key}`;
}

/** Opens the directory of all records, never through a symbolic link. */
export function openDirectory(host: Host): number | Errno {
  return host.openat(AT_FDCWD, DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

/** Opens the directory of a network's records, in the same way. */
function openNetwork(host: Host, network: string): number | Errno {
  const all = openDirectory(host);
  if (all < 0) return all;
  const directory = host.openat(all, network, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
  host.close(all);
  return directory;
}

function makeDirectories(host: Host, network: string): Errno {
  for (const path of [DIRECTORY, `${DIRECTORY}/${network}`]) {
    const made = host.mkdirat(AT_FDCWD, path, 0o700);
    if (made < 0 && made !== -EEXIST) return made;
  }
  return 0;
}

/** Makes the file `key` of a directory, where there is none, and writes to it; the descriptor, to write more to, or the errno. */
function writeNew(host: Host, directory: number, key: string, text: string): number | Errno {
  const fd = host.openat(directory, key, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  if (fd < 0) return fd;
  const written = host.write(fd, text);
  if (written >= 0) return fd;
  host.close(fd);
  host.unlinkat(directory, key, 0);
  return written;
}

/** The same in the directory of a network, which is made where it is missing. */
function writeIn(host: Host, network: string, key: string, text: string): number | Errno {
  let done: number | Errno = 0;
  // Twice again at most: the last attachment's DEL may remove the directory as soon as it is made.
  for (let round = 0; round < 3; round++) {
    const made = round === 0 ? 0 : makeDirectories(host, network);
    if (made < 0) return made;
    const directory = openNetwork(host, network);
    done = directory < 0 ? directory : writeNew(host, directory, key, text);
    if (directory >= 0) host.close(directory);
    if (done !== -ENOENT) break;
  }
  return done;
}

/** A record that this call has begun. */
export class RecordFile {
  readonly #host: Host;
  readonly #network: string;
  readonly #key: string;
  /** A negative errno where it cannot be written. */
  readonly #fd: number | Errno;

  private constructor(host: Host, { network, key }: Pick<AttachmentRecord, "network" | "key">, fd: number) {
    this.#host = host;
    this.#network = network;
    this.#key = key;
    this.#fd = fd;
    if (fd < 0) this.#refused(fd);
  }

  /** Begins a record; undefined where there is one. Where /run cannot be written the attachment goes on without: a warning. */
  static begin(host: Host, record: AttachmentRecord): RecordFile | undefined {
    const fd = writeIn(host, record.network, record.key, formatBegin(record));
    return fd === -EEXIST ? undefined : new RecordFile(host, record, fd);
  }

  /** The same in the place of one that is nobody's any more. */
  static replace(host: Host, record: AttachmentRecord): RecordFile {
    removeRecord(host, record.network, record.key);
    // Another's that came since says the same of the same attachment.
    return RecordFile.begin(host, record) ?? new RecordFile(host, record, -EEXIST);
  }

  /** Adds what IPAM assigned. */
  assign(assigned: Assigned): void {
    if (this.#fd < 0) return;
    const written = this.#host.write(this.#fd, formatAssigned(assigned));
    this.#host.close(this.#fd);
    if (written >= 0) return;
    this.#refused(written);
    // One that does not say all would mislead DEL. Where it cannot go either, this throws and ADD is undone.
    removeRecord(this.#host, this.#network, this.#key);
  }

  #refused(errno: Errno): void {
    const why = `cannot write ${pathOf(this.#network, this.#key)}: ${describeErrno(-errno)}`;
    warn(this.#host, `${why}; DEL will have to search for what belongs to it`);
  }
}

/** The record of an attachment, or undefined where there is none or it cannot be read or understood. */
export function readRecord(host: Host, network: string, key: string): AttachmentRecord | undefined {
  const directory = openNetwork(host, network);
  if (directory < 0) return undefined;
  const record = readFrom(host, directory, network, key);
  host.close(directory);
  return typeof record === "number" ? undefined : record;
}

function readFrom(
  host: Host,
  directory: number,
  network: string,
  key: string,
): AttachmentRecord | undefined | Errno {
  const fd = host.openat(directory, key, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  if (fd < 0) return absent.includes(fd) ? undefined : fd;
  const bytes = host.read(fd, MAX_BYTES);
  host.close(fd);
  if (typeof bytes === "number") return bytes === -EISDIR ? undefined : bytes;
  try {
    const record = parseRecord(host.decode(bytes), pathOf(network, key));
    return record?.key === key && record.network === network ? record : undefined;
  } catch {
    // Its ADD was killed as it began, or a power cut tore it in a /run that is no tmpfs: as good as none.
    return undefined;
  }
}

/** The networks that have records; throws HostError where that cannot be told. */
export function listNetworks(host: Host): string[] {
  const directory = openDirectory(host);
  if (absent.includes(directory)) return [];
  ok(directory, "open", DIRECTORY);
  try {
    return listNames(host, directory, DIRECTORY);
  } finally {
    host.close(directory);
  }
}

/** Every record of a network; throws HostError where one that is there cannot be read, as nobody would know of it. */
export function listRecords(host: Host, network: string): AttachmentRecord[] {
  const path = `${DIRECTORY}/${network}`;
  const directory = openNetwork(host, network);
  if (absent.includes(directory)) return [];
  ok(directory, "open", path);
  try {
    return listNames(host, directory, path).flatMap((key) => {
      const record = ok(readFrom(host, directory, network, key), "read", pathOf(network, key));
      // Damaged where it speaks of another attachment than its name.
      return record !== undefined && hostVethName(host, record) === key ? record : [];
    });
  } finally {
    host.close(directory);
  }
}

/** What a directory holds but for dot files. */
function listNames(host: Host, directory: number, path: string): string[] {
  return ok(host.list(directory), "list", path).filter((name) => !name.startsWith("."));
}

/** Removes a record, and its directory when it was the last of its network. */
export function removeRecord(host: Host, network: string, key: string): void {
  const directory = openNetwork(host, network);
  if (absent.includes(directory)) return;
  ok(directory, "open", `${DIRECTORY}/${network}`);
  let gone = host.unlinkat(directory, key, 0);
  // A read-only file system refuses before it looks whether there is such a file.
  if (gone === -EROFS && host.fstatat(directory, key, 0) === -ENOENT) gone = -ENOENT;
  host.close(directory);
  if (gone !== -ENOENT) ok(gone, "remove", pathOf(network, key));
  // Not empty while another attachment lives.
  host.unlinkat(AT_FDCWD, `${DIRECTORY}/${network}`, AT_REMOVEDIR);
}
