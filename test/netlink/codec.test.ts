import fc from "fast-check";
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
  reserve,
  str,
  struct,
  u8,
  u16,
  u16be,
  u32,
  u32be,
  u64be,
  viewOf,
  writer,
} from "../../src/netlink/codec.ts";
import { address } from "../../src/netlink/if-addr.ts";
import { bridgePort } from "../../src/netlink/if-bridge.ts";
import { link, newLinkProp } from "../../src/netlink/if-link.ts";
import * as nft from "../../src/netlink/nf-tables.ts";
import { getDefaultRoute, getNsid, route } from "../../src/netlink/rtnetlink.ts";
import { fromHex, golden, goldenNames, toHex } from "../support/golden.ts";
import { roundTrips, staysInside } from "../support/round-trip.ts";

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

describe("reserve", () => {
  it("keeps what was written when it grows, and gives zeros", () => {
    const out = writer();
    const room = out.bytes.length;
    out.bytes.fill(0xee);
    out.at = room;
    expect(reserve(out, 3 * room)).toBe(room);
    expect(out.bytes.subarray(0, room).every((byte) => byte === 0xee)).toBe(true);
    expect(out.bytes.subarray(room, out.at).every((byte) => byte === 0)).toBe(true);
    expect(out.view.buffer).toBe(out.bytes.buffer);
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

describe("viewOf", () => {
  it("sees the part that an array is of its buffer", () => {
    expect(viewOf(Uint8Array.of(1, 2, 3, 4).subarray(1, 3)).getUint16(0)).toBe(0x0203);
    expect(viewOf(Uint8Array.of(1, 2, 3, 4).subarray(1, 3)).byteLength).toBe(2);
  });
});

describe("next hops of a route", () => {
  const two = "10000000 02000000 08000500 0a160001 08000103 03000000";

  it("are read without their attributes", () => {
    expect(decode(route, fromHex(`02100000fe030001 00000000 1c000900 ${two}`)).multipath).toEqual([
      { ifindex: 2 },
      { ifindex: 3 },
    ]);
  });

  it.each([
    ["no length, which would never end", "00000000 02000000"],
    ["a length beyond the end", "0c000000 02000000"],
    ["a piece of a hop", "08000000 02000000 0800"],
  ])("are refused with %s", (_name, hex) => {
    const length = (4 + fromHex(hex).length).toString(16).padStart(2, "0");
    expect(() => decode(route, fromHex(`02100000fe030001 00000000 ${length}000900 ${hex}`))).toThrow(
      RangeError,
    );
  });
});

const tables = {
  link,
  bridgePort,
  address,
  route,
  defaultRoute: getDefaultRoute.codec,
  linkNames: newLinkProp.codec,
  netnsId: getNsid.codec,
  ruleHead: nft.getRuleHead.codec,
  rule: nft.newRule.codec,
  chain: nft.newChain.codec,
  set: nft.newSet.codec,
  elements: nft.newSetElem.codec,
} as const;

describe.each(Object.entries(tables))("table %s", (_name, table) => {
  const codec = table as Codec<unknown>;

  it("gives a value or a RangeError for any bytes, and looks at no others", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => staysInside(codec, noise)),
      {
        numRuns: 50,
      },
    );
  });

  it("gives a value or a RangeError for captured messages with a byte changed", () => {
    const captured = goldenNames.map((name) => golden(name).bytes.subarray(16, 2000));
    fc.assert(
      fc.property(
        fc.constantFrom(...captured),
        fc.nat(1999),
        fc.integer({ min: 0, max: 255 }),
        (original, at, byte) => {
          const changed = original.slice();
          changed[at % changed.length] = byte;
          try {
            decode(codec, changed);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("messages cut short", () => {
  it.each([
    ["veth-add", link],
    ["port-vlan-range", bridgePort],
    ["address-add-v6", address],
    ["route-add-v4", route],
    ["route-add-v6", getDefaultRoute.codec],
    ["altname-add", newLinkProp.codec],
  ] as readonly [string, Codec<unknown>][])("%s is not misread", (name, codec) => {
    staysInside(codec, golden(name).bytes.subarray(16));
  });

  it.each([
    ["rule-add-return-v4", nft.newRule.codec],
    ["bridge-rule-add-jump", nft.newRule.codec],
    ["element-add", nft.newSetElem.codec],
    ["base-chain-add", nft.newChain.codec],
    ["map-add-v6", nft.newSet.codec],
  ] as readonly [string, Codec<unknown>][])("%s is not misread", (name, codec) => {
    // Between the frames of the batch, 20 bytes each.
    staysInside(codec, golden(name).bytes.slice(36, -20));
  });
});

describe("any value", () => {
  const octets = fc.uint8Array({ maxLength: 40 });
  const text = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)) });
  const word = fc.nat(0xffffffff);
  const optional = { requiredKeys: [] };
  const data = fc.record(
    { value: octets, verdict: fc.record({ code: fc.integer({ min: -5, max: 1 }), chain: text }, optional) },
    optional,
  );

  it("comes back: links", () => {
    const peer = fc.record(
      { index: fc.constant(0), ifname: text, address: octets, mtu: word, netNsFd: word },
      optional,
    );
    const veth = fc.record({ kind: fc.constant("veth" as const), data: fc.record({ peer }, optional) });
    const value = fc.record(
      { index: fc.integer(), flags: word, ifname: text, mtu: word, linkinfo: veth },
      optional,
    );
    fc.assert(
      fc.property(value, (given) => {
        expect(decode(link, encode(link, given))).toMatchObject(given);
      }),
    );
  });

  it("comes back: rules", () => {
    const lookup = fc.record({
      kind: fc.constant("lookup" as const),
      data: fc.record({ set: text, sreg: word, dreg: word }, optional),
    });
    const immediate = fc.record({
      kind: fc.constant("immediate" as const),
      data: fc.record({ dreg: word, data }, optional),
    });
    const value = fc.record(
      {
        family: fc.nat(255),
        table: text,
        chain: text,
        handle: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        expressions: fc.array(fc.oneof(lookup, immediate), { maxLength: 8 }),
        userdata: octets,
      },
      optional,
    );
    const { codec } = nft.newRule;
    fc.assert(
      fc.property(value, (given) => {
        const encoded = encode(codec, given);
        expect(encoded.length % 4).toBe(0);
        expect(decode(codec, encoded)).toMatchObject(given);
      }),
    );
  });
});
