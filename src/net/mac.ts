// Ethernet addresses: text to bytes and back. The forms are those of Go's net.ParseMAC that have 6 bytes.

import { formatHex, parseHex } from "./hex.ts";

/** The 6 bytes of `aa:bb:cc:dd:ee:ff`, `aa-bb-cc-dd-ee-ff` or `aabb.ccdd.eeff`, in either case; else undefined. */
export function parseMac(text: string): Uint8Array | undefined {
  const separator = text.charAt(text.length === 14 ? 4 : 2);
  const groups = text.split(separator);
  const dotted = separator === "." && groups.length === 3;
  if (!dotted && !((separator === ":" || separator === "-") && groups.length === 6)) return undefined;
  const width = dotted ? 4 : 2;
  if (groups.some((group) => group.length !== width)) return undefined;
  return parseHex(groups.join(""));
}

/** `aa:bb:cc:dd:ee:ff`, lower case, for any number of bytes. */
export function formatMac(mac: Uint8Array): string {
  return formatHex(mac, mac.length, ":");
}
