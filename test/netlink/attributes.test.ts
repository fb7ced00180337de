import { describe, expect, it } from "vitest";
import { attrs, behind, body, list, tagged } from "../../src/netlink/attributes.ts";
import { decode, encode, str, struct, u8, u16, u16be, u32, u32be } from "../../src/netlink/codec.ts";
import { fromHex, toHex } from "../support/golden.ts";
import { roundTrips } from "../support/round-trip.ts";

describe("attrs", () => {
  const rows = attrs({ one: [1, u8], two: [2, str], nest: [3, attrs({ inner: [9, u16] })] });

  it("writes header, value and padding in the order of the table", () => {
    roundTrips(rows, { one: 7, two: "ab" }, "05000100 07000000 07000200 61620000");
    roundTrips(rows, {}, "");
  });

  it("sends nothing for undefined", () => {
    const given: { one?: number } = {};
    expect(encode(rows, { ...given, two: "ab" }).length).toBe(8);
  });

  it("marks a nest with NLA_F_NESTED and counts its padding", () => {
    roundTrips(rows, { nest: { inner: 0x102 } }, "0c000380 06000900 02010000");
  });

  it("does not care for the two bits above the type", () => {
    for (const type of ["0300", "0380", "0340", "03c0"]) {
      expect(decode(rows, fromHex(`0c00${type} 06000900 02010000`))).toEqual({ nest: { inner: 0x102 } });
    }
  });

  it("skips what no row names", () => {
    expect(decode(rows, fromHex("08000400 ffffffff 05000100 07000000 04000600"))).toEqual({ one: 7 });
  });

  it("takes the last of two", () => {
    expect(decode(rows, fromHex("05000100 07000000 05000100 08000000"))).toEqual({ one: 8 });
  });

  it("may end without the last attribute's padding", () => {
    expect(decode(rows, fromHex("05000100 07"))).toEqual({ one: 7 });
  });

  it.each([
    ["a length of 0", "00000100", "nla_len 0 is out of range [4, 4]"],
    ["a length below the header's", "03000100", "nla_len 3 is out of range [4, 4]"],
    ["a length beyond the end", "09000100 07000000", "nla_len 9 is out of range [4, 8]"],
    ["a piece of a header", "05000100 07000000 0500", "2 bytes left where an attribute was expected"],
    ["an integer too long", "06000100 07070000", "2 bytes where 1 were expected"],
    ["an integer too short", "04000100", "0 bytes where 1 were expected"],
    ["a nest that its own length cuts", "0a000380 06000900 0201", undefined],
    ["a nested length beyond the nest", "0c000380 09000900 02010000", "nla_len 9 is out of range [4, 8]"],
  ])("refuses %s", (_name, hex, message) => {
    if (message === undefined) expect(decode(rows, fromHex(hex))).toEqual({ nest: { inner: 0x102 } });
    else expect(() => decode(rows, fromHex(hex))).toThrow(new RangeError(message));
  });

  it("lets rows of one type each read their part", () => {
    const shared = attrs({ low: [1, attrs({ a: [1, u8] })], high: [1, attrs({ b: [2, u8] })] });
    expect(decode(shared, fromHex("14000180 05000100 01000000 05000200 02000000"))).toEqual({
      low: { a: 1 },
      high: { b: 2 },
    });
    expect(toHex(encode(shared, { high: { b: 2 } }))).toEqual(["0c 00 01 80", "05 00 02 00", "02 00 00 00"]);
  });
});

describe("body", () => {
  it("is one flat value of header and attributes", () => {
    roundTrips(
      body(struct({ family: u8, pad: u8, id: u16be }), attrs({ name: [1, str] })),
      { family: 1, pad: 0, id: 5, name: "x" },
      "01000005 06000100 78000000",
    );
  });

  it("keeps attributes aligned behind a header that is not", () => {
    const odd = body(struct({ only: u8 }), attrs({ one: [1, u8] }));
    expect(decode(odd, fromHex("09000000 05000100 07000000"))).toEqual({ only: 9, one: 7 });
  });

  it("may have no attributes", () => {
    expect(decode(body(struct({ only: u32 }), attrs({ one: [1, u8] })), fromHex("09000000"))).toEqual({
      only: 9,
    });
  });
});

describe("behind", () => {
  const odd = behind(struct({ only: u8 }), attrs({ one: [1, u8] }));

  it("reads the attributes and not the header, which must be there", () => {
    expect(decode(odd, fromHex("09000000 05000100 07000000"))).toEqual({ one: 7 });
    expect(decode(odd, fromHex("09"))).toEqual({});
    expect(() => decode(odd, new Uint8Array())).toThrow("0 bytes where a header of 1 was expected");
  });
});

describe("list", () => {
  it("is a run of attributes of one type", () => {
    roundTrips(list(1, u8), [7, 8], "05000100 07000000 05000100 08000000");
    roundTrips(list(1, u8), [], "");
  });

  it("skips attributes of another type", () => {
    expect(decode(list(1, u8), fromHex("05000200 09000000 05000100 08000000"))).toEqual([8]);
  });

  it("marks items that are nests", () => {
    roundTrips(list(1, attrs({ a: [2, u8] })), [{ a: 1 }], "0c000180 05000200 01000000");
  });
});

describe("tagged", () => {
  const kinds = tagged(1, 2, { veth: attrs({ peer: [1, u8] }), masq: attrs({ flags: [1, u32be] }) });

  it("lets the name decide the layout", () => {
    roundTrips(
      kinds,
      { kind: "veth", data: { peer: 7 } },
      "09000100 76657468 00000000 0c000280 05000100 07000000",
    );
    roundTrips(
      kinds,
      { kind: "masq", data: { flags: 4 } },
      "09000100 6d617371 00000000 0c000280 08000100 00000004",
    );
  });

  it("tells absent data from empty data", () => {
    roundTrips(kinds, { kind: "veth" }, "09000100 76657468 00000000");
    roundTrips(kinds, { kind: "veth", data: {} }, "09000100 76657468 00000000 04000280");
  });

  it("reads data that comes before its name", () => {
    expect(decode(kinds, fromHex("0c000280 05000100 07000000 09000100 76657468 00000000"))).toEqual({
      kind: "veth",
      data: { peer: 7 },
    });
  });

  it("leaves out the data of a kind it does not know", () => {
    for (const [name, hex] of [
      ["vlan", "09000100 766c616e 00000000"],
      ["toString", "0d000100 746f5374 72696e67 00000000"],
    ] as const) {
      expect(decode(kinds, fromHex(`${hex} 08000280 ffffffff`))).toEqual({ kind: name });
    }
  });
});
