// The bytes that scripts/capture-golden.sh caught: what ip, bridge and nft send, and what the kernel answers them.

import { readdirSync, readFileSync } from "node:fs";

const directory = new URL("../golden/netlink/", import.meta.url);

export interface Golden {
  /** The command that was watched. */
  readonly command: string;
  readonly bytes: Uint8Array;
}

/** The names that `golden` takes. */
export const goldenNames = readdirSync(directory).map((file) => file.replace(/\.hex$/, ""));

export function golden(name: string): Golden {
  const [command, ...lines] = readFileSync(new URL(`${name}.hex`, directory), "utf8").split("\n");
  return { command: command!, bytes: fromHex(lines.join(" ")) };
}

/** Bytes of hex digits with any white space between them. */
export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.replace(/\s/g, "").match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

/** Four bytes to a line, so that a difference shows which word is another. */
export function toHex(bytes: Uint8Array): string[] {
  return Array.from({ length: Math.ceil(bytes.length / 4) }, (_, word) =>
    Array.from(bytes.subarray(4 * word, 4 * word + 4), (byte) => byte.toString(16).padStart(2, "0")).join(
      " ",
    ),
  );
}
