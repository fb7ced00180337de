// bash itself runs the script; the words come from the table of commands.

import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { commands } from "../../src/tool/command.ts";
import { completions } from "../../src/tool/completion.ts";
import { formatManual } from "../../src/tool/man.ts";

/** What bash completes when the last of these words is being typed. */
function complete(...words: readonly string[]): string[] {
  const script = `${completions.bash!(commands)}
COMP_WORDS=(cni-bridge "$@")
COMP_CWORD=$#
_cni_bridge
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync("bash", ["-euc", script, "bash", ...words], {
    encoding: "utf8",
    // NB: with a socket there, as Node makes one, bash takes itself for started by rshd and reads bashrc.
    stdio: ["ignore", "pipe", "pipe"],
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.split("\n").filter((word) => word !== "");
}

describe("completion bash", () => {
  it("completes every command", () => {
    expect(complete("")).toEqual([...commands.map(({ name }) => name), "--help", "--version"]);
    expect(complete("lin")).toEqual(["lint"]);
  });

  it.each(commands.map((command) => [command.name, command] as const))("completes the options of %s", (name, {
    options,
  }) => {
    expect(complete(name, "--")).toEqual([...options.map((option) => option.name), "--help"]);
  });

  it("completes words to choose from, and files", () => {
    expect(complete("schema", "b")).toEqual(["bridge"]);
    expect(complete("lint", "package.j")).toEqual(["package.json"]);
    expect(complete("why", "package.j")).toEqual([]);
  });
});

describe("completion", () => {
  it.each(["zsh", "fish"])("names every command and option for %s", (shell) => {
    const script = completions[shell]!(commands);
    for (const { name, options } of commands) {
      expect(script).toContain(name);
      for (const option of options) expect(script).toContain(option.name.slice(2));
    }
  });
});

describe("formatManual", () => {
  const page = formatManual(commands);

  it("has every command and option, with hyphens that can be copied", () => {
    for (const { name, options } of commands) {
      expect(page).toContain(`\n.SS cni\\-bridge ${name}`);
      for (const option of options) expect(page).toContain(option.name.replaceAll("-", "\\-"));
    }
  });

  it("has no line that roff would take for a request of its own", () => {
    const requests = page.split("\n").filter((line) => line.startsWith(".") || line.startsWith("'"));
    const known = /^\.(\\"|TH |SH |SS |TP$|PP$|B |I |RI )/;
    expect(requests.filter((line) => !known.test(line))).toEqual([]);
  });
});
