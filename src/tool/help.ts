// Help, of the whole tool and of one command, made of the table of commands.

import { version } from "../version.ts";
import type { Command, Option } from "./command-line.ts";

const COLUMNS = 80;

/** Lines of at most 80 columns; paragraphs stay apart. */
export function wrap(text: string, indent = ""): string {
  return text
    .split("\n\n")
    .map((paragraph) => {
      const lines: string[] = [];
      let line = "";
      for (const word of paragraph.split("\n").join(" ").split(" ")) {
        if (line !== "" && indent.length + line.length + 1 + word.length > COLUMNS) {
          lines.push(line);
          line = word;
        } else line = line === "" ? word : `${line} ${word}`;
      }
      return [...lines, line].map((each) => indent + each).join("\n");
    })
    .join("\n\n");
}

/** Two columns, the first as wide as its widest. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  const wrapped = (right: string) => wrap(right, " ".repeat(width + 4)).trimStart();
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${wrapped(right)}\n`).join("");
}

/** `--data-dir DIR`. */
export function formatOption({ name, value }: Option): string {
  return value === undefined ? name : `${name} ${value}`;
}

/** `cni-bridge why [options] IP | CONTAINER | VETH`. */
export function formatUsage({ name, options, operands }: Command): string {
  const parts = ["cni-bridge", name];
  if (options.length > 0) parts.push("[options]");
  if (operands !== undefined) parts.push(operands);
  return parts.join(" ");
}

/** The help of the tool: what it is, and its commands. */
export function formatOverview(commands: readonly Command[]): string {
  const rows = commands.map(({ name, summary }) => [name, summary] as const);
  return `cni-bridge ${version}: the CNI plugins bridge and host-local in one executable

A container runtime calls it as "bridge" or "host-local", with the verb in CNI_COMMAND and
the configuration on standard input. A person calls it as "cni-bridge":

${columns([...rows, ["--help", "print this text"], ["--version", "print the version"]])}
"cni-bridge help COMMAND", or "cni-bridge COMMAND --help", explains a command, with examples.
`;
}

/** The help of one command. */
export function formatHelp(command: Command): string {
  const options = [
    ...command.options.map((option) => [formatOption(option), option.summary] as const),
    ["--help", "print this text"] as const,
  ];
  const examples = command.examples.map(
    ({ words, purpose }) => `  cni-bridge ${words}\n${wrap(purpose, "      ")}\n`,
  );
  const own = command.statuses ?? [];
  const usual = [
    [1, "it could not be done; standard error says why"],
    [2, "words it does not know"],
  ] as const;
  const statuses = [...own, ...usual.filter(([status]) => own.every(([each]) => each !== status))]
    .sort(([one], [other]) => one - other)
    .map(([status, meaning]) => [`${status}`, meaning] as const);
  return `${formatUsage(command)}

${wrap(command.description)}

Options:
${columns(options)}
${examples.length === 0 ? "" : `Examples:\n${examples.join("\n")}\n`}Exit status:
${columns([["0", "it worked"], ...statuses].map(([status, meaning]) => [status!, meaning!] as const))}`;
}
