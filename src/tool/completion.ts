// `cni-bridge completion`: what a shell completes, made of the table of commands.

import { type Command, UsageError } from "./command-line.ts";
import { print } from "./terminal.ts";

/** Operands to choose from, where the help names them in small letters; undefined where they are anything. */
function choices({ operands = "" }: Command): string[] | undefined {
  const words = operands.split(" | ");
  return operands !== "" && words.every((word) => word === word.toLowerCase() && word !== "-")
    ? words
    : undefined;
}

function takesFiles({ operands = "" }: Command): boolean {
  return operands.includes("FILE");
}

function optionsOf({ options }: Command): string[] {
  return [...options.map(({ name }) => name), "--help"];
}

/** In single quotes for a shell. */
function quote(text: string): string {
  return `'${text.split("'").join("'\\''")}'`;
}

function bash(commands: readonly Command[]): string {
  const names = [...commands.map(({ name }) => name), "--help", "--version"].join(" ");
  const cases = commands.map((command) => {
    const words = [...optionsOf(command), ...(choices(command) ?? [])].join(" ");
    const files = takesFiles(command)
      ? `\n      [[ $word == -* ]] || mapfile -t COMPREPLY < <(compgen -f -- "$word")`
      : "";
    return `    ${command.name})
      mapfile -t COMPREPLY < <(compgen -W "${words}" -- "$word")${files}
      ;;`;
  });
  return `# bash completion of cni-bridge; made by "cni-bridge completion bash"
_cni_bridge() {
  local word=\${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "${names}" -- "$word")
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join("\n")}
  esac
}
complete -o filenames -F _cni_bridge cni-bridge
`;
}

/** zsh's own characters in a description. */
function zshText(text: string): string {
  return ["\\", "[", "]", ":"].reduce((rest, char) => rest.split(char).join(`\\${char}`), text);
}

function zsh(commands: readonly Command[]): string {
  const rows = commands.map(({ name, summary }) => `    ${quote(`${name}:${zshText(summary)}`)}`);
  const cases = commands.map((command) => {
    const options = [
      ...command.options.map(({ name, value, summary }) =>
        quote(`${name}[${zshText(summary)}]${value === undefined ? "" : `:${value}:`}`),
      ),
      quote("--help[print help]"),
    ];
    const words = choices(command);
    const operand =
      words !== undefined
        ? [quote(`*:what:(${words.join(" ")})`)]
        : takesFiles(command)
          ? ["'*:file:_files'"]
          : [];
    return `    ${command.name}) _arguments ${[...options, ...operand].join(" ")} ;;`;
  });
  return `#compdef cni-bridge
# made by "cni-bridge completion zsh"
_cni_bridge() {
  local -a names
  names=(
${rows.join("\n")}
  )
  if ((CURRENT == 2)); then
    _describe command names
    return
  fi
  local name=$words[2]
  shift words
  ((CURRENT--))
  case $name in
${cases.join("\n")}
  esac
}
_cni_bridge "$@"
`;
}

function fish(commands: readonly Command[]): string {
  const lines = ['# made by "cni-bridge completion fish"', "complete -c cni-bridge -f"];
  for (const command of commands) {
    const { name, summary, options } = command;
    const here = `complete -c cni-bridge -n '__fish_seen_subcommand_from ${name}'`;
    lines.push(`complete -c cni-bridge -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`);
    for (const { name: option, value, summary: what } of options)
      lines.push(`${here} -l ${option.slice(2)}${value === undefined ? "" : " -r"} -d ${quote(what)}`);
    const words = choices(command);
    if (words !== undefined) lines.push(`${here} -a ${quote(words.join(" "))}`);
    if (takesFiles(command)) lines.push(`${here} -F`);
  }
  return `${lines.join("\n")}\n`;
}

/** The script for each shell. */
export const completions: Readonly<Record<string, (commands: readonly Command[]) => string>> = {
  bash,
  zsh,
  fish,
};

const shells = Object.keys(completions).join(" | ");

export const completion: Command = {
  name: "completion",
  summary: "print what bash, zsh or fish need to complete words",
  description: "Prints a script for a shell, which completes commands, options and files.",
  operands: shells,
  operandCount: [1, 1],
  options: [],
  examples: [
    { words: "completion bash > /etc/bash_completion.d/cni-bridge", purpose: "for all users of bash" },
    {
      words: "completion fish > ~/.config/fish/completions/cni-bridge.fish",
      purpose: "for yourself, in fish",
    },
  ],
  run(host, { operands: [shell = ""] }, commands) {
    const make = Object.hasOwn(completions, shell) ? completions[shell] : undefined;
    if (make === undefined) throw new UsageError(`there is nothing for ${shell}, only for ${shells}`);
    return print(host, make(commands));
  },
};
