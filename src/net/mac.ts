// Ethernet addresses: text to bytes and back. The forms are those of Go's net.ParseMAC that have 6 bytes.

import type { Host } from "../host.ts";
import { remembering } from "./remembering.ts";

/** By two lower-case digits. A loop, since whatever else is made at the top level stays in the executable. */
const bytesOf = new Map<string, number>();
for (let byte = 0; byte < 256; byte++) bytesOf.set(byte.toString(16).padStart(2, "0"), byte);

/** The 6 bytes (not to be changed) of `aa:bb:cc:dd:ee:ff`, `aa-bb-cc-dd-ee-ff` or `aabb.ccdd.eeff`, in either case; else undefined. */
export const parseMac = remembering((text): Uint8Array | undefined => {
  const dotted = text.length === 14;
  const separator = text.charAt(dotted ? 4 : 2);
  if (dotted ? separator !== "." : text.length !== 17 || (separator !== ":" && separator !== "-"))
    return undefined;
  const digits = text.toLowerCase();
  const mac = new Uint8Array(6);
  for (let index = 0, at = 0; index < 6; index++, at += 2) {
    if (index > 0 && (!dotted || index % 2 === 0) && text.charAt(at++) !== separator) return undefined;
    const byte = bytesOf.get(digits.slice(at, at + 2));
    if (byte === undefined) return undefined;
    mac[index] = byte;
  }
  return mac;
});

/** `aa:bb:cc:dd:ee:ff`, lower case, for any number of bytes. */
export function formatMac(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** The same of a MAC that the next layer reads again. */
export function nameMac(host: Host, mac: Uint8Array): string {
  const name = host.hex(mac, ":");
  parseMac.known.set(name, mac);
  return name;
}
