// Ethernet addresses: text to bytes and back. The forms are those of Go's net.ParseMAC that have 6 bytes.

import { formatHex, parseHexPair } from "./hex.ts";
import { remembering } from "./remembering.ts";

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
    const byte = parseHexPair(digits, at);
    if (byte === undefined) return undefined;
    mac[index] = byte;
  }
  return mac;
});

/** `aa:bb:cc:dd:ee:ff`, lower case, for any number of bytes. */
export function formatMac(mac: Uint8Array): string {
  return formatHex(mac, ":");
}
