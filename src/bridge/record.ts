// The records of attachments, in /run/cni-bridge/<network>/<derived name>: what each holds (attachment-record.ts) is enough
// to undo it without its namespace, its configuration or its IPAM plugin. Written before the first change and removed after
// the last. A help, never an authority: what one says is checked against the kernel, and DEL works without it.

import { parseJson } from "../cni/json.ts";
import { warn } from "../cni/warn.ts";
import { describeErrno, EEXIST, EISDIR, ELOOP, ENOENT, ENOTDIR, EROFS } from "../errno.ts";
import { AT_FDCWD, type Errno, type Host, ok } from "../host.ts";
import { hostVethName } from "../net/names.ts";
import {
  AT_REMOVEDIR,
  O_CREAT,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
} from "../open-flags.ts";
import { type AttachmentRecord, isRecord } from "./attachment-record.ts";

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

/** Writes the file `key` of a directory whole or not at all; with `exclusive` only where there is none yet. */
function writeWhole(
  host: Host,
  directory: number,
  key: string,
  bytes: Uint8Array,
  exclusive: boolean,
): Errno {
  // The dot keeps a half-written file out of every listing; a fixed name lets the next try replace it.
  const temporary = `.${key}`;
  const fd = host.openat(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  if (fd < 0) return fd;
  const written = host.write(fd, bytes);
  host.close(fd);
  if (written < 0) return written;
  if (!exclusive) return host.renameat(directory, temporary, directory, key);
  const linked = host.linkat(directory, temporary, directory, key);
  host.unlinkat(directory, temporary, 0);
  return linked;
}

/** The same in the directory of a network, which is made where it is missing. */
function writeIn(host: Host, network: string, key: string, bytes: Uint8Array, exclusive: boolean): Errno {
  let done: Errno = 0;
  // Twice again at most: the last attachment's DEL may remove the directory as soon as it is made.
  for (let round = 0; round < 3; round++) {
    const made = round === 0 ? 0 : makeDirectories(host, network);
    if (made < 0) return made;
    const directory = openNetwork(host, network);
    done = directory < 0 ? directory : writeWhole(host, directory, key, bytes, exclusive);
    if (directory >= 0) host.close(directory);
    if (done !== -ENOENT) break;
  }
  return done;
}

/**
 * Writes the text of a record; false where `exclusive` is asked for and there is one. Where /run cannot be written the
 * attachment goes on without: a warning.
 */
export function writeRecord(
  host: Host,
  { network, key }: Pick<AttachmentRecord, "network" | "key">,
  text: string,
  exclusive: boolean,
): boolean {
  const done = writeIn(host, network, key, host.encode(text), exclusive);
  if (done === -EEXIST) return false;
  if (done < 0) {
    const why = `cannot write ${pathOf(network, key)}: ${describeErrno(-done)}`;
    warn(host, `${why}; DEL will have to search for what belongs to it`);
    // One that no longer says all would mislead it. Where it cannot go either, this throws and ADD is undone.
    if (!exclusive) removeRecord(host, network, key);
  }
  return true;
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
    const record = parseJson(host.decode(bytes), pathOf(network, key));
    return isRecord(record) && record.key === key && record.network === network ? record : undefined;
  } catch {
    // Torn by a power cut in a /run that is no tmpfs: as good as none.
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
  host.unlinkat(directory, `.${key}`, 0);
  // A read-only file system refuses before it looks whether there is such a file.
  if (gone === -EROFS && host.fstatat(directory, key, 0) === -ENOENT) gone = -ENOENT;
  host.close(directory);
  if (gone !== -ENOENT) ok(gone, "remove", pathOf(network, key));
  // Not empty while another attachment lives.
  host.unlinkat(AT_FDCWD, `${DIRECTORY}/${network}`, AT_REMOVEDIR);
}
