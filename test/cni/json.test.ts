import { describe, expect, it } from "vitest";
import { findKey, parseJson } from "../../src/cni/json.ts";
import { caught } from "../support/caught.ts";

describe("parseJson", () => {
  it("names what it could not decode", () => {
    expect(parseJson(' {"a":[1]}\n', "x")).toEqual({ a: [1] });
    expect(caught(() => parseJson("{", "the answer of dhcp"))).toMatchObject({
      code: 6,
      message: "cannot decode the answer of dhcp: it is not one JSON value",
      details: expect.stringMatching(/./),
    });
  });
});

describe("findKey", () => {
  it("matches in any case, the last that is not null", () => {
    expect(findKey({ ipam: 1, IPAM: 2, Ipam: null }, "ipam")).toBe(2);
  });

  it("sees no key that the object only inherits", () => {
    expect(findKey({}, "constructor")).toBeUndefined();
    expect(findKey(JSON.parse('{"__proto__":{"ipam":1}}'), "ipam")).toBeUndefined();
  });
});
