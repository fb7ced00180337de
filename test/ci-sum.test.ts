// No failure of a CI run may hide: each way a step or a tier can fail must show in the last line and in the status.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const SCRIPT = new URL("../scripts/ci-sum.mjs", import.meta.url).pathname;

interface Step {
  readonly status?: number;
  readonly log?: string;
  /** Per test file: how each of its tests ended, or "broken" for a file that could not be loaded. */
  readonly files?: Readonly<Record<string, readonly string[] | "broken">>;
}

const NATIVE = "running 2 tests\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured\n";
const GOOD: Readonly<Record<string, Step>> = {
  check: {},
  test: {
    log: NATIVE,
    files: {
      "/x/test/net/ip.test.ts": ["passed", "passed", "skipped"],
      "/x/test/kernel/a.test.ts": ["passed"],
    },
  },
  runtimes: { files: { "/x/test/runtimes/ctr.test.ts": ["passed"] } },
};

function sum(steps: Readonly<Record<string, Step>>): { lastLine: string; status: number | null } {
  const directory = mkdtempSync(join(tmpdir(), "ci-sum-"));
  for (const [name, { status = 0, log = "", files }] of Object.entries(steps)) {
    const at = (file: string) => join(directory, name, file);
    mkdirSync(join(directory, name));
    writeFileSync(at("status"), `${status}\n`);
    writeFileSync(at("log"), log);
    if (files === undefined) continue;
    const testResults = Object.entries(files).map(([path, results]) => ({
      name: path,
      status: results === "broken" || results.includes("failed") ? "failed" : "passed",
      assertionResults: results === "broken" ? [] : results.map((result) => ({ status: result })),
    }));
    writeFileSync(at("vitest-1.json"), JSON.stringify({ testResults }));
  }
  const ended = spawnSync(process.execPath, [SCRIPT, directory, "unit", "native", "kernel", "runtimes"], {
    encoding: "utf8",
  });
  rmSync(directory, { recursive: true });
  return { lastLine: ended.stdout.trimEnd().split("\n").at(-1)!, status: ended.status };
}

describe("ci-sum", () => {
  it("adds up the tiers", () => {
    expect(sum(GOOD)).toEqual({ lastLine: "6 passed, 0 failed", status: 0 });
  });

  it.each<[string, Readonly<Record<string, Step>>, string]>([
    ["a step that fails", { check: { status: 2 } }, "6 passed, 1 failed"],
    [
      "a failed test",
      { runtimes: { status: 2, files: { "/x/test/runtimes/ctr.test.ts": ["passed", "failed"] } } },
      "6 passed, 1 failed",
    ],
    [
      "a failed native test",
      { test: { ...GOOD.test, status: 2, log: "test result: FAILED. 1 passed; 3 failed; 0 ignored\n" } },
      "5 passed, 3 failed",
    ],
    [
      "a file that cannot be loaded",
      { runtimes: { status: 1, files: { "/x/test/runtimes/ctr.test.ts": "broken" } } },
      "5 passed, 1 failed",
    ],
    [
      "a step that fails although all its tests passed",
      { test: { ...GOOD.test, status: 1 } },
      "6 passed, 1 failed",
    ],
    ["a tier of which nothing ran", { runtimes: {} }, "5 passed, 1 failed"],
    ["a tier that was never begun", { test: { ...GOOD.test, log: "" } }, "4 passed, 1 failed"],
  ])("counts %s", (_name, changes, lastLine) => {
    expect(sum({ ...GOOD, ...changes })).toEqual({ lastLine, status: 1 });
  });
});
