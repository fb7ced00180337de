// The netlink decoder against bytes that no kernel should send: captures of real messages, mutated. It gives a value or
// throws RangeError, and never reads past its span (round-trip.ts). Properties with fast-check, mutations by seed.

import { afterAll, describe, expect, it } from "vitest";
import type { Host } from "../../src/host.ts";
import type { Codec } from "../../src/netlink/codec.ts";
import { decode, encode } from "../../src/netlink/codec.ts";
import * as ifLink from "../../src/netlink/if-link.ts";
import { NETLINK_ROUTE, Socket } from "../../src/netlink/socket.ts";
import { DecoderAttack, requests } from "../support/decoder-attack.ts";
import { fakeKernel } from "../support/fake-kernel.ts";
import { golden, goldenNames } from "../support/golden.ts";
import { mutateBytes, randomFrom, seedsOf } from "../support/mutation.ts";
import fc from "../support/properties.ts";

/** A link has rows that are only read, two of one type: what it reads it does not write. */
const symmetric = requests.filter(({ codec }) => codec !== ifLink.newLink.codec);
const captures = goldenNames.map((name) => golden(name).bytes);
const HEADER = 16;
const attack = new DecoderAttack();
let decoded = 0;

afterAll(() => console.log(`${attack.values + attack.refusals + decoded} decodings of hostile bytes`));

describe("the netlink decoder", () => {
  it("knows enough to be worth attacking", () => {
    expect(requests.length).toBeGreaterThan(20);
    expect(captures.length).toBeGreaterThan(40);
  });

  it.each(seedsOf([1, 2, 3]))("gives a value or RangeError for mutated captures, seed %i", (seed) => {
    attack.mutated(captures, seed, 60);
  });

  it("gives a value or RangeError for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => attack.on(bytes)),
      { numRuns: 2000, verbose: 1 },
    );
  });

  it("goes no deeper than its own tables, however deep attributes are nested", () => {
    let bytes = new Uint8Array(0);
    for (let depth = 0; depth < 8000; depth++) {
      const outer = new Uint8Array(bytes.length + 4);
      outer.set([outer.length & 255, outer.length >> 8, 18, 128]);
      outer.set(bytes, 4);
      bytes = outer;
    }
    attack.on(bytes);
  });

  it.each(
    symmetric.map(({ name, codec }) => [name, codec] as const),
  )("reads what it has written, whatever it was that it read: %s", (_, codec: Codec<unknown>) => {
    const random = randomFrom(7);
    let same = 0;
    for (let round = 0; round < 20; round++) {
      for (const capture of captures) {
        let value: unknown;
        try {
          value = decode(codec, mutateBytes(random, capture.subarray(HEADER)));
        } catch {
          continue;
        }
        const once = encode(codec, value);
        expect(encode(codec, decode(codec, once))).toEqual(once);
        same++;
      }
    }
    decoded += same;
  });
});

describe("Socket", () => {
  it("ends with a value or an error, whatever the kernel's end says", () => {
    const random = randomFrom(11);
    for (let round = 0; round < 3000; round++) {
      const capture = captures[random(captures.length)]!;
      const kernel = fakeKernel(() =>
        Array.from({ length: 1 + random(3) }, () =>
          random(6) === 0 ? -(1 + random(120)) : mutateBytes(random, capture),
        ),
      ) as Host;
      const socket = Socket.open(kernel, -1, NETLINK_ROUTE);
      const ask = [
        () => socket.get("get", ifLink.getLink, { index: 1 }, [19]),
        () => socket.dump("dump", ifLink.getLink, {}, [2]),
        () => socket.try(ifLink.newLink, { index: 1 }),
        () => socket.announced(10),
      ];
      decoded++;
      try {
        ask[random(ask.length)]!();
      } catch (error) {
        const name = (error as Error).constructor.name;
        expect(["HostError", "NetlinkError"], `${error}`).toContain(name);
      }
    }
  });
});
