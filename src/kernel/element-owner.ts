// Who a set element belongs to, kept beside it in the kernel as a comment that `nft list` shows. The hashes come first
// and have a fixed length, so that they survive when the readable rest is cut.

import type { Host } from "../host.ts";
import { type AttachmentId, hash16 } from "../net/names.ts";

/** NFTNL_UDATA_*_COMMENT, the first user data type of tables, chains, rules and elements alike (libnftnl's udata.h). */
const COMMENT = 0;
/** nft(8) takes comments of up to 128 characters. */
const COMMENT_LENGTH = 128;

/** User data that nft(8) shows as a comment: type, length, text (cut to `maximum` bytes), NUL. */
export function comment(host: Host, text: string, maximum = COMMENT_LENGTH - 1): Uint8Array {
  const bytes = host.encode(text).subarray(0, maximum);
  const userdata = new Uint8Array(bytes.length + 3);
  userdata[0] = COMMENT;
  userdata[1] = bytes.length + 1;
  userdata.set(bytes, 2);
  return userdata;
}

/** The text of such user data; empty when there is none. */
export function commentText(host: Host, userdata: Uint8Array | undefined): string {
  if (userdata === undefined || userdata[0] !== COMMENT) return "";
  return host.decode(userdata.subarray(2, 1 + userdata[1]!));
}

/** The part of an owner's comment that decides: `<hash of network>-<hash of ifname:containerId>`. */
function ownerKey(host: Host, owner: AttachmentId): string {
  return `${hash16(host, owner.network)}-${hash16(host, `${owner.ifname}:${owner.containerId}`)}`;
}

/** The comment of one attachment, in the words of the reference's masquerade rules. */
export function ownerComment(host: Host, owner: AttachmentId): Uint8Array {
  const { network, containerId, ifname } = owner;
  return comment(host, `${ownerKey(host, owner)}, net: ${network}, if: ${ifname}, id: ${containerId}`);
}

export function isOwnedBy(host: Host, userdata: Uint8Array | undefined, owner: AttachmentId): boolean {
  return commentText(host, userdata).startsWith(ownerKey(host, owner));
}
