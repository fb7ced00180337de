import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Code, HostError, NetlinkError } from "../src/errors.ts";

describe("Code", () => {
  it("has each of its numbers once, and all of them in docs/errors.md", () => {
    const page = readFileSync(new URL("../docs/errors.md", import.meta.url), "utf8");
    const documented = [...page.matchAll(/^\| (\d+) \|/gm)].map(([, number]) => Number(number));
    expect(documented).toEqual(Object.values(Code));
    expect(new Set(documented).size).toBe(documented.length);
  });

  // SPEC.md §Error, and the STATUS section for 50 and 51. 3 lets a runtime skip DEL, 8 is the Go library's own.
  it("uses of the specification's numbers only those it has assigned", () => {
    const assigned = [1, 2, 4, 5, 6, 7, 11, 50, 51];
    expect(Object.values(Code).filter((code) => code < 100)).toEqual(assigned);
  });
});

describe("HostError", () => {
  it("says what was tried, on what, and why it failed", () => {
    expect(new HostError(17, "openat", "/run/x")).toMatchObject({
      message: "openat /run/x: EEXIST (file exists)",
      errno: 17,
    });
  });
});

describe("NetlinkError", () => {
  it("adds the kernel's own sentence", () => {
    expect(new NetlinkError(22, "add route", "Nexthop has invalid gateway").message).toBe(
      "add route: EINVAL (invalid argument) (Nexthop has invalid gateway)",
    );
  });
});
