import { describe, expect, it } from "vitest";
import { JsonFault, JsonText } from "../../src/tool/json-text.ts";
import fc from "../support/properties.ts";

/** `2:7 why`, or undefined for a text that is read. */
function faultOf(text: string): string | undefined {
  try {
    new JsonText(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    return `${error.place.line}:${error.place.column} ${error.message}`;
  }
}

describe("JsonText", () => {
  it.each([
    ["an empty file", " \n", /^1:1 .*empty/],
    ["a trailing comma in an object", '{\n  "a": 1,\n}', /^2:9 no comma may stand before "}"/],
    ["a trailing comma in an array", "[1,2,]", /^1:5 no comma/],
    ["a missing comma", '{\n  "a": 1\n  "b": 2\n}', /^2:9 a comma or "}" is missing/],
    ["a missing colon", '{"a" 1}', /^1:6 a colon is missing behind the key "a"/],
    ["a comment", '{\n  // why\n  "a": 1\n}', /^2:3 JSON has no comments/],
    ["a comment behind a value", '{"a": 1 # why\n}', /^1:9 JSON has no comments/],
    ["single quotes", "{'a': 1}", /^1:2 a key in double quotes/],
    ["a value in single quotes", "{\"a\": 'b'}", /^1:7 .*not in single ones/],
    ["a key without quotes", "{a: 1}", /^1:2 a key in double quotes/],
    ["a word", '{"a": True}', /^1:7 True is no JSON value: write true/],
    [
      "a text without quotes",
      '{"a": 10.0.0.0/8}',
      /^1:7 10\.0\.0\.0 is no JSON value: texts stand in double quotes/,
    ],
    ["a text that does not end", '{"a": "b\n}', /^1:7 .*no closing "/],
    ["an object that does not end", '{"a": {"b": 1}', /^1:1 .*is not closed/],
    ["something behind the end", "{}\n{}", /^2:1 something follows/],
    ["a byte order mark", "\uFEFF{}", /^1:1 a byte order mark/],
    ["a control character", '{"a": "b\tc"}', /^1:7 .*control character/],
    ["an end instead of a value", '{"a":', /^1:6 the file ends/],
  ])("names the place of %s", (_what, text, fault) => {
    expect(faultOf(text)).toMatch(fault);
  });

  it("refuses nesting deeper than a stack allows, and says so", () => {
    expect(faultOf("[".repeat(100_000))).toMatch(/nested too deeply/);
  });

  it("refuses exactly what JSON.parse refuses", () => {
    const isJson = (text: string) => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    const pieces = [
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      "1",
      "-0",
      "1e5",
      "01",
      "true",
      "nul",
      " ",
      "\n",
      '"\\u00e4"',
    ];
    const nearJson = fc.array(fc.constantFrom(...pieces), { maxLength: 9 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.oneof(nearJson, fc.json()), (text) => {
        expect(faultOf(text) === undefined).toBe(isJson(text));
      }),
      { numRuns: 3000 },
    );
  });

  it("knows where each key and value is", () => {
    const json = new JsonText('{\n  "a": {"B": [10,\n    {"c.d": true}]}\n}');
    expect(json.value).toEqual({ a: { B: [10, { "c.d": true }] } });
    expect(json.placeOfKey("a")).toEqual({ line: 2, column: 3 });
    expect(json.placeOfValue("a")).toEqual({ line: 2, column: 8 });
    expect(json.placeOfKey("a.B")).toEqual({ line: 2, column: 9 });
    expect(json.placeOfValue("a.b[0]")).toEqual({ line: 2, column: 15 });
    expect(json.placeOfKey("A.B[1].c.d")).toEqual({ line: 3, column: 6 });
  });

  it("takes the place of what surrounds what is not there", () => {
    const json = new JsonText('{\n "ipam": {}\n}');
    expect(json.placeOfValue("ipam.subnet")).toEqual({ line: 2, column: 10 });
    expect(json.placeOfKey("name")).toEqual({ line: 1, column: 1 });
  });

  it("finds keys that stand twice, in any case", () => {
    const { repeated } = new JsonText('{"mtu": 1,\n "x": {"mtu": 2},\n "MTU": 3}');
    expect(repeated).toEqual([{ path: "MTU", first: { line: 1, column: 2 }, place: { line: 3, column: 2 } }]);
  });
});
