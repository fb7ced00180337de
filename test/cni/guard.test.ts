import { describe, expect, it } from "vitest";
import {
  type Guard,
  isAnything,
  isArrayOf,
  isBoolean,
  isIntegerIn,
  isNumber,
  isObjectOf,
  isOneOf,
  isOptional,
  isString,
  isText,
} from "../../src/cni/guard.ts";

interface Pet {
  readonly name: string;
  readonly legs?: number;
}
const isPet = isObjectOf<Pet>({ name: isString, legs: isOptional(isNumber) });
const isDigits = isText((text) => (text === "12" ? 12 : undefined));

describe("guards", () => {
  it.each<[string, Guard<unknown>, unknown[], unknown[]]>([
    ["isString", isString, ["", "x"], [undefined, null, 1, ["x"], {}]],
    ["isBoolean", isBoolean, [true, false], [0, "true", null, undefined]],
    ["isNumber", isNumber, [0, -1.5], ["0", null, undefined, [1]]],
    ["isAnything", isAnything, [undefined, null, {}, "x"], []],
    [
      "isIntegerIn",
      isIntegerIn(1, 4094),
      [1, 4094],
      [0, 4095, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "1"],
    ],
    ["isText", isDigits, ["12"], ["13", 12, null]],
    ["isOneOf", isOneOf(["a", "b"]), ["a", "b"], ["c", "", null, ["a"]]],
    ["isArrayOf", isArrayOf(isString), [[], ["x"]], [["x", 1], [null], "x", { length: 0 }, null]],
    ["isOptional", isOptional(isString), [undefined, "x"], [null, 1]],
    [
      "isObjectOf",
      isPet,
      [{ name: "a" }, { name: "a", legs: 4 }, { name: "a", more: 1 }],
      [
        {},
        { name: "a", legs: null },
        { name: { toString: 1 } },
        [],
        null,
        "a",
        JSON.parse('{"__proto__":{"name":"a"}}'),
      ],
    ],
  ])("%s", (_, guard, fitting, others) => {
    expect(fitting.filter((value) => !guard(value))).toEqual([]);
    expect(others.filter((value) => guard(value))).toEqual([]);
  });
});
