// The numbers against the C headers, the words against the C library's strerror, through gcc.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as errno from "../src/errno.ts";

const { describeErrno, ...constants } = errno;

/** Its name, or `errno 4095`. */
const errnoName = (number: number) => describeErrno(number).replace(/ \(.*/, "");

/** Every errno that the table knows: [number, name, words]. */
const known = Array.from({ length: 4096 }, (_, number) => number)
  .filter((number) => !errnoName(number).startsWith("errno "))
  .map((number) => ({ number, name: errnoName(number), words: describeErrno(number) }));

describe("errno.ts", () => {
  const directory = mkdtempSync(join(tmpdir(), "errno-"));
  afterAll(() => rmSync(directory, { recursive: true }));
  const headers = new Map<string, { number: number; words: string }>();
  beforeAll(() => {
    const names = new Set([...known.map(({ name }) => name), ...Object.keys(constants)]);
    const lines = [...names].map(
      (name) => `  printf("%s\\t%d\\t%s\\n", "${name}", ${name}, strerror(${name}));`,
    );
    const program = `#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
int main(void) {
${lines.join("\n")}
}
`;
    const executable = join(directory, "errno");
    execFileSync("gcc", ["-x", "c", "-", "-o", executable], { input: program });
    const printed = execFileSync(executable, { encoding: "utf8", env: { LC_ALL: "C" } });
    for (const line of printed.trimEnd().split("\n")) {
      const [name, number, words] = line.split("\t");
      headers.set(name!, { number: Number(number), words: words! });
    }
  });

  it("knows enough to be worth comparing", () => {
    expect(known.length).toBeGreaterThan(40);
  });

  it("has the headers' numbers and the C library's words in its table", () => {
    for (const { number, name, words } of known) {
      const header = headers.get(name)!;
      expect({ name, number }).toEqual({ name, number: header.number });
      expect(words.toLowerCase()).toBe(`${name} (${header.words})`.toLowerCase());
    }
  });

  it("exports constants with the headers' numbers", () => {
    expect(Object.keys(constants).length).toBeGreaterThan(20);
    for (const [name, number] of Object.entries(constants)) {
      expect({ name, number }).toEqual({ name, number: headers.get(name)!.number });
    }
  });

  it("has a row in the table for each constant", () => {
    const missing = Object.entries(constants).filter(([name, number]) => errnoName(number) !== name);
    expect(missing).toEqual([]);
  });

  it("shows a number that it does not know", () => {
    expect(describeErrno(4095)).toBe("errno 4095");
  });
});
