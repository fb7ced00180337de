// What is remembered of an attachment while it lives, in /run/cni-bridge/<network>/<derived name>: enough to undo it
// without its namespace, its configuration or its IPAM plugin. Written before the first change and removed after the
// last. It is a help, never an authority: what it says is checked against the kernel, and DEL works without it.

import { isObject, parseJson } from "../cni/json.ts";
import { warn } from "../cni/warn.ts";
import { describeErrno, EEXIST, ENOENT } from "../errno.ts";
import { AT_FDCWD, type Errno, type Host, ok } from "../host.ts";
import type { AttachmentId } from "../net/names.ts";
import type { MasqueradeConfig } from "./masquerade-config.ts";

export interface AttachmentRecord extends AttachmentId, MasqueradeConfig {
  /** The derived name (identity.ts), which is the file's too. */
  readonly key: string;
  readonly netns: string;
  readonly bridge: string;
  /** The host's end, and its MAC, by which it is known where it is not called `key`. */
  readonly hostName: string;
  readonly hostMac: string;
  readonly ipamType: string;
  /** With prefix; empty until IPAM has answered. */
  readonly addresses: readonly string[];
  /** The MAC spoof check is on. */
  readonly spoofCheck: boolean;
}

export const DIRECTORY = "/run/cni-bridge";
const O_RDONLY = 0;
const O_WRONLY = 1;
const O_CREAT = 0o100;
const O_TRUNC = 0o1000;
const O_NOFOLLOW = 0o400000;
const AT_REMOVEDIR = 0x200;
const MAX_BYTES = 65_536;

function pathOf(network: string, key: string): string {
  return `${DIRECTORY}/${network}/${key}`;
}

function makeDirectories(host: Host, network: string): Errno {
  for (const path of [DIRECTORY, `${DIRECTORY}/${network}`]) {
    const made = host.mkdirat(AT_FDCWD, path, 0o700);
    if (made < 0 && made !== -EEXIST) return made;
  }
  return 0;
}

/** Writes `path` whole or not at all; with `exclusive` only where there is none yet. */
function writeWhole(
  host: Host,
  { network, key }: AttachmentRecord,
  bytes: Uint8Array,
  exclusive: boolean,
): Errno {
  const path = pathOf(network, key);
  // The dot keeps a half-written file out of every listing; a fixed name lets the next try replace it.
  const temporary = pathOf(network, `.${key}`);
  const flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
  let fd = host.openat(AT_FDCWD, temporary, flags, 0o600);
  // Twice at most: the last attachment's DEL may remove the directory as soon as it is made.
  for (let round = 0; fd === -ENOENT && round < 2; round++) {
    const made = makeDirectories(host, network);
    fd = made < 0 ? made : host.openat(AT_FDCWD, temporary, flags, 0o600);
  }
  if (fd < 0) return fd;
  const written = host.write(fd, bytes);
  host.close(fd);
  if (written < 0) return written;
  if (!exclusive) return host.renameat(AT_FDCWD, temporary, AT_FDCWD, path);
  const linked = host.linkat(AT_FDCWD, temporary, AT_FDCWD, path);
  host.unlinkat(AT_FDCWD, temporary, 0);
  return linked;
}

/**
 * Writes a record; false where `exclusive` is asked for and there is one. Where /run cannot be written the attachment
 * goes on without: a warning.
 */
export function writeRecord(host: Host, record: AttachmentRecord, exclusive: boolean): boolean {
  const done = writeWhole(host, record, host.encode(JSON.stringify(record)), exclusive);
  if (done === -EEXIST) return false;
  if (done < 0) {
    const path = pathOf(record.network, record.key);
    warn(
      host,
      `cannot write ${path}: ${describeErrno(-done)}; DEL will have to search for what belongs to it`,
    );
  }
  return true;
}

/** The record of an attachment, or undefined where there is none or it cannot be understood. */
export function readRecord(host: Host, network: string, key: string): AttachmentRecord | undefined {
  const path = pathOf(network, key);
  const fd = host.openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, 0);
  if (fd < 0) return undefined;
  const bytes = host.read(fd, MAX_BYTES);
  host.close(fd);
  if (typeof bytes === "number") return undefined;
  try {
    const record = parseJson(host.decode(bytes), path);
    return isRecord(record) && record.key === key ? record : undefined;
  } catch {
    // Torn by a power cut in a /run that is no tmpfs: as good as none.
    return undefined;
  }
}

/** The networks that have records. */
export function listNetworks(host: Host): string[] {
  return listNames(host, DIRECTORY);
}

/** Every record of a network. */
export function listRecords(host: Host, network: string): AttachmentRecord[] {
  return listNames(host, `${DIRECTORY}/${network}`)
    .map((name) => readRecord(host, network, name))
    .filter((record) => record !== undefined);
}

/** What a directory holds but for dot files; nothing where it is not there. */
function listNames(host: Host, path: string): string[] {
  const directory = host.openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, 0);
  if (directory < 0) return [];
  const names = host.list(directory);
  host.close(directory);
  return typeof names === "number" ? [] : names.filter((name) => !name.startsWith("."));
}

const texts = [
  "network",
  "containerId",
  "ifname",
  "key",
  "netns",
  "bridge",
  "hostName",
  "hostMac",
  "ipamType",
];
const lists = ["addresses", "ipMasqFamilies", "masqExclude"];

function isRecord(value: unknown): value is AttachmentRecord {
  return (
    isObject(value) &&
    texts.every((name) => typeof value[name] === "string") &&
    lists.every((name) => {
      const list = value[name];
      return Array.isArray(list) && list.every((each) => typeof each === "string");
    })
  );
}

/** Removes a record, and its directory when it was the last of its network. */
export function removeRecord(host: Host, network: string, key: string): void {
  const path = pathOf(network, key);
  const gone = host.unlinkat(AT_FDCWD, path, 0);
  if (gone !== -ENOENT) ok(gone, "remove", path);
  host.unlinkat(AT_FDCWD, pathOf(network, `.${key}`), 0);
  // Not empty while another attachment lives.
  host.unlinkat(AT_FDCWD, `${DIRECTORY}/${network}`, AT_REMOVEDIR);
}
