// What a command of the tool is, and the reading of the words behind its name. Which commands there are is in command.ts.
// Options are `--name`, `--name VALUE` or `--name=VALUE`, anywhere; behind `--` all words are operands.

import type { Host } from "../host.ts";

/** One option; `value` is the placeholder of what follows it, absent for a switch. */
export interface Option {
  readonly name: `--${string}`;
  readonly value?: string;
  /** What it does, one line without full stop. */
  readonly summary: string;
}

/** A call to learn from: the words as typed behind "cni-bridge", and what it is for. */
interface Example {
  readonly words: string;
  readonly purpose: string;
}

/** What was typed behind the command's name. */
export interface Given {
  readonly operands: readonly string[];
  /** By name, dashes included; "" for a switch. */
  readonly options: ReadonlyMap<string, string>;
}

/** One command. Help, completions and the manual page are made of it. */
export interface Command {
  readonly name: string;
  /** One line without full stop, for the list of commands. */
  readonly summary: string;
  /** What it answers and how, wrapped at 80 columns by whoever prints it; paragraphs are parted by an empty line. */
  readonly description: string;
  /** The operands as help shows them, such as "IP | CONTAINER | VETH"; absent where there are none. */
  readonly operands?: string;
  /** How many operands there may be; [0, 0] where absent. */
  readonly operandCount?: readonly [least: number, most: number];
  readonly options: readonly Option[];
  readonly examples: readonly Example[];
  /** Exit statuses other than 0, and 2 for words it does not know. */
  readonly statuses?: readonly (readonly [status: number, meaning: string])[];
  /** Returns the exit status. What it throws is told on stderr in one sentence, with status 1. */
  readonly run: (host: Host, given: Given, commands: readonly Command[]) => number;
}

/** Words that a command does not know: told on stderr, status 2. */
export class UsageError extends Error {}

function takeOption(
  command: Command,
  word: string,
  following: string | undefined,
): [string, string, boolean] {
  const equals = word.indexOf("=");
  const name = equals < 0 ? word : word.slice(0, equals);
  const option = command.options.find((each) => each.name === name);
  if (option === undefined) throw new UsageError(`${command.name} has no option ${name}`);
  if (option.value === undefined) {
    if (equals >= 0) throw new UsageError(`${name} takes no value`);
    return [name, "", false];
  }
  if (equals >= 0) return [name, word.slice(equals + 1), false];
  if (following === undefined) throw new UsageError(`${name} needs a value: ${option.value}`);
  return [name, following, true];
}

/** Reads the words behind a command's name. Throws UsageError. */
export function readWords(command: Command, words: readonly string[]): Given {
  const operands: string[] = [];
  const options = new Map<string, string>();
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === "--") {
      operands.push(...words.slice(at + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      operands.push(word);
      continue;
    }
    const [name, value, usedNext] = takeOption(command, word, words[at + 1]);
    options.set(name, value);
    if (usedNext) at++;
  }
  const [least, most] = command.operandCount ?? [0, 0];
  if (operands.length < least) throw new UsageError(`${command.name} needs ${command.operands}`);
  if (operands.length > most)
    throw new UsageError(`${command.name} does not know what to do with ${operands[most]}`);
  return { operands, options };
}
