// `repair`: puts back what a firewall reload or a person took away on the host.

import {
  applyHostStep,
  type HostStep,
  type Living,
  listLiving,
  planHostSide,
  verifyHostStep,
} from "../bridge/restore.ts";
import { asCniError } from "../cni/error-object.ts";
import { CniError, Code } from "../errors.ts";
import type { Host } from "../host.ts";
import { type Difference, formatDifference } from "../kernel/difference.ts";
import { Session } from "../kernel/session.ts";
import type { Command, Given } from "./command-line.ts";
import { complain, Progress, print } from "./terminal.ts";

function nameOf({ record }: Living): string {
  return `${record.network} ${record.containerId}/${record.ifname}`;
}

function text(living: Living, differences: readonly Difference[]): string {
  return differences.map((each) => `${nameOf(living)}: ${formatDifference(each)}\n`).join("");
}

/** Calls `each` for every step of every living attachment, what they share once; failures are told and counted. */
function forEachStep(
  session: Session,
  living: readonly Living[],
  each: (living: Living, step: HostStep) => void,
): number {
  const { host } = session;
  const seen = new Set<string>();
  const progress = new Progress(host, "looking at attachments");
  let failures = 0;
  for (const [done, one] of living.entries()) {
    progress.at(done, living.length);
    for (const step of planHostSide(host, one.record, one.hostName)) {
      const id = JSON.stringify(step);
      if (seen.has(id)) continue;
      seen.add(id);
      try {
        each(one, step);
      } catch (error) {
        failures++;
        complain(host, `${nameOf(one)}: ${asCniError(error).message}`);
      }
    }
  }
  progress.end();
  return failures;
}

function run(host: Host, { options }: Given): number {
  const session = new Session(host, undefined);
  const living = listLiving(session);
  const dry = options.has("--dry-run");
  let out = "";
  let repaired = 0;
  const failures = forEachStep(session, living, (one, step) => {
    const differences = verifyHostStep(session, step);
    if (differences.length === 0) return;
    if (!dry) {
      applyHostStep(session, step);
      const [left] = verifyHostStep(session, step);
      if (left !== undefined) throw new CniError(Code.kernelRefused, formatDifference(left));
    }
    repaired += differences.length;
    out += text(one, differences);
  });
  for (const warning of session.warnings) complain(host, warning);
  const attachments = living.length === 1 ? "1 attachment" : `${living.length} attachments`;
  const done = dry ? "to repair" : "repaired";
  const summary =
    repaired === 0 && failures === 0
      ? `${attachments}, nothing to repair\n`
      : `${attachments}, ${repaired} ${done}${failures > 0 ? `, ${failures} failed` : ""}\n`;
  const printed = print(host, out + summary);
  return failures > 0 ? 1 : printed;
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
