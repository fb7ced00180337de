// `repair`: puts back what a firewall reload or a person took away on the host.

import {
  applyHostStep,
  type Living,
  type LivingStep,
  listLiving,
  planLiving,
  verifyHostStep,
} from "../bridge/restore.ts";
import { asCniError } from "../cni/error-object.ts";
import { CniError, Code } from "../errors.ts";
import type { Host } from "../host.ts";
import { type Difference, formatDifference } from "../kernel/difference.ts";
import { Session } from "../kernel/session.ts";
import type { Command, Given } from "./command-line.ts";
import { counted } from "./phrases.ts";
import { complain, Progress, print } from "./terminal.ts";

function nameOf({ record }: Living): string {
  return `${record.network} ${record.containerId}/${record.ifname}`;
}

function text(living: Living, differences: readonly Difference[]): string {
  return differences.map((each) => `${nameOf(living)}: ${formatDifference(each)}\n`).join("");
}

/** Calls `each` for every task; what it throws is told. Returns the tasks that failed. */
function forEach(
  host: Host,
  what: string,
  tasks: readonly LivingStep[],
  each: (task: LivingStep) => void,
): LivingStep[] {
  const progress = new Progress(host, what);
  const failed = tasks.filter((task, done) => {
    progress.at(done, tasks.length);
    try {
      each(task);
      return false;
    } catch (error) {
      complain(host, `${nameOf(task.living)}: ${asCniError(error).message}`);
      return true;
    }
  });
  progress.end();
  return failed;
}

type Found = Map<LivingStep, readonly Difference[]>;

/** The tasks that are not done; failures are added to `failed`. */
function look(session: Session, tasks: readonly LivingStep[], failed: Set<LivingStep>): Found {
  const found: Found = new Map();
  const unknown = forEach(session.host, "looking", tasks, (task) => {
    const differences = verifyHostStep(session, task.step);
    if (differences.length > 0) found.set(task, differences);
  });
  for (const task of unknown) failed.add(task);
  return found;
}

/**
 * Looks at all, does what is to be done, and looks again, until nothing new is found: a bridge that was made has settings
 * that could not be looked at before. Whoever looks at all before anything is changed reads the rules once.
 */
function repairAll(session: Session, tasks: readonly LivingStep[], failed: Set<LivingStep>): Found {
  const repaired: Found = new Map();
  for (;;) {
    const rest = tasks.filter((task) => !failed.has(task));
    const found = look(session, rest, failed);
    if (found.size === 0) return repaired;
    const unrepaired = forEach(session.host, "repairing", [...found.keys()], (task) => {
      const [difference] = found.get(task)!;
      if (repaired.has(task)) throw new CniError(Code.kernelRefused, formatDifference(difference!));
      applyHostStep(session, task.step);
    });
    for (const task of unrepaired) failed.add(task);
    for (const [task, differences] of found) {
      if (failed.has(task)) repaired.delete(task);
      else repaired.set(task, differences);
    }
  }
}

function run(host: Host, { options }: Given): number {
  const session = new Session(host, undefined);
  const living = listLiving(session);
  const dry = options.has("--dry-run");
  const tasks = planLiving(host, living);
  const failed = new Set<LivingStep>();
  const found = dry ? look(session, tasks, failed) : repairAll(session, tasks, failed);
  for (const warning of session.warnings) complain(host, warning);
  const attachments = counted(living.length, "attachment");
  const count = [...found.values()].flat().length;
  const failures = failed.size > 0 ? `, ${failed.size} failed` : "";
  const done =
    count === 0 && failures === "" ? "nothing to repair" : `${count} ${dry ? "to repair" : "repaired"}`;
  const lines = [...found].map(([task, differences]) => text(task.living, differences));
  const printed = print(host, `${lines.join("")}${attachments}, ${done}${failures}\n`);
  return failures === "" ? printed : 1;
}

export const repair: Command = {
  name: "repair",
  summary: "put back what a firewall reload or a person removed",
  description: `Looks at what each living attachment needs on the host (the bridge, its addresses, forwarding, the port, masquerading, the MAC spoof check) and makes again what is missing. It goes by the records in /run/cni-bridge and by live links, needs no configuration, and can be run at any time: what is right is left alone. Each repair is printed as "what: expected …, found …".

Attachments of other plugins have no record and are not touched. A container whose link is gone needs DEL and ADD from its runtime; cni-bridge ls shows it as "cut off".`,
  options: [{ name: "--dry-run", summary: "print what would be repaired, change nothing" }],
  examples: [
    { words: "repair --dry-run", purpose: "what is missing?" },
    {
      words: "repair",
      purpose: "after nft flush ruleset, or a reload of firewalld; examples/systemd has a unit for it",
    },
  ],
  statuses: [[1, "something could not be repaired, or looked at; the rest was"]],
  run,
};
