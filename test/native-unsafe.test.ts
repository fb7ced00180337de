// The unsafe Rust of native/: how much there is, where it may be, and that each block says why it is right. Clippy holds
// the last too (undocumented_unsafe_blocks); this shows the figures and keeps the list of files from growing unnoticed.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = new URL("../native/", import.meta.url).pathname;
const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".rs"))
  .sort();

/** Where C is spoken: the engine's interface, the kernel's, the heap, the process's entry and end. */
const MAY = [
  "allocator.rs",
  "answer.rs",
  "arguments.rs",
  "engine.rs",
  "failure.rs",
  "heap.rs",
  "host.rs",
  "main.rs",
  "properties.rs",
  "rehearsal.rs",
  "snapshot.rs",
  "sys.rs",
  "text.rs",
];

/** The lines of a file that begin an unsafe block, with the comment lines and attributes before each. */
function blocksOf(path: string): { line: number; why: string }[] {
  const lines = readFileSync(join(root, "src", path), "utf8").split("\n");
  return lines.flatMap((text, index) => {
    if (!/\bunsafe\s*(\{|impl\b)/.test(text) || /^\s*\/\//.test(text)) return [];
    let from = index;
    // A statement may begin some lines before its block; the reason stands before the statement.
    while (from > 0 && index - from < 8 && !/SAFETY:/.test(lines[from]!)) from--;
    return [{ line: index + 1, why: /SAFETY: \S/.test(lines[from]!) ? lines[from]! : "" }];
  });
}

describe("unsafe Rust", () => {
  const counted = files
    .map((path) => [path, blocksOf(path)] as const)
    .filter(([, blocks]) => blocks.length > 0);

  it("is in the files that speak C alone", () => {
    const total = counted.reduce((sum, [, blocks]) => sum + blocks.length, 0);
    console.log(
      `${total} unsafe blocks: ${counted.map(([path, { length }]) => `${path} ${length}`).join(", ")}`,
    );
    expect(total).toBeGreaterThan(50);
    expect(
      counted.map(([path]) => path).filter((path) => !path.startsWith("sys/") && !MAY.includes(path)),
    ).toEqual([]);
  });

  it.each(counted)("says why it is right: %s", (_, blocks) => {
    expect(blocks.filter(({ why }) => why === "").map(({ line }) => line)).toEqual([]);
  });

  it("is denied without a reason, and clippy is pedantic", () => {
    const lints = readFileSync(join(root, "Cargo.toml"), "utf8");
    expect(lints).toContain('unsafe_op_in_unsafe_fn = "deny"');
    expect(lints).toContain("undocumented_unsafe_blocks");
    expect(lints).toContain("pedantic = {");
  });
});
