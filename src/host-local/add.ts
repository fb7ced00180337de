// ADD: one address of each range set, all or none, in one transaction under the lock.
//
// Order of a commit, so that a kill or a power cut at any point costs no address and gives none out twice: the lease is
// written aside; the index says whose it will be; one link(2) makes it a lease; the round moves on; the seal. What a
// kill leaves is an entry without a lease, or a lease whose entry says which boot it is of. No fsync: it costs
// milliseconds on a disk and buys nothing, since after a power cut the machine boots anew and no container of the old
// boot is alive; what the cut left of a lease (nothing, or part of it) is recognised by that and reclaimed.

import type { Outcome } from "../cni/outcome.ts";
import type { Request } from "../cni/request.ts";
import type { Dns, Result } from "../cni/result.ts";
import { describeErrno, ENOENT } from "../errno.ts";
import { CniError, Code } from "../errors.ts";
import { AT_FDCWD, type Host } from "../host.ts";
import { nameIp, namePrefix, parseIp } from "../net/ip.ts";
import { type Attachment, asideName, removeAttachment, writeAttachment } from "./attachment-index.ts";
import type { Caller } from "./attachment-proof.ts";
import { Books } from "./books.ts";
import { type Choice, Chooser } from "./choose.ts";
import { type IpamConfig, readIpamConfig } from "./config.ts";
import { formatLease, formatOwner, type Owner } from "./lease.ts";
import { findRange } from "./ranges.ts";
import { reclaimAttachment, reclaimDead, tell } from "./reclaim.ts";
import { release } from "./release.ts";
import { forget, formerlyOf } from "./released.ts";
import { parseResolvConf } from "./resolv-conf.ts";
import { readSmallFile } from "./small-file.ts";
import { placeLease, prepareLease, removeAside, withStore, writeLastReserved } from "./store.ts";

/** Takes an address of each range set. Needs no namespace; CNI_NETNS is only recorded. */
export function add(host: Host, request: Request, caller: Caller = {}): Required<Outcome> {
  const config = readIpamConfig(host, request);
  const dns = config.resolvConf === undefined ? {} : readDns(host, config.resolvConf);
  const owner = { containerId: request.containerId, ifname: request.ifname };
  const { path, lockTimeoutMs, stickyName } = config;
  const choices = withStore(host, path, { make: "directory and lock", lockTimeoutMs }, (store) => {
    const books = new Books(store, true);
    if (!books.swept) reclaimDead(books, caller, formatOwner(owner));
    const own = books.find(owner);
    const old = books.find({ ...owner, ifname: "" });
    const living = [own, old].filter((one) => one !== undefined && !reclaimed(books, caller, one));
    refuseDuplicate(config, living);
    const names = [...(stickyName === undefined ? [] : [stickyName]), formatOwner(owner)];
    const preferred = names.flatMap((name) => formerlyOf(store, name));
    const chosen = new Chooser(books, config, caller, owner).choose(preferred);
    commit(books, request, caller, living.includes(own) ? own : undefined, chosen);
    return chosen;
  })!;
  return { result: resultOf(config, choices, dns), undo: () => undo(host, config, owner, choices) };
}

function readDns(host: Host, path: string): Dns {
  const text = readSmallFile(host, AT_FDCWD, path);
  if (typeof text === "string") return parseResolvConf(text);
  throw new CniError(Code.ioFailure, `ipam.resolvConf: open ${path}: ${describeErrno(-text)}`);
}

function reclaimed(books: Books, caller: Caller, attachment: Attachment): boolean {
  const freed = reclaimAttachment(books, caller, attachment);
  tell(books, freed);
  return freed.length > 0;
}

function refuseDuplicate({ sets }: IpamConfig, living: readonly (Attachment | undefined)[]): void {
  for (const attachment of living) {
    for (const { name } of attachment?.leases ?? []) {
      const number = sets.findIndex((set) => findRange(set, parseIp(name)!) !== undefined);
      if (number < 0) continue;
      const message = `${name} has been allocated to ${attachment!.containerId}, duplicate allocation is not allowed`;
      throw new CniError(Code.allocationFailed, `failed to allocate for range ${number}: ${message}`);
    }
  }
}

function commit(
  books: Books,
  request: Request,
  caller: Caller,
  own: Attachment | undefined,
  choices: readonly Choice[],
): void {
  const { store, node } = books;
  const { netnsCookie, homeCookie } = caller;
  const owner: Owner = { containerId: request.containerId, ifname: request.ifname };
  const placed: string[] = [];
  try {
    const leases = choices.map(({ name }, number) => {
      const { ino, mtimeMs } = prepareLease(store, asideName(number), formatLease(owner));
      return { name, ino, mtimeMs };
    });
    const attachment: Attachment = {
      ...owner,
      ...node,
      ...(request.netns !== undefined && { netns: request.netns }),
      ...(netnsCookie !== undefined && { netnsCookie }),
      ...(homeCookie !== undefined && { homeCookie }),
      leases: [...(own?.leases ?? []), ...leases],
    };
    if (writeAttachment(store, attachment) < 0) books.distrust();
    choices.forEach(({ name, movesRound }, number) => {
      forget(store, name);
      placeLease(store, asideName(number), name);
      placed.push(name);
      if (movesRound) writeLastReserved(store, number, name);
    });
    for (let number = 0; number < choices.length; number++) removeAside(store, asideName(number));
  } catch (error) {
    const asides = choices.map((_, number) => asideName(number));
    takeBack(books, owner, own, placed, asides);
    throw error;
  }
  books.seal();
}

/** As far as it goes: the failure that led here is the one to report, and without the seal a scan finds what stays. */
function takeBack(
  books: Books,
  owner: Owner,
  own: Attachment | undefined,
  placed: readonly string[],
  asides: readonly string[],
): void {
  const { store } = books;
  const { host, dir, index } = store;
  const removals = [
    ...placed.map((name) => host.unlinkat(dir, name, 0)),
    ...asides.map((name) => index.remove(name)),
  ];
  if (own === undefined) removeAttachment(store, owner);
  else writeAttachment(store, own);
  if (removals.every((removed) => removed >= 0 || removed === -ENOENT)) books.seal();
}

function undo(host: Host, config: IpamConfig, owner: Owner, choices: readonly Choice[]): void {
  const { path, lockTimeoutMs } = config;
  withStore(host, path, { make: "nothing", lockTimeoutMs }, (store) => {
    const books = new Books(store, true);
    const attachment = books.find(owner);
    if (attachment === undefined) return;
    release(
      books,
      attachment,
      choices.map(({ name }) => name),
    );
    books.seal();
  });
}

function resultOf({ routes }: IpamConfig, choices: readonly Choice[], dns: Dns): Result {
  const ips = choices.map(({ ip, range }) => ({
    address: namePrefix({ ip, length: range.subnet.length }),
    gateway: nameIp(range.gateway),
  }));
  return { interfaces: [], ips, routes, dns };
}
