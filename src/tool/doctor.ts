// `doctor`: everything that could go wrong on this node, each with what was looked at and what to do about it.

import { asCniError } from "../cni/error-object.ts";
import type { Host } from "../host.ts";
import { addressChecks } from "./address-checks.ts";
import { attachmentChecks } from "./attachment-checks.ts";
import type { Command, Given } from "./command-line.ts";
import { confDirOption, readConfiguration } from "./configured.ts";
import { dataDirOption, dataDirsOf } from "./data-dir.ts";
import { type Check, type Diagnosis, problem, type View } from "./diagnosis.ts";
import { firewallChecks } from "./firewall-checks.ts";
import { takeInventory } from "./inventory.ts";
import { kernelChecks } from "./kernel-checks.ts";
import { linkChecks } from "./link-checks.ts";
import { counted } from "./phrases.ts";
import { type Paint, paintFor, print, printJson } from "./terminal.ts";

const unreadable: Check = ({ configuration }) =>
  configuration.unreadable.map((text) => problem("configuration", text, "cni-bridge lint FILE"));

const checks: readonly Check[] = [
  ...kernelChecks,
  ...firewallChecks,
  unreadable,
  ...addressChecks,
  ...linkChecks,
  ...attachmentChecks,
];

/** What `look` finds. That it cannot look is a problem itself: nothing is known then. */
function attempt(look: () => readonly Diagnosis[]): readonly Diagnosis[] {
  try {
    return look();
  } catch (error) {
    return [problem("doctor", asCniError(error).message, "run it as root, in the host's network namespace")];
  }
}

/** Runs every check. */
export function diagnose(view: View): Diagnosis[] {
  return checks.flatMap((check) => attempt(() => check(view)));
}

const marks = {
  ok: ["good", "ok      "],
  warning: ["doubtful", "warning "],
  problem: ["bad", "problem "],
} as const;

/** What is not in order first; `all` shows the rest too. */
export function formatDiagnoses(diagnoses: readonly Diagnosis[], paint: Paint, all: boolean): string {
  let text = "";
  for (const severity of ["problem", "warning", "ok"] as const) {
    if (severity === "ok" && !all) continue;
    for (const each of diagnoses.filter((one) => one.severity === severity)) {
      const [meaning, mark] = marks[severity];
      text += `${paint(meaning, mark)} ${each.check}: ${each.text}\n`;
      if (each.fix !== undefined) text += `          fix: ${each.fix}\n`;
    }
  }
  const count = (severity: Diagnosis["severity"]) =>
    diagnoses.filter((one) => one.severity === severity).length;
  const found = [counted(count("problem"), "problem"), counted(count("warning"), "warning")].join(", ");
  return `${text}${found}, ${counted(count("ok"), "check")} in order\n`;
}

/** 2 with a problem, 1 with a warning, 0 otherwise. */
export function statusOf(diagnoses: readonly Diagnosis[]): number {
  if (diagnoses.some(({ severity }) => severity === "problem")) return 2;
  return diagnoses.some(({ severity }) => severity === "warning") ? 1 : 0;
}

function run(host: Host, given: Given): number {
  const diagnoses = attempt(() => {
    const configuration = readConfiguration(host, given);
    return diagnose({ inventory: takeInventory(host, dataDirsOf(given, configuration)), configuration });
  });
  const failed = given.options.has("--json")
    ? printJson(host, diagnoses)
    : print(host, formatDiagnoses(diagnoses, paintFor(host), given.options.has("--all")));
  return failed || statusOf(diagnoses);
}

export const doctor: Command = {
  name: "doctor",
  summary: "what is wrong on this node, and what to do about it",
  description: `Looks at everything that is known to go wrong: what the kernel lacks, forwarding, firewall chains that drop what containers send, subnets that overlap or are another node's, pools that run out, MTUs and MACs, rules that a firewall reload has removed, and what dead containers have left. Each finding says what was looked at and what to do. It changes nothing, and starts no program but iptables where that masquerades a container.`,
  options: [
    { name: "--all", summary: "show also what is in order" },
    { name: "--json", summary: "for programs: everything, with severity" },
    confDirOption,
    dataDirOption,
  ],
  examples: [
    { words: "doctor", purpose: "what is wrong here?" },
    { words: "doctor --json | jq '.[] | select(.severity != \"ok\")'", purpose: "the same for a script" },
    { words: "doctor >/dev/null || echo look at this node", purpose: "by the exit status" },
  ],
  statuses: [
    [1, "there are warnings, no problems"],
    [2, "there are problems; or words it does not know, told on stderr"],
  ],
  run,
};
