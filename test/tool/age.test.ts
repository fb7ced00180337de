import { expect, it } from "vitest";
import { formatAge } from "../../src/tool/age.ts";

it.each([
  [-5000, "0 s"],
  [0, "0 s"],
  [59_999, "59 s"],
  [60_000, "1 min"],
  [3_599_999, "59 min"],
  [3_600_000, "1 h"],
  [86_399_999, "23 h"],
  [86_400_000, "1 d"],
  [400 * 86_400_000, "400 d"],
])("%i ms is %s", (ms, text) => {
  expect(formatAge(ms)).toBe(text);
});
