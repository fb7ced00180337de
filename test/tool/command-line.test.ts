import { describe, expect, it } from "vitest";
import { commands } from "../../src/tool/command.ts";
import { type Command, readWords, UsageError } from "../../src/tool/command-line.ts";
import { formatHelp, wrap } from "../../src/tool/help.ts";

const command: Command = {
  name: "try",
  summary: "try it",
  description: "Tries it.",
  operands: "THING",
  operandCount: [0, 2],
  options: [
    { name: "--json", summary: "for programs" },
    { name: "--data-dir", value: "DIR", summary: "where" },
  ],
  examples: [{ words: "try this", purpose: "to see" }],
  run: () => 0,
};

describe("readWords", () => {
  it.each([
    { words: [], operands: [], options: {} },
    { words: ["a", "--json", "b"], operands: ["a", "b"], options: { "--json": "" } },
    { words: ["--data-dir", "/x", "a"], operands: ["a"], options: { "--data-dir": "/x" } },
    { words: ["--data-dir=/x=y"], operands: [], options: { "--data-dir": "/x=y" } },
    { words: ["--data-dir="], operands: [], options: { "--data-dir": "" } },
    { words: ["--", "--json", "-x"], operands: ["--json", "-x"], options: {} },
    { words: ["-"], operands: ["-"], options: {} },
  ])("reads $words", ({ words, operands, options }) => {
    const given = readWords(command, words);
    expect({ operands: given.operands, options: Object.fromEntries(given.options) }).toEqual({
      operands,
      options,
    });
  });

  it.each([
    [["--nope"], "no option --nope"],
    [["-x"], "no option -x"],
    [["--json=1"], "takes no value"],
    [["--data-dir"], "needs a value: DIR"],
    [["a", "b", "c"], "what to do with c"],
  ])("refuses %j", (words, message) => {
    expect(() => readWords(command, words)).toThrow(UsageError);
    expect(() => readWords(command, words)).toThrow(message);
  });

  it("names what is missing", () => {
    expect(() => readWords({ ...command, operandCount: [1, 1] }, [])).toThrow("try needs THING");
  });
});

describe("formatHelp", () => {
  it("shows usage, options, examples and exit status", () => {
    const text = formatHelp(command);
    for (const part of [
      "cni-bridge try [options] THING",
      "--data-dir DIR  where",
      "cni-bridge try this",
      "to see",
    ])
      expect(text).toContain(part);
    expect(text).toMatch(
      /0 {2}it worked\n +1 {2}it could not be done; standard error says why\n +2 {2}words it does not know\n$/,
    );
  });
});

describe("formatHelp of every command", () => {
  it.each(commands.map((each) => [each.name, each] as const))("%s fits into 80 columns", (_name, each) => {
    const long = formatHelp(each)
      .split("\n")
      .filter((line) => line.length > 80);
    // What is to be typed cannot be broken.
    expect(long.filter((line) => !line.startsWith("  cni-bridge "))).toEqual([]);
  });
});

describe("wrap", () => {
  it("breaks at 80 columns and keeps paragraphs", () => {
    const text = wrap(`${"word ".repeat(40).trim()}\n\nnext`);
    expect(text.split("\n").every((line) => line.length <= 80)).toBe(true);
    expect(text.endsWith("\n\nnext")).toBe(true);
    expect(text.split("\n").length).toBe(5);
  });
});
