// What every codec must do, in one line of a test.

import { expect } from "vitest";
import { type Codec, decode, encode, type Reader } from "../../src/netlink/codec.ts";
import { fromHex, toHex } from "./golden.ts";

/** The value's bytes are these, they hold that value, and nothing is misread when some are missing. */
export function roundTrips<T>(codec: Codec<T>, value: T, hex: string): void {
  const bytes = fromHex(hex);
  expect(toHex(encode(codec, value))).toEqual(toHex(bytes));
  expect(decode(codec, bytes)).toEqual(value);
  staysInside(codec, bytes);
}

/**
 * Every beginning of `bytes` either throws RangeError or is read as it stands, whatever lies before and behind it:
 * a codec that looked there would give another value than for a buffer that ends with it.
 */
export function staysInside<T>(codec: Reader<T>, bytes: Uint8Array): void {
  for (let length = 0; length <= bytes.length; length++) {
    const alone = outcome(codec, bytes.slice(0, length));
    for (const filler of [0x00, 0x01, 0xff]) {
      const among = new Uint8Array(bytes.length + 24).fill(filler);
      among.set(bytes.subarray(0, length), 4);
      expect(outcome(codec, among.subarray(4, 4 + length)), `${length} of ${bytes.length}`).toEqual(alone);
      // The same span as a part of a longer view, which is how messages are read.
      expect(outcome({ read: () => codec.read(among, 4, 4 + length) }, among)).toEqual(alone);
    }
  }
}

function outcome<T>(codec: Reader<T>, bytes: Uint8Array): unknown {
  try {
    return { value: decode(codec, bytes) };
  } catch (error) {
    if (error instanceof RangeError) return "RangeError";
    throw error;
  }
}
