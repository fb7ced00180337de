// `cni-bridge man`: the manual page, made of the table of commands like --help. Written for man(7).

import { version } from "../version.ts";
import type { Command } from "./command-line.ts";
import { formatOption, formatUsage } from "./help.ts";
import { print } from "./terminal.ts";

/** Text that roff prints as it is. */
function escaped(text: string): string {
  const safe = text.split("\\").join("\\e").split("-").join("\\-");
  return safe
    .split("\n")
    .map((line) => (line.startsWith(".") || line.startsWith("'") ? `\\&${line}` : line))
    .join("\n");
}

function paragraphs(text: string): string {
  return text.split("\n\n").map(escaped).join("\n.PP\n");
}

/** A term and what it means. */
function item(term: string, text: string): string {
  return `.TP\n\\fB${escaped(term)}\\fR\n${escaped(text)}\n`;
}

function commandSection(command: Command): string {
  const { description, options, examples, statuses = [] } = command;
  const items = [
    ...options.map((option) => item(formatOption(option), `${option.summary}.`)),
    ...examples.map(({ words, purpose }) => item(`cni-bridge ${words}`, purpose)),
    ...statuses.map(([status, meaning]) => item(`exit status ${status}`, `${meaning}.`)),
  ];
  return `.SS ${escaped(formatUsage(command))}\n${paragraphs(description)}\n${items.join("")}`;
}

const environment = [
  [
    "CNI_BRIDGE_LOG",
    "A file to which each call of a plugin appends one line of JSON. The key logFile of a configuration does the same.",
  ],
  ["CNI_BRIDGE_TRACE", "A file to which every netlink message is appended, decoded, one line of JSON each."],
  ["NO_COLOR", "No colours, not even on a terminal."],
] as const;

const files = [
  ["/var/lib/cni/networks/NETWORK/", "Leases of host-local: one file for each address."],
  ["/run/cni-bridge/NETWORK/", "A record of each attachment."],
] as const;

/** The page in man(7)'s language. */
export function formatManual(commands: readonly Command[]): string {
  return `.\\" Made by "cni-bridge man"; see src/tool/man.ts.
.TH CNI\\-BRIDGE 1 "" "cni-bridge ${version}" "User Commands"
.SH NAME
cni\\-bridge \\- the CNI plugins bridge and host\\-local, and what looks inside them
.SH SYNOPSIS
.B cni\\-bridge
.I COMMAND
.RI [ option ...]
.RI [ operand ...]
.SH DESCRIPTION
A container runtime calls the same executable as \\fBbridge\\fR or \\fBhost\\-local\\fR, with the verb in CNI_COMMAND and the
configuration on standard input. A person calls it as \\fBcni\\-bridge\\fR.
.SH COMMANDS
${commands.map(commandSection).join("")}.SH EXIT STATUS
0 where it worked, 1 where it could not be done, 2 for words it does not know; what differs is said with the command.
.SH ENVIRONMENT
${environment.map(([name, text]) => item(name, text)).join("")}.SH FILES
${files.map(([name, text]) => item(name, text)).join("")}`;
}

export const man: Command = {
  name: "man",
  summary: "print the manual page",
  description: "Prints the manual page in the language of man(7). It holds what --help says of each command.",
  options: [],
  examples: [{ words: "man | man -l -", purpose: "to read it where it is not installed" }],
  run: (host, _given, commands) => print(host, formatManual(commands)),
};
