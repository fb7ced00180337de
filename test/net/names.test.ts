import { hashing } from "../support/hashing.ts";
// Vectors: hash16's are the reference's own (pkg/ip/ipmasq_nftables_linux_test.go); the others were computed with
// Python's hashlib. A name that changes would hide every attachment of an older version from DEL.

import { describe, expect, it } from "vitest";
import type { Host } from "../../src/host.ts";
import { formatMac } from "../../src/net/mac.ts";
import {
  hash16,
  hexHash,
  hostInterfaceName,
  hostVethName,
  randomMac,
  stableMac,
  vlanPortName,
} from "../../src/net/names.ts";

const encoder = new TextEncoder();
const host = {
  encode: (text: string) => encoder.encode(text),
  ...hashing,
} as Host;

/** dev_valid_name in net/core/dev.c, with IFNAMSIZ 16. */
function isValidName(name: string): boolean {
  return name.length > 0 && name.length < 16 && name !== "." && name !== ".." && !/[/:\s]/.test(name);
}

const attachment = { network: "net", containerId: "c1", ifname: "eth0" };

describe("hash16", () => {
  it.each([
    ["unit-test", "6fd94d501e58f0aa"],
    ["eth0:one", "287fc69eff0574a2"],
    ["", "cf83e1357eefb8bd"],
  ])("of %j", (text, hex) => {
    expect(hash16(host, text)).toBe(hex);
  });
});

describe("hexHash", () => {
  it("gives as many digits as it is asked for", () => {
    expect(hexHash(host, "", 28)).toBe("cf83e1357eefb8bdf1542850d66d");
    expect(hexHash(host, "unit-test", 16)).toBe(hash16(host, "unit-test"));
  });
});

describe("hostVethName", () => {
  it("is the same for ever", () => {
    expect(hostVethName(host, attachment)).toBe("vethb9qdd2pqznz");
    expect(hostVethName(host, { ...attachment, network: "nätz" })).toBe("veth5p373vypsk0");
  });

  it("depends on each of the three", () => {
    const names = [
      attachment,
      { ...attachment, network: "net2" },
      { ...attachment, containerId: "c2" },
      { ...attachment, ifname: "eth1" },
    ].map((id) => hostVethName(host, id));
    expect(new Set(names).size).toBe(4);
  });

  it("keeps apart what reads alike when it is joined", () => {
    const names = [
      { network: "a", containerId: "b", ifname: "cd" },
      { network: "a", containerId: "bc", ifname: "d" },
      { network: "ab", containerId: "c", ifname: "d" },
    ].map((id) => hostVethName(host, id));
    expect(new Set(names).size).toBe(3);
  });

  it("is a name that the kernel takes, whatever it is made from", () => {
    for (const id of [
      attachment,
      { network: "", containerId: "", ifname: "" },
      { network: "n".repeat(300), containerId: "c".repeat(300), ifname: "e".repeat(15) },
    ]) {
      const name = hostVethName(host, id);
      expect(name).toMatch(/^veth[0-9a-hjkmnp-tv-z]{11}$/);
      expect(isValidName(name)).toBe(true);
    }
  });

  it("is another for each of 100 000 containers, every letter equally likely at every place", () => {
    const count = 100_000;
    const names = new Set<string>();
    const letters = Array.from({ length: 11 }, () => new Map<string, number>());
    for (let index = 0; index < count; index++) {
      const name = hostVethName(host, { ...attachment, containerId: `${index}` });
      names.add(name);
      for (const [place, seen] of letters.entries()) {
        const letter = name[4 + place]!;
        seen.set(letter, (seen.get(letter) ?? 0) + 1);
      }
    }
    expect(names.size).toBe(count);
    // Six standard deviations around 1/32: binomial, sqrt(n p (1 − p)) is 55.
    for (const seen of letters) {
      expect(seen.size).toBe(32);
      for (const [letter, times] of seen) expect(Math.abs(times - count / 32), letter).toBeLessThan(330);
    }
  });
});

describe("hostInterfaceName", () => {
  it.each([
    ["veth", "vethb9qdd2pqznz"],
    ["c", "cb9qdd2pqznz"],
    ["containers", "containersb9qdd"],
  ])("begins with %s and is as long as the kernel allows", (prefix, name) => {
    expect(hostInterfaceName(host, attachment, prefix)).toBe(name);
    expect(isValidName(name)).toBe(true);
  });
});

describe("vlanPortName", () => {
  it("is the same for ever, and no container's", () => {
    const name = vlanPortName(host, "br0.100");
    expect(name).toBe("vethz5y72fbkvjy");
    expect(isValidName(name)).toBe(true);
    expect(name).not.toBe(hostVethName(host, { network: "", containerId: "", ifname: "br0.100" }));
  });
});

/** Locally administered, not multicast (IEEE 802). */
const isOurs = (mac: Uint8Array) => (mac[0]! & 3) === 2 && mac.length === 6;

describe("stableMac", () => {
  const machine = "0123456789abcdef0123456789abcdef";

  it("is the same for ever on one machine", () => {
    expect(formatMac(stableMac(host, machine, "br0"))).toBe("36:54:c2:9e:4f:74");
  });

  it("is another on another machine and for another device", () => {
    const macs = [
      stableMac(host, machine, "br0"),
      stableMac(host, machine, "br1"),
      stableMac(host, `${machine.slice(1)}0`, "br0"),
      stableMac(host, "", "br0"),
    ];
    expect(new Set(macs.map(formatMac)).size).toBe(4);
    expect(macs.every(isOurs)).toBe(true);
  });
});

describe("randomMac", () => {
  const drawn = (...bytes: number[]) => {
    const asked: number[] = [];
    const random = (length: number) => {
      asked.push(length);
      return Uint8Array.from(bytes);
    };
    return { asked, mac: formatMac(randomMac({ ...host, random })) };
  };

  it.each([
    [0x00, "02"],
    [0xff, "fe"],
    [0x01, "02"],
    [0xa7, "a6"],
  ])("sets and clears two bits of the first byte %i, and no others", (first, hex) => {
    expect(drawn(first, 0xff, 0x00, 0x7f, 0x80, 0x01)).toEqual({ asked: [6], mac: `${hex}:ff:00:7f:80:01` });
  });
});
