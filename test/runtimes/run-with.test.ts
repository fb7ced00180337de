// The table "Run with" of the README against what these tests really start: a version there is the version here, and a
// test that it names exists.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CNITOOL_VERSION, FLANNEL_VERSION, PLUGINS_VERSION } from "../support/executables.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const SECTION = readFileSync(`${ROOT}README.md`, "utf8")
  .split(/^## /m)
  .find((text) => text.startsWith("Run with"))!;
const rows = [...SECTION.matchAll(/^\| ([^|]+) \| ([^|]*) \| (.+) \|$/gm)]
  .slice(1)
  .map(([, what, version, how]) => ({ what: what!.trim(), version: version!.trim(), how: how! }));
const built = rows.filter(({ version }) => version.startsWith("v"));

/** The packages' versions are those of one release; elsewhere others are installed, and the table does not speak of them. */
const DEBIAN_12 = /^VERSION_ID="?12/m.test(readFileSync("/etc/os-release", "utf8"));
const packages = rows.filter(({ what }) => ["containerd", "runc", "podman"].includes(what));

describe("README, Run with", () => {
  it.each(built)("has the version of $what that the tests build", ({ what, version }) => {
    const expected = { cnitool: CNITOOL_VERSION, flannel: FLANNEL_VERSION }[what] ?? PLUGINS_VERSION;
    expect(version).toBe(expected);
  });

  it.each(DEBIAN_12 ? packages : [])("has the version of $what that Debian installs", ({ what, version }) => {
    const { stdout } = spawnSync(what, ["--version"], { encoding: "utf8" });
    expect(stdout.split("\n")[0]).toContain(` ${version}`);
  });

  it("names every test of this directory, and no other", () => {
    const named = [...SECTION.matchAll(/\]\((test\/[^)]+)\)/g)].map(([, path]) => path!);
    for (const path of named) expect(existsSync(`${ROOT}${path}`), path).toBe(true);
    const files = readdirSync(`${ROOT}test/runtimes`).map((file) => `test/runtimes/${file}`);
    // These two are about our own files.
    const own = ["test/runtimes/install.test.ts", "test/runtimes/run-with.test.ts"];
    expect(files.filter((file) => !named.includes(file) && !own.includes(file))).toEqual([]);
  });

  it("has the packages and what is built", () => {
    expect(packages).toHaveLength(3);
    expect(built).toHaveLength(6);
  });
});
