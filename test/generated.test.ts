// What is made of src/ and checked in is what `make docs` would make now, and no key of a configuration goes untold.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { generated, withTables } from "../scripts/generated.ts";
import { keys as bridgeKeys } from "../src/bridge/config.ts";
import type { Shape } from "../src/cni/shape.ts";
import { keys as hostLocalKeys } from "../src/host-local/config.ts";
import { bridgeDocs } from "../src/tool/bridge-keys.ts";
import { hostLocalDocs } from "../src/tool/host-local-keys.ts";
import { type KeyDocs, keysOf } from "../src/tool/key-docs.ts";
import { listDocs, listShape } from "../src/tool/list-keys.ts";

const files = [...generated()];

describe("generated files", () => {
  it.each(files)("has %s as `make docs` writes it", (path, text) => {
    expect(readFileSync(new URL(`../${path}`, import.meta.url), "utf8")).toBe(text);
  });

  it("replaces what stands between the marks and nothing else", () => {
    const page = "before\n<!-- keys: bridge log -->\nold\n<!-- end of keys -->\nafter <!-- end of keys -->\n";
    const made = withTables(page);
    expect(made).toMatch(
      /^before\n<!-- keys: bridge log -->\n\n\| key [\s\S]*`logFile`[\s\S]*<!-- end of keys -->\nafter /,
    );
    expect(made).not.toContain("old");
    expect(withTables(made)).toBe(made);
  });
});

describe("key tables", () => {
  // Read before the plugin's own keys, by every plugin alike.
  const protocol = ["cniVersion", "name"];
  const tables: readonly (readonly [string, Shape<unknown>, KeyDocs])[] = [
    ["bridge", bridgeKeys, bridgeDocs],
    ["host-local", hostLocalKeys, hostLocalDocs],
    ["lists", listShape, listDocs],
  ];

  it.each(tables)("tells of every key of %s", (_name, { form }, docs) => {
    const read = keysOf(form!).map(({ path }) => path);
    expect(read.length).toBeGreaterThan(5);
    expect(read.filter((path) => !Object.hasOwn(docs, path))).toEqual([]);
  });

  it.each(tables)("tells of no key that %s does not read", (_name, { form }, docs) => {
    const read = keysOf(form!).map(({ path }) => path);
    expect(Object.keys(docs).filter((path) => !read.includes(path) && !protocol.includes(path))).toEqual([]);
  });

  it.each(tables)("gives each key of %s a default or says what its absence means", (_name, _shape, docs) => {
    const bare = Object.entries(docs).filter(
      ([, row]) => row.default === undefined && row.absent === undefined,
    );
    expect(bare).toEqual([]);
  });
});
