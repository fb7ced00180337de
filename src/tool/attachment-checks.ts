// doctor on attachments: what the living lack, what the dead have left.

import { listLiving, planLiving, verifyHostStep } from "../bridge/restore.ts";
import { formatDifference } from "../kernel/difference.ts";
import type { State } from "./attachment-state.ts";
import { type Check, fine, problem, type View, warning } from "./diagnosis.ts";
import { listElements } from "./elements.ts";
import { bare, type Found } from "./inventory.ts";
import { attachmentName } from "./ls.ts";
import { counted, enumerate } from "./phrases.ts";

function inState({ inventory }: View, state: State): Found[] {
  return inventory.found.filter((each) => each.state === state);
}

function names(found: readonly Found[]): string {
  return enumerate(found.map((each) => `${each.network ?? "?"} ${attachmentName(each, false)}`));
}

const hostSide: Check = ({ inventory }) => {
  const { session } = inventory;
  const living = listLiving(session);
  const missing = planLiving(session.host, living).flatMap(({ step }) =>
    verifyHostStep(session, step).map(formatDifference),
  );
  const check = "host side";
  if (missing.length === 0)
    return [fine(check, `all that ADD made is there: ${counted(living.length, "attachment")}`)];
  const text = `gone or changed of what ADD made, as after a firewall reload: ${missing.length > 1 ? `${missing[0]}; and ${missing.length - 1} more` : missing[0]}`;
  return [problem(check, text, "cni-bridge repair; examples/systemd has a unit that runs it after a reload")];
};

const cutOff: Check = (view) => {
  const found = inState(view, "cut off");
  if (found.length === 0) return [];
  const text = `${names(found)}: the namespace is there, the link is gone`;
  return [problem("links", text, "restart these containers; only the runtime can give them a new link")];
};

const unclear: Check = (view) => {
  const found = inState(view, "unclear");
  if (found.length === 0) return [];
  const fix = "cni-bridge why CONTAINER; a process that holds the namespace shows in lsns -t net";
  return [warning("namespaces", `${names(found)}: ${found[0]!.because}`, fix)];
};

const leftOver: Check = (view) => {
  const { inventory } = view;
  const dead = inState(view, "dead");
  const remains = inventory.stores.flatMap((store) => store.remains.map((name) => `${store.path}/${name}`));
  const owned = new Set(inventory.found.flatMap(({ addresses }) => addresses));
  const recorded = new Set(inventory.found.flatMap(({ record }) => record?.addresses?.map(bare) ?? []));
  const stray = listElements(inventory.session).filter(
    ({ address }) => !owned.has(address) && !recorded.has(address),
  );
  const found = [];
  if (dead.length > 0)
    found.push(warning("left over", `of ${names(dead)}: ${dead[0]!.because}`, "cni-bridge gc --yes"));
  if (remains.length > 0)
    found.push(
      warning("left over", `what a power cut left of leases: ${enumerate(remains)}`, "cni-bridge gc --yes"),
    );
  if (stray.length > 0) {
    const text = `masquerade elements of addresses that nobody holds: ${enumerate(stray.map((each) => each.address))}`;
    const fix = `nft delete element inet cni-bridge masquerade4 '{ ADDRESS }'; harmless, the next holder replaces them`;
    found.push(warning("left over", text, fix));
  }
  return found.length > 0 ? found : [fine("left over", "nothing is provably left over")];
};

export const attachmentChecks: readonly Check[] = [hostSide, cutOff, unclear, leftOver];
