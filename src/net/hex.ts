// Bytes as hexadecimal digits.

const pairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const digits = "0123456789abcdefABCDEF";
/** By pair of digits, in either case. */
const bytesOf = new Map(
  [...digits].flatMap((high) => [...digits].map((low) => [high + low, Number.parseInt(high + low, 16)])),
);

/** The byte that the two digits at `at` stand for, in either case; undefined where there is anything else. */
export function parseHexPair(text: string, at: number): number | undefined {
  return bytesOf.get(text.slice(at, at + 2));
}

/** The first `count` bytes, two lower-case digits each. */
export function formatHex(bytes: Uint8Array, count: number, separator = ""): string {
  let text = count > 0 ? pairs[bytes[0]!]! : "";
  for (let at = 1; at < count; at++) text += separator + pairs[bytes[at]!]!;
  return text;
}
