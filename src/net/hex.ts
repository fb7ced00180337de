// Bytes as hexadecimal digits.

const pairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The bytes that pairs of digits stand for, in either case; undefined where there is anything else. */
export function parseHex(digits: string): Uint8Array | undefined {
  const count = digits.length / 2;
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; at++) {
    const pair = digits.slice(2 * at, 2 * at + 2).toLowerCase();
    const byte = Number.parseInt(pair, 16);
    if (pairs[byte] !== pair) return undefined;
    bytes[at] = byte;
  }
  return bytes;
}

/** The first `count` bytes, two lower-case digits each. */
export function formatHex(bytes: Uint8Array, count: number, separator = ""): string {
  const digits: string[] = [];
  for (let at = 0; at < count; at++) digits[at] = pairs[bytes[at]!]!;
  return digits.join(separator);
}
