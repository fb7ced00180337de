import { describe, expect, it } from "vitest";
import { EACCES, EPERM } from "../../src/errno.ts";
import runTool from "../../src/tool/command.ts";
import { version } from "../../src/version.ts";
import { fakeProcess } from "../support/fake-process.ts";

function run(words: readonly string[], env: Record<string, string> = {}) {
  const host = fakeProcess({ argv: ["/usr/bin/cni-bridge", ...words], env });
  return { status: runTool(host), stdout: host.stdout, stderr: host.stderr };
}

describe("runTool", () => {
  it("explains itself when it is asked nothing, or for help", () => {
    expect(run([])).toEqual(run(["--help"]));
    expect(run([])).toMatchObject({ status: 0, stderr: "", stdout: expect.stringContaining("--version") });
  });

  it.each([["help"], ["-h"]])("explains itself for %s too", (word) => {
    expect(run([word])).toEqual(run([]));
  });

  it("explains a command", () => {
    expect(run(["help", "why"])).toEqual(run(["why", "--help"]));
    expect(run(["help", "why"])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("cni-bridge why [options]"),
    });
    expect(run(["help", "nope"])).toEqual(run(["nope"]));
  });

  it.each([
    ["sl", "ls"],
    ["doctr", "doctor"],
    ["metric", "metrics"],
  ])("asks who types %s whether %s is meant", (word, meant) => {
    expect(run([word])).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringContaining(`did you mean ${meant}?`),
    });
  });

  describe("for who may not look", () => {
    const forbidden = (...words: string[]) => {
      const host = fakeProcess({ argv: ["cni-bridge", ...words] });
      const refused = { openat: () => -EACCES, socket: () => -EPERM, readlinkat: () => -EACCES };
      const status = runTool(Object.assign(host, refused));
      return { status, stdout: host.stdout, stderr: host.stderr };
    };

    it.each(["ls", "why", "gc", "metrics", "repair"])("%s says what to do", (name) => {
      const words = name === "why" ? [name, "10.0.0.1"] : [name];
      expect(forbidden(...words)).toEqual({
        status: 1,
        stdout: "",
        stderr: expect.stringMatching(/^cni-bridge: \S+: .*E(ACCES|PERM) \(.*\); run it as root\n$/),
      });
    });

    it("doctor calls that a problem: it knows nothing", () => {
      const { status, stdout } = forbidden("doctor");
      expect(status).toBe(2);
      expect(stdout).toMatch(
        /^problem {2}doctor: .*\n {10}fix: run it as root, in the host's network namespace\n1 problem, 0/,
      );
    });
  });

  it("prints its version", () => {
    expect(run(["--version"])).toEqual({ status: 0, stdout: `cni-bridge ${version}\n`, stderr: "" });
  });

  it.each(["nope", "__proto__", ""])("does not know the command %j", (word) => {
    expect(run([word])).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining("--help") });
  });

  it.each(["ADD", "DEL", "VERSION", "nonsense"])("answers a runtime's %s with the names to use", (verb) => {
    const { status, stdout } = run([], { CNI_COMMAND: verb });
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      cniVersion: "1.1.0",
      code: 4,
      msg: expect.stringMatching(/CNI_COMMAND.*bridge or host-local/),
      details: expect.stringContaining("/usr/bin/cni-bridge"),
    });
  });

  it("takes an empty CNI_COMMAND for none", () => {
    expect(run(["--version"], { CNI_COMMAND: "" }).status).toBe(0);
  });
});
