// Running iptables, with programs that are made up: which one is found, how it is called, what its answers mean. The
// answers are those of iptables 1.8.9 (both flavours), 1.4.21 and 1.4.19.

import { describe, expect, it } from "vitest";
import { EACCES } from "../../src/errno.ts";
import { Iptables } from "../../src/kernel/iptables.ts";
import { caught } from "../support/caught.ts";
import { fakeProcess, type Program } from "../support/fake-process.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** A program that always answers so. */
function answering(status: number, stderr: string, more: object = {}): Program {
  return { run: () => ({ status, stderr: bytes(stderr), ...more }) };
}

function iptables(program: Program) {
  const host = fakeProcess({ env: { PATH: "/sbin" }, programs: { "/sbin/iptables": program } });
  return { host, found: Iptables.find(host, "iptables")! };
}

describe("Iptables.find", () => {
  const programs = {
    "/a/iptables": { mode: 0o100644 },
    "/b/iptables": { mode: 0o040755 },
    "/c/iptables": {},
    "/d/iptables": {},
    "/d/iptables-legacy": {},
    "sbin/iptables": {},
  };
  it.each<[string | undefined, string[], string | undefined]>([
    ["/a:/b:/c:/d", ["iptables"], "/c/iptables"],
    ["/c:/d", ["iptables-legacy", "iptables"], "/d/iptables-legacy"],
    ["/c", ["iptables-legacy", "iptables"], "/c/iptables"],
    ["sbin:", ["iptables"], undefined],
    ["", ["iptables"], undefined],
    [undefined, ["iptables"], undefined],
  ])("in PATH %j finds %j at %j", (path, names, expected) => {
    const host = fakeProcess({ env: { PATH: path }, programs });
    Iptables.find(host, ...names)?.run("-F", "X");
    expect(host.spawned.map((call) => call.path)).toEqual(expected === undefined ? [] : [expected]);
  });
});

describe("Iptables.run", () => {
  it("names the table, waits for the lock with a bound, and is killed after another", () => {
    const { host, found } = iptables({});
    expect(found.run("-A", "POSTROUTING", "-j", "ACCEPT")).toBe(true);
    expect(host.spawned).toMatchObject([
      {
        argv: ["/sbin/iptables", "-t", "nat", "-A", "POSTROUTING", "-j", "ACCEPT", "--wait", "10"],
        environment: [],
        timeoutMs: 15_000,
      },
    ]);
  });

  it.each([
    [1, "-C", "iptables: Bad rule (does a matching rule exist in that chain?).\n"],
    [1, "-D", "iptables: No chain/target/match by that name.\n"],
    [2, "-A", "iptables v1.8.9 (nf_tables): Chain 'CNI-x' does not exist\n"],
    [2, "-D", "iptables v1.8.9 (legacy): Couldn't load target `CNI-x':No such file or directory\n"],
    [
      4,
      "-A",
      "iptables v1.8.9 (nf_tables):  RULE_APPEND failed (No such file or directory): rule in chain CNI-x\n",
    ],
    [1, "-N", "iptables: Chain already exists.\n"],
    [
      4,
      "-N",
      "iptables v1.8.9 (nf_tables):  CHAIN_USER_ADD failed (File exists): chain CNI-0123456789abcdef\n",
    ],
  ])("returns false for status %i of %s with %j", (status, verb, said) => {
    expect(iptables(answering(status, said)).found.run(verb, "CNI-x")).toBe(false);
  });

  it.each([
    [3, 100, "iptables v1.8.9 (legacy): can't initialize iptables table `nat': Table does not exist"],
    [4, 100, "iptables v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied"],
    [1, 100, "iptables: Too many links."],
    [4, 11, "Another app is currently holding the xtables lock. Stopped waiting after 10s."],
  ])("throws for status %i, code %i, what iptables said: %s", (status, code, said) => {
    const error = caught(() => iptables(answering(status, `${said}\n`)).found.run("-X", "CNI-x"));
    expect(error).toMatchObject({
      code,
      message: `/sbin/iptables -t nat -X CNI-x: exit status ${status}: ${said}`,
    });
  });

  it("throws code 11 for a program that was killed at the deadline", () => {
    const { found } = iptables(answering(-1, "", { signal: 9, timedOut: true }));
    expect(caught(() => found.run("-X", "CNI-x"))).toMatchObject({
      code: 11,
      message: "/sbin/iptables -t nat -X CNI-x did not finish in 15 s and was killed",
    });
  });

  it("throws code 103 for a program that cannot be run", () => {
    expect(caught(() => iptables({ run: () => -EACCES }).found.run("-X", "CNI-x"))).toMatchObject({
      code: 103,
      message: "execute /sbin/iptables: EACCES (permission denied)",
    });
  });

  it.each<{ version: string; refuses: (argv: readonly string[]) => string; words: string[] }>([
    {
      version: "1.4.21",
      refuses: (argv) => (argv.includes("10") ? "iptables v1.4.21: Bad argument `10'" : ""),
      words: ["--wait"],
    },
    {
      version: "1.4.19",
      refuses: (argv) => (argv.includes("--wait") ? 'iptables v1.4.19: unknown option "--wait"' : ""),
      words: [],
    },
  ])("says to version $version what it understands, and remembers it", ({ refuses, words }) => {
    const { host, found } = iptables({
      run: ({ argv }) => {
        const said = refuses(argv);
        return { status: said === "" ? 0 : 2, stderr: bytes(said) };
      },
    });
    expect(found.run("-F", "A")).toBe(true);
    const tries = host.spawned.length;
    expect(found.run("-F", "B")).toBe(true);
    expect(host.spawned.length).toBe(tries + 1);
    expect(host.spawned.at(-1)!.argv).toEqual(["/sbin/iptables", "-t", "nat", "-F", "B", ...words]);
  });
});

describe("Iptables.list", () => {
  it("returns the lines", () => {
    const { found } = iptables({ run: () => ({ stdout: bytes("-N A\n-A A -j B") }) });
    expect(found.list("A")).toEqual(["-N A", "-A A -j B"]);
  });

  it.each([
    "iptables: No chain/target/match by that name.",
    "iptables v1.8.9 (nf_tables): chain `A' in table `nat' is incompatible, use 'nft' tool.",
  ])("returns undefined where there is no chain: %s", (said) => {
    expect(iptables(answering(1, said)).found.list("A")).toBeUndefined();
  });
});
