import { Address4, Address6 } from "ip-address";
import { describe, expect, it } from "vitest";
import {
  compareIp,
  contains,
  equalIp,
  formatIp,
  formatPrefix,
  lastIp,
  network,
  nextIp,
  parseIp,
  parsePrefix,
  previousIp,
} from "../../src/net/ip.ts";
import fc from "../support/properties.ts";

const bytes4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
// Many zero bytes, so that "::" appears in every place.
const bytes16 = fc
  .array(fc.oneof(fc.constant([0, 0]), fc.tuple(fc.nat(255), fc.nat(255))), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flat()));
const anyIp = fc.oneof(bytes4, bytes16);
const anyPrefix = anyIp.chain((ip) => fc.record({ ip: fc.constant(ip), length: fc.nat(ip.length * 8) }));

function big(ip: Uint8Array): bigint {
  return ip.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
}
/** What the ip-address package makes of the same bytes. */
function oracle(ip: Uint8Array, length = ip.length * 8): Address4 | Address6 {
  if (ip.length === 4) return new Address4(`${[...ip].join(".")}/${length}`);
  const hex = [...ip].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return new Address6(`${hex.match(/.{4}/g)!.join(":")}/${length}`);
}

describe("parseIp", () => {
  // Expected values are what Go 1.22 net.ParseIP answers.
  it.each([
    ["10.1.2.3", "10.1.2.3"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["::ffff:a01:203", "10.1.2.3"],
    ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
    ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
    ["::1.2.3.4", "::102:304"],
  ])("reads %s", (text, canonical) => {
    expect(formatIp(parseIp(text)!)).toBe(canonical);
  });

  it.each([
    "",
    "10.1.2",
    "10.1.2.3.4",
    "10.1.2.",
    ".1.2.3",
    "10..2.3",
    "10.1.2.03",
    "010.1.2.3",
    "10.1.2.256",
    "10.1.2.3/24",
    " 10.1.2.3",
    "10.1.2.3 ",
    "10.1.2.-3",
    "0x0a.1.2.3",
    "a.b.c.d",
    ":",
    ":::",
    ":1",
    "1:",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "::1:2:3:4:5:6:7:8",
    "12345::",
    "g::",
    "fe80::1%eth0",
    "::/64",
    "1.2.3.4::",
    "1:2:3:4:5:6:7:1.2.3.4",
    "1:2:1.2.3.4",
    "::1.2.3",
    "::1.2.3.4:5",
    "::ffff:1.2.3.04",
  ])("refuses %j", (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  it("accepts whatever the ip-address package writes, in short and in long form", () => {
    fc.assert(
      fc.property(anyIp, (ip) => {
        const address = oracle(ip);
        const short = parseIp(address.correctForm())!;
        const long = address instanceof Address6 ? parseIp(address.canonicalForm())! : short;
        expect(equalIp(short, long)).toBe(true);
        expect(big(short)).toBe(short.length === ip.length ? address.bigInt() : big(ip.slice(12)));
      }),
    );
  });

  it("accepts no text that the ip-address package refuses", () => {
    const texts = fc.stringMatching(/^[0-9a-f:.]{0,24}$/);
    fc.assert(
      fc.property(texts, (text) => {
        if (parseIp(text) !== undefined) expect(Address4.isValid(text) || Address6.isValid(text)).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("formatIp", () => {
  it("writes what the ip-address package writes", () => {
    fc.assert(
      fc.property(anyIp, (ip) => {
        expect(formatIp(ip)).toBe(oracle(ip).correctForm());
      }),
    );
  });

  it("writes an IPv4-mapped address as IPv4, as Go does", () => {
    expect(formatIp(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 2, 3))).toBe("10.1.2.3");
  });
});

describe("parsePrefix", () => {
  it.each([
    ["10.1.2.3/24", "10.1.2.3/24"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["10.1.2.3/032", "10.1.2.3/32"],
    ["2001:db8::5/64", "2001:db8::5/64"],
    ["::/0", "::/0"],
    ["::ffff:10.1.2.3/120", "10.1.2.3/24"],
  ])("reads %s and keeps the host bits", (text, canonical) => {
    expect(formatPrefix(parsePrefix(text)!)).toBe(canonical);
  });

  it.each([
    "10.1.2.3",
    "10.1.2.3/",
    "10.1.2.3/33",
    "10.1.2.3/-1",
    "10.1.2.3/+1",
    "10.1.2.3/2 ",
    "10.1.2.3/24/1",
    "10.1.2/24",
    "::/129",
    "::/99999999999999999999",
    "::ffff:1.2.3.4/64",
    "/24",
    "",
  ])("refuses %j", (text) => {
    expect(parsePrefix(text)).toBeUndefined();
  });
});

describe("network, lastIp and contains", () => {
  it("agree with the ip-address package", () => {
    fc.assert(
      fc.property(anyPrefix, anyIp, (prefix, other) => {
        const address = oracle(prefix.ip, prefix.length);
        expect(big(network(prefix))).toBe(address.startAddress().bigInt());
        expect(big(lastIp(prefix))).toBe(address.endAddress().bigInt());
        const inside =
          other.length === prefix.ip.length &&
          big(other) >= address.startAddress().bigInt() &&
          big(other) <= address.endAddress().bigInt();
        expect(contains(prefix, other)).toBe(inside);
        expect(contains(prefix, lastIp(prefix))).toBe(true);
      }),
    );
  });

  it("keeps families apart", () => {
    expect(contains(parsePrefix("0.0.0.0/0")!, parseIp("::1")!)).toBe(false);
    expect(contains(parsePrefix("::/0")!, parseIp("10.0.0.1")!)).toBe(false);
  });
});

describe("nextIp and compareIp", () => {
  it("count as integers do", () => {
    fc.assert(
      fc.property(anyIp, (ip) => {
        expect(big(nextIp(ip))).toBe((big(ip) + 1n) % (1n << BigInt(ip.length * 8)));
      }),
    );
    fc.assert(
      fc.property(fc.oneof(fc.tuple(bytes4, bytes4), fc.tuple(bytes16, bytes16)), ([a, b]) => {
        expect(Math.sign(compareIp(a, b))).toBe(big(a) < big(b) ? -1 : big(a) > big(b) ? 1 : 0);
      }),
    );
  });

  it("previousIp undoes nextIp", () => {
    fc.assert(
      fc.property(anyIp, (ip) => {
        expect(equalIp(previousIp(nextIp(ip)), ip)).toBe(true);
      }),
    );
  });

  it.each([
    ["10.0.255.255", "10.1.0.0"],
    ["255.255.255.255", "0.0.0.0"],
    ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::"],
  ])("the address after %s is %s", (ip, next) => {
    expect(formatIp(nextIp(parseIp(ip)!))).toBe(next);
  });

  it("leaves the address it was given alone", () => {
    const ip = parseIp("10.0.0.1")!;
    nextIp(ip);
    expect(formatIp(ip)).toBe("10.0.0.1");
  });

  it("sorts IPv4 before IPv6", () => {
    expect(compareIp(parseIp("255.255.255.255")!, parseIp("::")!)).toBeLessThan(0);
  });
});
