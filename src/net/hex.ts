// Bytes as hexadecimal digits.

const pairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
/** By pair of digits. A loop, since whatever else is made at the top level stays in the executable. */
const bytesOf = new Map<string, number>();
for (let byte = 0; byte < 256; byte++) bytesOf.set(pairs[byte]!, byte);

/** The byte that the two lower-case digits at `at` stand for; undefined where there is anything else. */
export function parseHexPair(text: string, at: number): number | undefined {
  return bytesOf.get(text.slice(at, at + 2));
}

/** Two lower-case digits for each byte, with something between them. */
export function formatHex(bytes: Uint8Array, separator = ""): string {
  let text = bytes.length > 0 ? pairs[bytes[0]!]! : "";
  for (let at = 1; at < bytes.length; at++) text += separator + pairs[bytes[at]!]!;
  return text;
}
