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
  return host.sha512(parts.join("\0"));
}

/** 32 letters and digits that no two of look alike in a terminal: no i, l, o, u (Crockford's base 32). */
const letters = "0123456789abcdefghjkmnpqrstvwxyz";

/** 11 characters, 55 bits of a hash: with "veth" before them all that IFNAMSIZ allows. */
function characters(hashed: Uint8Array): string {
  let text = "";
  for (let at = 0; at < 11; at++) text += letters[hashed[at]! & 31];
  return text;
}

/** A name for the host's end of an attachment's veth pair: the prefix, then as much of its hash as IFNAMSIZ allows. */
export function hostInterfaceName(
  host: Host,
  { network, containerId, ifname }: AttachmentId,
  prefix: string,
): string {
  return `${prefix}${characters(hash(host, network, containerId, ifname))}`.slice(0, 15);
}

export const vethPrefix = "veth";

/** The name that the host's end has unless another is configured, and by which an attachment is known in any case. */
export function hostVethName(host: Host, id: AttachmentId): string {
  return hostInterfaceName(host, id, vethPrefix);
}

/** The first hex digits of SHA-512 of a text: the reference's chain names and comments hold such. */
export function hexHash(host: Host, text: string, digits: number): string {
  return host.hex(host.sha512(text), "").slice(0, digits);
}

export function hash16(host: Host, text: string): string {
  return hexHash(host, text, 16);
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

/** A MAC of a device that the whole network shares: the same whenever it is made again on a machine, another elsewhere. */
export function stableMac(host: Host, machineId: string, device: string): Uint8Array {
  return locallyAdministered(hash(host, "mac", machineId, device));
}

/** The bridge port behind a VLAN's gateway interface. */
export function vlanPortName(host: Host, gatewayName: string): string {
  return `${vethPrefix}${characters(hash(host, "vlan-gateway", gatewayName))}`;
}
