import { describe, expect, it } from "vitest";
import type { Host } from "../../src/host.ts";
import { Progress, paintFor } from "../../src/tool/terminal.ts";

function fakeTerminal(targets: Readonly<Record<number, string>>, env: Readonly<Record<string, string>> = {}) {
  const fake = {
    stderr: "",
    now: 0,
    getenv: (name: string) => env[name],
    readlinkat: (_: number, path: string) => targets[Number(path.slice(path.lastIndexOf("/") + 1))] ?? -2,
    monotonic: () => fake.now,
    write(fd: number, text: string) {
      expect(fd).toBe(2);
      fake.stderr += text;
      return text.length;
    },
  };
  return fake as typeof fake & Host;
}

describe("paintFor", () => {
  it.each([
    { name: "a terminal", to: "/dev/pts/3", env: {}, coloured: true },
    { name: "a console", to: "/dev/tty1", env: {}, coloured: true },
    { name: "a pipe", to: "pipe:[4711]", env: {}, coloured: false },
    { name: "a file", to: "/tmp/out", env: {}, coloured: false },
    { name: "/dev/null", to: "/dev/null", env: {}, coloured: false },
    { name: "a terminal with NO_COLOR", to: "/dev/pts/3", env: { NO_COLOR: "1" }, coloured: false },
    { name: "a terminal with an empty NO_COLOR", to: "/dev/pts/3", env: { NO_COLOR: "" }, coloured: true },
    { name: "a dumb terminal", to: "/dev/pts/3", env: { TERM: "dumb" }, coloured: false },
  ])("on $name: coloured $coloured", ({ to, env, coloured }) => {
    const text = paintFor(fakeTerminal({ 1: to }, env))("bad", "dead");
    expect(text).toBe(coloured ? "\x1b[31mdead\x1b[0m" : "dead");
  });
});

describe("Progress", () => {
  it("is silent for a second", () => {
    const host = fakeTerminal({ 2: "/dev/pts/0" });
    const progress = new Progress(host, "looking");
    host.now = 999;
    progress.at(1, 10);
    progress.end();
    expect(host.stderr).toBe("");
  });

  it("rewrites its line on a terminal, and clears it", () => {
    const host = fakeTerminal({ 2: "/dev/pts/0" });
    const progress = new Progress(host, "looking");
    for (host.now = 1000; host.now < 1300; host.now += 50) progress.at(host.now, 2000);
    progress.end();
    expect(host.stderr.split("\r").slice(1)).toEqual([
      "cni-bridge: looking: 1000 of 2000\x1b[K",
      "cni-bridge: looking: 1100 of 2000\x1b[K",
      "cni-bridge: looking: 1200 of 2000\x1b[K",
      "\x1b[K",
    ]);
  });

  it("is one line where no terminal is", () => {
    const host = fakeTerminal({ 2: "pipe:[1]" });
    const progress = new Progress(host, "looking");
    for (host.now = 1000; host.now < 3000; host.now += 500) progress.at(1, 2);
    progress.end();
    expect(host.stderr).toBe("cni-bridge: looking: 1 of 2\n");
  });
});
