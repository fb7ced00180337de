// Ethernet addresses: text to bytes and back. The forms are those of Go's net.ParseMAC that have 6 bytes.

import { hexDigit } from "./ip.ts";

const [dash, dot, colon] = [0x2d, 0x2e, 0x3a];

/** The 6 bytes of `aa:bb:cc:dd:ee:ff`, `aa-bb-cc-dd-ee-ff` or `aabb.ccdd.eeff`, in either case; else undefined. */
export function parseMac(text: string): Uint8Array | undefined {
  const width = text.length === 14 ? 4 : 2;
  const separator = text.charCodeAt(width);
  const fits = width === 4 ? separator === dot : separator === colon || separator === dash;
  if (!fits || (width === 2 && text.length !== 17)) return undefined;
  const mac = new Uint8Array(6);
  let digits = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (at % (width + 1) === width) {
      if (char !== separator) return undefined;
      continue;
    }
    const digit = hexDigit(char);
    if (digit < 0) return undefined;
    mac[digits >> 1] = (mac[digits >> 1]! << 4) | digit;
    digits++;
  }
  return mac;
}

/** `aa:bb:cc:dd:ee:ff`, lower case, for any number of bytes. */
export function formatMac(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}
