import { describe, expect, it } from "vitest";
import { attrs, list, tagged } from "../../src/netlink/attributes.ts";
import {
  align,
  bytes,
  type Codec,
  decode,
  encode,
  i32,
  i32be,
  reserve,
  str,
  struct,
  u8,
  u16,
  u16be,
  u32,
  u32be,
  u64be,
  writer,
} from "../../src/netlink/codec.ts";
import * as nft from "../../src/netlink/nf-tables.ts";
import { fromHex, toHex } from "../support/golden.ts";
import { roundTrips } from "../support/round-trip.ts";

describe("integers", () => {
  it.each([
    ["u8", u8, 0xfe, "fe"],
    ["u16", u16, 0xfe01, "01fe"],
    ["u16be", u16be, 0xfe01, "fe01"],
    ["u32", u32, 0xfedcba98, "98badcfe"],
    ["u32be", u32be, 0xfedcba98, "fedcba98"],
    ["i32", i32, -2, "feffffff"],
    ["i32be", i32be, -2, "fffffffe"],
  ] as const)("%s has its size, order and sign", (_name, codec, value, hex) => {
    roundTrips(codec, value, hex);
    expect(() => decode(codec, fromHex(hex).subarray(1))).toThrow(RangeError);
    expect(() => decode(codec, fromHex(`${hex}00`))).toThrow(RangeError);
  });

  it("u64be keeps all 64 bits", () => {
    roundTrips(u64be, 0xfedcba9876543210n, "fedcba9876543210");
  });
});

describe("str", () => {
  it("ends with a NUL", () => {
    roundTrips(str, "eth0", "6574683000");
    roundTrips(str, "", "00");
  });

  it("reads up to the first NUL, or to the end where there is none", () => {
    expect(decode(str, fromHex("6574683000ff00"))).toBe("eth0");
    expect(decode(str, fromHex("65746830"))).toBe("eth0");
    expect(decode(str, new Uint8Array())).toBe("");
  });

  it("keeps bytes above 127 one for one", () => {
    roundTrips(str, "\u00e9", "e900");
  });
});

describe("bytes", () => {
  it("holds anything, and nothing", () => {
    roundTrips(bytes, Uint8Array.of(0, 255), "00ff");
    roundTrips(bytes, new Uint8Array(), "");
  });

  it("reads a copy", () => {
    const source = Uint8Array.of(1, 2);
    const copy = decode(bytes, source);
    source[0] = 9;
    expect(copy).toEqual(Uint8Array.of(1, 2));
  });
});

describe("struct", () => {
  const header = struct({ family: u8, pad: u8, type: u16be, index: u32 });

  it("lays the fields out in order", () => {
    roundTrips(header, { family: 1, pad: 2, type: 3, index: 4 }, "01 02 0003 04000000");
    expect(header.size).toBe(8);
  });

  it("writes 0 for a field that is not given", () => {
    expect(toHex(encode(header, { index: 1 }))).toEqual(["00 00 00 00", "01 00 00 00"]);
  });

  it("throws where it does not fit, and ignores what a newer kernel appends", () => {
    expect(() => decode(header, fromHex("01020003040000"))).toThrow(
      "7 bytes where a header of 8 was expected",
    );
    expect(decode(header, fromHex("01 02 0003 04000000 ffff"))).toMatchObject({ index: 4 });
  });
});

describe("reserve", () => {
  it("keeps what was written when it grows, and gives zeros", () => {
    const out = writer();
    const room = out.bytes.length;
    out.bytes.fill(0xee);
    out.at = room;
    expect(reserve(out, 3 * room)).toBe(room);
    expect(out.bytes.subarray(0, room).every((byte) => byte === 0xee)).toBe(true);
    expect(out.bytes.subarray(room, out.at).every((byte) => byte === 0)).toBe(true);
  });

  it("is survived by every codec at the very edge of the first buffer", () => {
    const sample: readonly [Codec<unknown>, unknown][] = [
      [u8, 1],
      [u16, 2],
      [u32, 3],
      [u64be, 4n],
      [str, "name"],
      [bytes, Uint8Array.of(1, 2, 3, 4, 5)],
      [struct({ a: u32, b: u32 }), { a: 1, b: 2 }],
      [attrs({ a: [1, bytes] }), { a: Uint8Array.of(1, 2, 3) }],
      [list(1, str), ["one", "two"]],
      [tagged(1, 2, { masq: attrs({ flags: [1, u32be] }) }), { kind: "masq", data: { flags: 4 } }],
    ] as readonly [Codec<unknown>, unknown][];
    const edge = writer().bytes.length;
    for (const [codec, value] of sample) {
      const alone = encode(codec, value);
      for (let before = edge - alone.length - 4; before <= edge; before++) {
        const out = writer();
        reserve(out, before);
        codec.write(out, value);
        expect(toHex(out.bytes.slice(before, out.at)), `${before}`).toEqual(toHex(alone));
      }
    }
  });

  it("is survived by a message of many elements", () => {
    const elements = Array.from({ length: 300 }, (_, index) => ({
      key: { value: Uint8Array.of(10, 0, index >> 8, index & 255) },
      data: { verdict: { code: nft.NFT_GOTO, chain: "net-0123456789abcdef" } },
      userdata: new Uint8Array(120).fill(index),
    }));
    const decoded = decode(nft.newSetElem.codec, encode(nft.newSetElem.codec, { elements }));
    expect(decoded.elements).toEqual(elements);
  });
});

describe("align", () => {
  it.each([
    [0, 0],
    [1, 4],
    [4, 4],
    [5, 8],
  ])("rounds %d up to %d", (length, aligned) => {
    expect(align(length)).toBe(aligned);
  });
});
