// When a container is certainly dead, so that its addresses may go to others. Never on absence from somebody's list
// and never by the wall clock; both have freed live addresses elsewhere. The proofs:
//  - its leases were there in an earlier boot of this same machine: nothing that ran then runs now. Without a machine
//    id this proves nothing, for the directory may be shared;
//  - its namespace is gone and so is the host's end of its link. The namespace is known by its cookie (unique in a boot;
//    inode numbers are reused at once). A cookie can only be asked of a namespace one can open, so: the path it was
//    given at ADD no longer leads to it, and the link, which dies with the namespace, is no more. Only a caller that
//    makes such links can tell, from the namespace where it made this one; for all others the boot alone counts.

import { EINVAL, ENOENT, ENOTDIR } from "../errno.ts";
import { AT_FDCWD, type Host } from "../host.ts";
import { O_NONBLOCK, O_RDONLY } from "../open-flags.ts";
import type { Attachment } from "./attachment-index.ts";
import type { NodeIdentity } from "./node-identity.ts";

/** What a plugin that calls us in its own process knows beyond the request. */
export interface Caller {
  /** SO_NETNS_COOKIE of the container's namespace, decimal; it is recorded with the lease. */
  readonly netnsCookie?: string;
  /** The same of the namespace the plugin runs in. */
  readonly homeCookie?: string;
  /** Whether the host's end of an attachment's link exists; one that this very call has made does not count. */
  readonly linkExists?: (containerId: string, ifname: string) => boolean;
}

const NSFS_MAGIC = 0x6e736673; // include/uapi/linux/magic.h
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_NETNS_COOKIE = 71; // include/uapi/asm-generic/socket.h

/** Why the container of an attachment is dead, in words; undefined when that is not proved. */
export function causeOfDeath(
  host: Host,
  node: NodeIdentity,
  { linkExists, homeCookie: home }: Caller,
  attachment: Attachment,
): string | undefined {
  if (isOfEarlierBoot(node, attachment)) return "of an earlier boot";
  const { containerId, ifname, netns, netnsCookie, homeCookie } = attachment;
  if (attachment.boot !== node.boot || linkExists === undefined || !netns || !netnsCookie) return undefined;
  if (!isNamespaceGone(host, netns, netnsCookie) || homeCookie !== home) return undefined;
  if (linkExists(containerId, ifname)) return undefined;
  return "its namespace and its link are gone";
}

export function isOfEarlierBoot(node: NodeIdentity, { boot, machine }: NodeIdentity): boolean {
  return machine !== "" && machine === node.machine && boot !== "" && node.boot !== "" && boot !== node.boot;
}

/** Whether a path no longer leads to the network namespace with that cookie. What cannot be asked is not gone. */
export function isNamespaceGone(host: Host, path: string, cookie: string | undefined): boolean {
  const fd = host.openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);
  if (fd < 0) return fd === -ENOENT || fd === -ENOTDIR;
  try {
    const type = host.fstatfs(fd);
    if (type < 0) return false;
    if (type !== NSFS_MAGIC) return true;
    if (cookie === undefined) return false;
    const found = readCookie(host, fd);
    return found !== undefined && found !== cookie;
  } finally {
    host.close(fd);
  }
}

/** The cookie of the network namespace that a descriptor stands for, decimal; "" when it is a namespace of another kind. */
function readCookie(host: Host, netns: number): string | undefined {
  const socket = host.socket(netns, AF_UNIX, SOCK_DGRAM, 0);
  if (socket === -EINVAL) return "";
  if (socket < 0) return undefined;
  try {
    const bytes = host.getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, 8);
    if (typeof bytes === "number") return undefined;
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true).toString();
  } finally {
    host.close(socket);
  }
}
