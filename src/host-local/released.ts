// What is remembered of an address after its release: when (for `cooldown`), who had it (so that a container which asks
// again after a reboot gets it back) and under what name (for `sticky`). Kept beside the index, one entry for each
// address and one for each who had some, so there are never more than addresses.

import { isObject } from "../cni/json.ts";
import { hashName, readEntry, removeEntry, writeEntry } from "./attachment-index.ts";
import type { NodeIdentity } from "./node-identity.ts";
import type { Store } from "./store.ts";

interface Released {
  /** Who had it: keys of `formerlyOf`. */
  readonly by: readonly string[];
  /** The boot, and its monotonic clock in milliseconds. */
  readonly boot: string;
  readonly atMs: number;
}

const addressEntry = (name: string) => `released.${name}`;
const holderEntry = (store: Store, key: string) => `former.${hashName(store, key)}`;

/** What is remembered of an address; an entry that is not as `remember` writes it is as good as none. */
function readReleased(store: Store, name: string): Released | undefined {
  const entry = readEntry(store, addressEntry(name));
  if (!isObject(entry)) return undefined;
  const { by, boot, atMs } = entry;
  if (!areStrings(by) || typeof boot !== "string" || typeof atMs !== "number") return undefined;
  return { by, boot, atMs };
}

function areStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

/** Remembers that `by` gave up these addresses now, or at the end of an earlier boot. */
export function remember(
  store: Store,
  { boot }: NodeIdentity,
  names: readonly string[],
  by: readonly string[],
): void {
  const released: Released = { by, boot, atMs: store.host.monotonic() };
  for (const name of names) {
    forget(store, name);
    writeEntry(store, addressEntry(name), released);
  }
  for (const key of by) writeEntry(store, holderEntry(store, key), names);
}

/** Forgets who had an address, when it goes to somebody. */
export function forget(store: Store, name: string): void {
  const released = readReleased(store, name);
  if (released === undefined) return;
  for (const key of released.by) removeEntry(store, holderEntry(store, key));
  removeEntry(store, addressEntry(name));
}

/** The addresses that `key` had last. */
export function formerlyOf(store: Store, key: string): readonly string[] {
  const names = readEntry(store, holderEntry(store, key));
  return areStrings(names) ? names : [];
}

/** For how long an address has rested, in milliseconds; Infinity when its release is not known or of another boot. */
export function restedMs(store: Store, node: NodeIdentity, name: string): number {
  const released = readReleased(store, name);
  return released === undefined || released.boot !== node.boot
    ? Number.POSITIVE_INFINITY
    : store.host.monotonic() - released.atMs;
}
