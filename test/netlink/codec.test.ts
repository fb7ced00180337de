import { describe, expect, it } from "vitest";
import { attrs, body, list, tagged } from "../../src/netlink/attributes.ts";
import {
  align,
  bytes,
  type Codec,
  decode,
  encode,
  i32,
  i32be,
  str,
  struct,
  u8,
  u16,
  u16be,
  u32,
  u32be,
  u64be,
  written,
} from "../../src/netlink/codec.ts";
import * as nft from "../../src/netlink/nf-tables.ts";
import { route } from "../../src/netlink/rtnetlink.ts";
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

describe("written", () => {
  it("gives what was filled, and asks once more with room for what did not fit", () => {
    const rooms: number[] = [];
    const fill = (length: number) =>
      written((into) => {
        rooms.push(into.length);
        into.fill(0xee, 0, length);
        return length;
      });
    expect(fill(3)).toEqual(Uint8Array.of(0xee, 0xee, 0xee));
    const [room = 0] = rooms;
    expect(fill(room)).toEqual(new Uint8Array(room).fill(0xee));
    expect(fill(room + 1)).toEqual(new Uint8Array(room + 1).fill(0xee));
    expect(rooms).toEqual([room, room, room, room + 1]);
  });

  it("is told the end by every codec, wherever the room ends", () => {
    const sample: readonly [Codec<unknown>, unknown][] = [
      [u8, 1],
      [u16, 2],
      [u16be, 2],
      [u32, 3],
      [u32be, 3],
      [u64be, 4n],
      [str, "name"],
      [bytes, Uint8Array.of(1, 2, 3, 4, 5)],
      [struct({ a: u32, b: u32 }), { a: 1, b: 2 }],
      [attrs({ a: [1, bytes], b: [2, u32] }), { a: Uint8Array.of(1, 2, 3), b: 7 }],
      [list(1, str), ["one", "two"]],
      [tagged(1, 2, { masq: attrs({ flags: [1, u32be] }) }), { kind: "masq", data: { flags: 4 } }],
      [body(struct({ a: u16 }), attrs({ a: [1, bytes] })), { a: Uint8Array.of(1) }],
      [route, { multipath: [{ ifindex: 1 }, { ifindex: 2 }] }],
    ] as readonly [Codec<unknown>, unknown][];
    for (const [codec, value] of sample) {
      const alone = encode(codec, value);
      const before = 4;
      for (let room = 0; room <= before + alone.length; room++) {
        const into = new Uint8Array(room);
        expect(codec.write(into, before, value), `${room}`).toBe(before + alone.length);
        if (room >= before + alone.length) expect(toHex(into.subarray(before))).toEqual(toHex(alone));
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
