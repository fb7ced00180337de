// Who holds an address, for errors that explain.

import { isNamespaceGone } from "./attachment-proof.ts";
import type { Books } from "./books.ts";
import { formatOwner, parseLease } from "./lease.ts";
import { readLease } from "./store.ts";
import { formatTimestamp } from "./timestamp.ts";

/** `10.88.0.20 is held by c1/eth0 since 2026-03-01T12:00:00.000Z, namespace gone`. */
export function describeHolder(books: Books, name: string): string {
  const { store } = books;
  const lease = readLease(store, name);
  if (typeof lease === "number") return `${name} is held by ${store.path}/${name}, which is not a lease file`;
  const since = formatTimestamp(lease.mtimeMs);
  const owner = parseLease(lease.text);
  if (owner === undefined) return `${name} is held by an empty file since ${since}`;
  const who = owner.ifname === "" ? owner.containerId : formatOwner(owner);
  const { netns, netnsCookie } = books.find(owner) ?? {};
  const gone = netns !== undefined && isNamespaceGone(store.host, netns, netnsCookie);
  return `${name} is held by ${who} since ${since}${gone ? ", namespace gone" : ""}`;
}
