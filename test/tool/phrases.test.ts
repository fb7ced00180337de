import { describe, expect, it } from "vitest";
import { counted, enumerate } from "../../src/tool/phrases.ts";

describe("enumerate", () => {
  it.each([
    [[], ""],
    [["a"], "a"],
    [["a", "b"], "a and b"],
    [["a", "b", "c"], "a, b and c"],
    [["a", "b", "c", "d", "e"], "a, b, c, d and e"],
    [["a", "b", "c", "d", "e", "f"], "a, b, c, d and 2 more"],
  ])("%j is %j", (items, text) => {
    expect(enumerate(items)).toBe(text);
  });
});

describe("counted", () => {
  it.each([
    [0, "0 warnings"],
    [1, "1 warning"],
    [2, "2 warnings"],
  ])("%i is %j", (count, text) => {
    expect(counted(count, "warning")).toBe(text);
  });
});
