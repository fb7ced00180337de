import { describe, expect, it } from "vitest";
import { fine, problem, warning } from "../../src/tool/diagnosis.ts";
import { formatDiagnoses, statusOf } from "../../src/tool/doctor.ts";

const plain = (_: unknown, text: string) => text;
const ok = fine("a", "good");
const bad = problem("b", "broken", "mend it");
const soso = warning("c", "worn", "look at it");

describe("statusOf", () => {
  it.each([
    [[], 0],
    [[ok], 0],
    [[ok, soso], 1],
    [[soso, bad, ok], 2],
  ])("%j is %i", (diagnoses, status) => {
    expect(statusOf(diagnoses)).toBe(status);
  });
});

describe("formatDiagnoses", () => {
  it("shows the worst first, each with its fix, and counts", () => {
    expect(formatDiagnoses([ok, soso, bad], plain, false)).toBe(
      [
        "problem  b: broken",
        "          fix: mend it",
        "warning  c: worn",
        "          fix: look at it",
        "1 problem, 1 warning, 1 check in order",
        "",
      ].join("\n"),
    );
  });

  it("shows what is in order when asked", () => {
    expect(formatDiagnoses([ok], plain, true)).toContain("ok       a: good\n");
  });
});
