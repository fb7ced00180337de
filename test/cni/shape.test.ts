import { describe, expect, it } from "vitest";
import {
  array,
  boolean,
  type Findings,
  integer,
  json,
  object,
  type Shape,
  string,
} from "../../src/cni/shape.ts";

function read<T>(shape: Shape<T>, text: string) {
  const findings: Findings = { problems: [], unknownKeys: [] };
  const value = shape(JSON.parse(text), "", findings);
  return {
    value,
    problems: findings.problems.map(({ path, message }) => `${path}: ${message}`),
    unknown: findings.unknownKeys.map(({ path }) => path),
  };
}

const shape = object({
  mtu: integer,
  isGateway: boolean,
  bridge: string,
  ipam: object({ ranges: array(array(object({ subnet: string }))) }),
  args: object({ mac: string }, { open: true }),
  prevResult: json,
});

describe("object", () => {
  it.each([
    ["{}", {}],
    ['{"MTU":5,"isgateway":true}', { mtu: 5, isGateway: true }],
    ['{"mtu":5,"MTU":6}', { mtu: 6 }],
    ['{"mtu":5,"mtu":6}', { mtu: 6 }],
    ['{"mtu":5,"MTU":null}', { mtu: 5 }],
    ['{"mtu":null,"ipam":null}', {}],
    ['{"mtu":1500.0}', { mtu: 1500 }],
    ['{"prevResult":[1]}', { prevResult: [1] }],
    ['{"args":{"mac":"m","other":1}}', { args: { mac: "m" } }],
    ['{"ipam":{"ranges":[[{"SUBNET":"s"}],[]]}}', { ipam: { ranges: [[{ subnet: "s" }], []] } }],
  ])("reads %s as Go does", (text, value) => {
    expect(read(shape, text)).toEqual({ value, problems: [], unknown: [] });
  });

  it.each([
    ['{"mtu":"5"}', 'mtu: must be an integer, not "5"'],
    ['{"mtu":1.5}', "mtu: must be an integer, not 1.5"],
    ['{"mtu":1e300}', "mtu: must be an integer, not 1e+300"],
    ['{"isGateway":"yes"}', 'isGateway: must be true or false, not "yes"'],
    ['{"BRIDGE":[]}', "BRIDGE: must be a string, not an array"],
    ['{"ipam":"x"}', 'ipam: must be an object, not "x"'],
    ['{"ipam":[]}', "ipam: must be an object, not an array"],
    ['{"ipam":{"ranges":[[{"subnet":5}]]}}', "ipam.ranges[0][0].subnet: must be a string, not 5"],
    ['{"ipam":{"ranges":[null]}}', "ipam.ranges[0]: must not be null"],
    ["[]", ": must be an object, not an array"],
  ])("tells where %s is wrong", (text, problem) => {
    expect(read(shape, text).problems).toEqual([problem]);
  });

  it("goes on after a fault, and keeps what is right", () => {
    const { value, problems } = read(shape, '{"mtu":"5","isGateway":1,"bridge":"b"}');
    expect(value).toEqual({ bridge: "b" });
    expect(problems).toHaveLength(2);
  });

  it("notes keys that no row describes, but not inside an open object", () => {
    expect(read(shape, '{"x":1,"ipam":{"y":1},"args":{"z":1}}').unknown).toEqual(["x", "ipam.y"]);
  });

  it("is not moved by keys that every object inherits", () => {
    const { value, unknown } = read(shape, '{"__proto__":{"mtu":5},"constructor":1,"toString":2}');
    expect(value).toEqual({});
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(unknown).toEqual(["__proto__", "constructor", "toString"]);
  });

  it("shows a long value cut", () => {
    expect(read(shape, `{"mtu":"${"x".repeat(99)}"}`).problems[0]!.length).toBeLessThan(80);
  });
});
