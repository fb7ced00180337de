import { hashing } from "../support/hashing.ts";
// Names and rules of the iptables backend against the reference's own test vectors (pkg/utils/utils_test.go), and what
// goes with one of several interfaces.

import { describe, expect, it } from "vitest";
import { chainName, describeRules, selectOwn } from "../../src/kernel/iptables-chain.ts";
import { parsePrefix } from "../../src/net/ip.ts";
import { fakeProcess } from "../support/fake-process.ts";

const host = Object.assign(fakeProcess(), {
  ...hashing,
});

const owner = (network: string, containerId: string) => ({ network, containerId, ifname: "eth0" });

describe("chainName", () => {
  it.each([
    ["test", "1234", "CNI-2bbe0c48b91a7d1b8a6753a8"],
    ["testalongnamethatdoesnotmakesense", "1234", "CNI-374f33fe84ab0ed84dcdebe3"],
  ])("of %s and %s is %s", (network, containerId, expected) => {
    expect(chainName(host, owner(network, containerId))).toBe(expected);
  });
});

describe("describeRules", () => {
  const comment = ["-m", "comment", "--comment", 'name: "test" id: "1234"'];
  it.each([
    ["10.1.2.2/24", "iptables", "10.1.2.2", "224.0.0.0/4"],
    ["fd00::0002/64", "ip6tables", "fd00::2", "ff00::/8"],
  ])("of %s are for %s", (address, program, source, multicast) => {
    const { family, ...rules } = describeRules(host, owner("test", "1234"), address);
    expect(family.program).toBe(program);
    expect(rules).toEqual({
      chain: "CNI-2bbe0c48b91a7d1b8a6753a8",
      jump: ["-s", source, "-j", "CNI-2bbe0c48b91a7d1b8a6753a8", ...comment],
      accept: ["-d", `${source}/${address.split("/")[1]}`, "-j", "ACCEPT", ...comment],
      masquerade: ["!", "-d", multicast, "-j", "MASQUERADE", ...comment],
    });
  });
});

describe("selectOwn", () => {
  const rules = (texts: readonly string[]) => texts.map((text) => ({ text, prefix: parsePrefix(text) }));
  const cases: readonly [string, string[], string[], string[], string[], string[], boolean][] = [
    [
      "the only jump",
      ["10.1.0.5/32"],
      ["10.1.0.0/24"],
      ["10.1.0.5/32"],
      ["10.1.0.5/32"],
      ["10.1.0.0/24"],
      true,
    ],
    ["no jump at all", [], ["10.1.0.0/24"], [], [], [], true],
    [
      "one of a subnet",
      ["10.1.0.5/32", "10.1.0.6/32"],
      ["10.1.0.0/24"],
      ["10.1.0.5/32"],
      ["10.1.0.5/32"],
      [],
      false,
    ],
    [
      "one of two subnets",
      ["10.1.0.5/32", "10.2.0.6/32"],
      ["10.1.0.0/24", "10.2.0.0/24"],
      ["10.1.0.5/32"],
      ["10.1.0.5/32"],
      ["10.1.0.0/24"],
      false,
    ],
    ["another's", ["10.1.0.6/32"], ["10.1.0.0/24"], ["10.1.0.5/32"], [], [], false],
    ["one without a source", ["any"], ["10.1.0.0/24"], ["any"], [], [], false],
  ];
  it.each(cases)("of %s", (_, jumps, accepts, own, expectedJumps, expectedAccepts, isLast) => {
    const wanted = rules(own).map(({ prefix }) => String(prefix?.ip));
    const selected = selectOwn(rules(jumps), rules(accepts), ({ ip }) => wanted.includes(String(ip)));
    expect(selected.jumps.map(({ text }) => text)).toEqual(expectedJumps);
    expect(selected.accepts.map(({ text }) => text)).toEqual(expectedAccepts);
    expect(selected.isLast).toBe(isLast);
  });
});
