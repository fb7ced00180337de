import { describe, expect, it } from "vitest";
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
