// `cni-bridge lint`: what is wrong, doubtful or without effect in configuration files, each with its line and column.

import type { Host } from "../host.ts";
import type { Command, Given } from "./command-line.ts";
import { readText } from "./config-file.ts";
import { JsonFault } from "./json-text.ts";
import { lintBetween } from "./lint-between.ts";
import { type LintedNetwork, lintFile } from "./lint-file.ts";
import { type Finding, type Level, Report } from "./lint-report.ts";
import { counted } from "./phrases.ts";
import { complain, type Paint, paintFor, print, printJson } from "./terminal.ts";

const meanings: { readonly [L in Level]: Parameters<Paint>[0] } = {
  error: "bad",
  warning: "doubtful",
  note: "faint",
};

/** All findings of texts by file name, in the order of the files. */
export function lintTexts(
  host: Host,
  texts: readonly (readonly [file: string, text: string])[],
  withReference: boolean,
): Finding[] {
  const networks: LintedNetwork[] = [];
  const files = texts.map(([file, text]): { readonly findings: readonly Finding[] } => {
    try {
      const report = new Report(file, text);
      networks.push(...lintFile(host, report, withReference));
      return report;
    } catch (error) {
      if (!(error instanceof JsonFault)) throw error;
      return {
        findings: [{ file, ...error.place, level: "error", path: "", message: `no JSON: ${error.message}` }],
      };
    }
  });
  lintBetween(networks);
  return files.flatMap(({ findings }) => findings);
}

function format({ file, line, column, level, path, message }: Finding, paint: Paint): string {
  const at = path === "" ? "" : `${path}: `;
  return `${paint("strong", `${file}:${line}:${column}:`)} ${paint(meanings[level], level)}: ${at}${message}\n`;
}

function run(host: Host, { operands, options }: Given): number {
  const texts: [string, string][] = [];
  for (const path of operands) {
    try {
      texts.push([path === "-" ? "<stdin>" : path, readText(host, path)]);
    } catch (error) {
      complain(host, error instanceof Error ? error.message : `${error}`);
      return 2;
    }
  }
  const findings = lintTexts(host, texts, options.has("--reference"));
  const errors = findings.filter(({ level }) => level === "error").length;
  const warnings = findings.filter(({ level }) => level === "warning").length;
  const isWrong = errors > 0 || (options.has("--strict") && warnings > 0);
  if (options.has("--json")) return printJson(host, { errors, warnings, findings }) || (isWrong ? 1 : 0);
  const paint = paintFor(host);
  const summary = `${counted(operands.length, "file")}: ${counted(errors, "error")}, ${counted(warnings, "warning")}\n`;
  return print(host, findings.map((each) => format(each, paint)).join("") + summary) || (isWrong ? 1 : 0);
}

export const lint: Command = {
  name: "lint",
  summary: "check configuration files, with line and column of what is wrong",
  description: `Checks network configurations and lists as the plugins would read them, and beyond: what only an ADD would fail with, keys without effect, misspelt keys, and subnets of several files that overlap. "-" is standard input. Nothing is changed, and no container is needed.

bridge and host-local are checked key by key; of other plugins only what all have in common.`,
  operands: "FILE... | -",
  operandCount: [1, 1000],
  options: [
    { name: "--json", summary: "the findings as JSON" },
    { name: "--reference", summary: "also note what the reference plugins do not know or do otherwise" },
    { name: "--strict", summary: "warnings count as errors for the exit status" },
  ],
  examples: [
    { words: "lint /etc/cni/net.d/*.conflist", purpose: "all lists of this node, also against each other" },
    { words: "lint --json - < 10-net.conf", purpose: "for an editor or CI" },
  ],
  statuses: [
    [1, "there are errors"],
    [2, "words it does not know, or a file that cannot be read"],
  ],
  run,
};
