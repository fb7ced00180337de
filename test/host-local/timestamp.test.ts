import { describe, expect, it } from "vitest";
import { formatTimestamp } from "../../src/host-local/timestamp.ts";
import fc from "../support/properties.ts";

describe("formatTimestamp", () => {
  it("writes what Date writes, without the fraction", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 253_402_300_799_000, noNaN: true }), (ms) => {
        expect(formatTimestamp(ms)).toBe(new Date(ms).toISOString().replace(/\.\d+Z$/, "Z"));
      }),
      { numRuns: 2000 },
    );
  });
});
