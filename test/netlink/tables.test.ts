// The attribute tables as a whole: hostile bytes, messages cut short, any value there and back.

import { describe, expect, it } from "vitest";
import { type Codec, decode, encode, type Reader } from "../../src/netlink/codec.ts";
import { address, getPrefix } from "../../src/netlink/if-addr.ts";
import { bridgePort } from "../../src/netlink/if-bridge.ts";
import { getDevice, link, linkHead, newLinkProp } from "../../src/netlink/if-link.ts";
import * as nft from "../../src/netlink/nf-tables.ts";
import { getDefaultRoute, getNsid, route } from "../../src/netlink/rtnetlink.ts";
import { fromHex, golden, goldenNames } from "../support/golden.ts";
import fc from "../support/properties.ts";
import { staysInside } from "../support/round-trip.ts";

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
  defaultRoute: getDefaultRoute.answer,
  linkNames: newLinkProp.codec,
  device: getDevice.answer,
  linkHead,
  prefix: getPrefix.answer,
  chainUse: nft.getChainUse.answer,
  netnsId: getNsid.codec,
  ruleHead: nft.getRuleHead.answer,
  rule: nft.newRule.codec,
  chain: nft.newChain.codec,
  set: nft.newSet.codec,
  elements: nft.newSetElem.codec,
} as const;

describe.each(Object.entries(tables))("table %s", (_name, table) => {
  const codec = table as Reader<unknown>;

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
    ["route-add-v6", getDefaultRoute.answer],
    ["altname-add", newLinkProp.codec],
  ] as readonly [string, Reader<unknown>][])("%s is not misread", (name, codec) => {
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
