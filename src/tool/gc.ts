// `gc`: removes what is left of containers that are provably gone. The proofs are those of the inventory, and each is
// made once more right before anything is removed; absence from a list, or age, is none.

import { removeMasquerade, removeSpoofCheck } from "../bridge/attachment.ts";
import { hostSideOf } from "../bridge/attachment-record.ts";
import { readRecord, removeRecord } from "../bridge/record.ts";
import { asCniError } from "../cni/error-object.ts";
import type { Host } from "../host.ts";
import { type Caller, causeOfDeath } from "../host-local/attachment-proof.ts";
import { Books } from "../host-local/books.ts";
import { reclaimRemains } from "../host-local/reclaim.ts";
import { release } from "../host-local/release.ts";
import { withStore } from "../host-local/store.ts";
import type { Session } from "../kernel/session.ts";
import { hostVethName } from "../net/names.ts";
import type { Command, Given } from "./command-line.ts";
import { confDirOption } from "./configured.ts";
import { dataDirOption, readDataDirs } from "./data-dir.ts";
import { listElements } from "./elements.ts";
import { type Found, type Inventory, takeInventory } from "./inventory.ts";
import type { LeaseStore } from "./lease-stores.ts";
import { elementsOf, leftOverOf } from "./left-over.ts";
import { attachmentName } from "./ls.ts";
import { complain, Progress, print } from "./terminal.ts";

const LOCK_TIMEOUT_MS = 30_000;

function callerOf(session: Session, network: string): Caller {
  const homeCookie = session.route("host").netnsCookie();
  return {
    ...(homeCookie === undefined ? {} : { homeCookie }),
    linkExists: (containerId, ifname) =>
      session.findLink("host", hostVethName(session.host, { network, containerId, ifname })) !== undefined,
  };
}

/** Releases the leases of a dead attachment, under the lock; throws where it is no longer provably dead. */
function releaseLeases(session: Session, { holder, record }: Found): void {
  if (holder === undefined) return;
  const { network, path } = holder;
  withStore(session.host, path, { make: "nothing", lockTimeoutMs: LOCK_TIMEOUT_MS }, (store) => {
    const books = new Books(store, true);
    const current = books.find(holder);
    if (current === undefined) return;
    // What the index has lost since the record may still know.
    const { netnsCookie, homeCookie } = (record && hostSideOf(record)) ?? {};
    const known = {
      ...(record !== undefined && { netns: record.netns }),
      ...(netnsCookie !== undefined && { netnsCookie }),
      ...(homeCookie !== undefined && { homeCookie }),
      ...current,
    };
    if (causeOfDeath(session.host, books.node, callerOf(session, network), known) === undefined)
      throw new Error("it is no longer provably dead, and stays");
    release(books, current);
    books.seal();
  });
}

/** In the order of a DEL: rules first, then the address, so that its next holder does not meet them; the record last. */
function collect(session: Session, found: Found): void {
  const { record } = found;
  if (record !== undefined) {
    const current = readRecord(session.host, record.network, record.key);
    // An ADD of the same container has claimed it meanwhile.
    if (JSON.stringify(current) !== JSON.stringify(record))
      throw new Error("its record has changed; it stays");
    removeMasquerade(session, record, record);
    removeSpoofCheck(session, record, record);
  }
  releaseLeases(session, found);
  if (record !== undefined) removeRecord(session.host, record.network, record.key);
}

/** What power cuts left of leases. */
function collectRemains(session: Session, { network, path }: LeaseStore): void {
  withStore(session.host, path, { make: "nothing", lockTimeoutMs: LOCK_TIMEOUT_MS }, (store) => {
    const books = new Books(store, true);
    for (const each of books.scan().remains) reclaimRemains(books, callerOf(session, network), each);
    books.seal();
  });
}

/** One thing to remove: what is told of it, and doing it. */
interface Task {
  readonly text: string;
  readonly collect: () => void;
}

function tasksOf(inventory: Inventory): Task[] {
  const { session, found, stores } = inventory;
  const all = listElements(session);
  const dead = found
    .filter(({ state }) => state === "dead")
    .map((each): Task => {
      const left = leftOverOf(inventory, each, elementsOf(each, all)).map((what) => `  ${what}\n`);
      const name = `${each.network ?? "?"} ${attachmentName(each, true)}: ${each.because}`;
      return { text: `${name}\n${left.join("")}`, collect: () => collect(session, each) };
    });
  const remains = stores
    .filter((store) => store.remains.length > 0)
    .map((store): Task => {
      const left = store.remains.map((name) => `  ${store.path}/${name}\n`);
      const text = `${store.network}: files that a power cut left of leases\n${left.join("")}`;
      return { text, collect: () => collectRemains(session, store) };
    });
  return [...dead, ...remains];
}

function run(host: Host, given: Given): number {
  const inventory = takeInventory(host, readDataDirs(host, given));
  const tasks = tasksOf(inventory);
  if (tasks.length === 0) return print(host, "nothing is provably left over\n");
  if (!given.options.has("--yes")) {
    const text = tasks.map((task) => task.text).join("");
    return print(host, `${text}would be removed; cni-bridge gc --yes does it\n`);
  }
  const progress = new Progress(host, "removing");
  let failures = 0;
  let out = "";
  for (const [done, task] of tasks.entries()) {
    progress.at(done, tasks.length);
    try {
      task.collect();
      out += task.text;
    } catch (error) {
      failures++;
      const why = error instanceof Error ? error.message : asCniError(error).message;
      complain(host, `${task.text.slice(0, task.text.indexOf("\n"))}: ${why}`);
    }
  }
  progress.end();
  const removed = out === "" ? "nothing was removed\n" : `${out}removed\n`;
  return print(host, removed) || (failures > 0 ? 1 : 0);
}

export const gc: Command = {
  name: "gc",
  summary: "remove what is left of containers that are provably gone",
  description: `Finds leases, records, masquerade elements and spoof check rules of attachments that are dead, and prints them with the proof: the lease is of an earlier boot of this machine, or the path of ADD no longer leads to the recorded namespace and the link is gone. With --yes they are removed, each after its proof was made once more.

Leases of other plugins in this boot are never touched, as nothing is proved of them; nor is a container that merely is on no list.`,
  options: [{ name: "--yes", summary: "do it; otherwise it is only printed" }, confDirOption, dataDirOption],
  examples: [
    { words: "gc", purpose: "what is left over?" },
    { words: "gc --yes", purpose: "remove it" },
  ],
  statuses: [[1, "something could not be removed; the rest was"]],
  run,
};
