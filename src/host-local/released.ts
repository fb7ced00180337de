// What is remembered of an address after its release: when (for `cooldown`), who had it (so that a container which asks
// again after a reboot gets it back) and under what name (for `sticky`). Kept beside the index, one entry for each
// address and one for each who had some, so there are never more than addresses.

import { isArrayOf, isNumber, isObjectOf, isString, isText } from "../cni/guard.ts";
import { parseIp } from "../net/ip.ts";
import { hashName } from "./attachment-index.ts";
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

const isReleased = isObjectOf<Released>({ by: isArrayOf(isString), boot: isString, atMs: isNumber });
const areAddresses = isArrayOf(isText(parseIp));

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
    store.index.write(addressEntry(name), released);
  }
  for (const key of by) store.index.write(holderEntry(store, key), names);
}

/** Forgets who had an address, when it goes to somebody. */
export function forget(store: Store, name: string): void {
  const released = store.index.read(addressEntry(name), isReleased);
  if (released == null) return;
  for (const key of released.by) store.index.remove(holderEntry(store, key));
  store.index.remove(addressEntry(name));
}

/** The addresses that `key` had last. */
export function formerlyOf(store: Store, key: string): readonly string[] {
  return store.index.read(holderEntry(store, key), areAddresses) ?? [];
}

/** For how long an address has rested, in milliseconds; Infinity when its release is not known or of another boot. */
export function restedMs(store: Store, node: NodeIdentity, name: string): number {
  const released = store.index.read(addressEntry(name), isReleased);
  return released == null || released.boot !== node.boot
    ? Number.POSITIVE_INFINITY
    : store.host.monotonic() - released.atMs;
}
