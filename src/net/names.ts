// Names and MACs that can be computed again from what they stand for, so that nothing has to be remembered to find them.

import type { Host } from "../host.ts";

/** One interface of one container on one network: what every derived name is derived from. */
export interface AttachmentId {
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
}

/** The hash of texts, of which none can hold a NUL, kept apart by one. */
function hash(host: Host, ...parts: readonly string[]): Uint8Array {
  return host.sha512(host.encode(parts.join("\0")));
}

/** 32 letters and digits that no two of look alike in a terminal: no i, l, o, u (Crockford's base 32). */
const letters = "0123456789abcdefghjkmnpqrstvwxyz";

/** 11 characters that stand for an attachment: 55 bits of a hash. */
export function attachmentKey(host: Host, id: AttachmentId): string {
  let key = "";
  for (const byte of hash(host, id.network, id.containerId, id.ifname).subarray(0, 11))
    key += letters[byte & 31];
  return key;
}

/** The host's end of an attachment's veth pair, 15 characters: all that IFNAMSIZ allows. */
export function hostVethName(host: Host, id: AttachmentId): string {
  return `veth${attachmentKey(host, id)}`;
}

/** The first 16 hex digits of SHA-512 of a text, as the reference's nftables comments and chain names use it. */
export function hash16(host: Host, text: string): string {
  let hex = "";
  for (const byte of host.sha512(host.encode(text)).subarray(0, 8)) hex += byte.toString(16).padStart(2, "0");
  return hex;
}

/** Marks six bytes as a locally administered unicast MAC (IEEE 802, bits 1 and 0 of the first byte). */
function locallyAdministered(bytes: Uint8Array): Uint8Array {
  const mac = bytes.slice(0, 6);
  mac[0] = (mac[0]! & 0xfc) | 0x02;
  return mac;
}

export function randomMac(host: Host): Uint8Array {
  return locallyAdministered(host.random(6));
}

/** A bridge's MAC, the same after every re-creation on a machine and another on every other machine. */
export function bridgeMac(host: Host, machineId: string, bridge: string): Uint8Array {
  return locallyAdministered(hash(host, "bridge", machineId, bridge));
}
