// docs/parity.md against the tests it names: every case of upstream has a row, and the row's test is there.

import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const root = new URL("..", import.meta.url).pathname;
const lines = readFileSync(`${root}/docs/parity.md`, "utf8").split("\n");
const rows = lines
  .filter((line) => /^\| [A-Z]\d+ \|/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, id, name, file, title]) => ({
    id: id!,
    name: name!,
    file: file!.replaceAll("`", ""),
    title: title!,
  }));

/** How many cases each of upstream's files has: bridge, host_local, dns, allocator, config, range, range_set, lock. */
const counts = { B: 40, H: 11, D: 3, A: 13, C: 13, R: 18, S: 3, K: 2 };

describe("docs/parity.md", () => {
  it("has one row for each case of upstream, in order", () => {
    const ids = Object.entries(counts).flatMap(([letter, count]) =>
      Array.from({ length: count }, (_, index) => `${letter}${index + 1}`),
    );
    expect(rows.map(({ id }) => id)).toEqual(ids);
  });

  it.each(rows)("names the test that covers $id", ({ name, file, title }) => {
    expect(name).not.toBe("");
    expect(title).not.toBe("");
    expect(existsSync(`${root}/${file}`), file).toBe(true);
    expect(readFileSync(`${root}/${file}`, "utf8")).toContain(title);
  });

  it("names no file beside the tables that is not there", () => {
    const named = lines
      .join("\n")
      .split("## Beyond upstream")[1]!
      .matchAll(/`([^`]+\.test\.ts)`/g);
    const files = [...named].map(([, path]) => (path!.includes("/") ? path! : `test/kernel/${path}`));
    expect(files.length).toBeGreaterThan(5);
    expect(files.filter((path) => !existsSync(`${root}/${path}`))).toEqual([]);
  });
});
