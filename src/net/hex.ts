// Bytes as hexadecimal digits.

const pairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The first `count` bytes, two lower-case digits each. */
export function formatHex(bytes: Uint8Array, count: number, separator = ""): string {
  const digits: string[] = [];
  for (let at = 0; at < count; at++) digits[at] = pairs[bytes[at]!]!;
  return digits.join(separator);
}
