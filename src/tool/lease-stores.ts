// The leases of every network below a data directory, read without their locks: who only looks must keep no ADD waiting.

import type { Host } from "../host.ts";
import type { Attachment } from "../host-local/attachment-index.ts";
import { isOfEarlierBoot } from "../host-local/attachment-proof.ts";
import { Books } from "../host-local/books.ts";
import { listLeases, lookAtStore } from "../host-local/store.ts";
import { listDirectory } from "./directory.ts";

/** The addresses that one container interface holds in one network. */
export interface LeaseHolder extends Attachment {
  readonly network: string;
  /** The network's directory. */
  readonly path: string;
  /** Nothing that ran then runs now. */
  readonly earlierBoot: boolean;
}

export interface LeaseStore {
  readonly network: string;
  readonly path: string;
  readonly holders: readonly LeaseHolder[];
  /** Files named by an address that are no lease: what a power cut left. */
  readonly remains: readonly string[];
}

function readStore(host: Host, dataDir: string, network: string): LeaseStore | undefined {
  const path = `${dataDir}/${network}`;
  return lookAtStore(host, path, (store) => {
    // Other programs keep other things there.
    if (listLeases(store).length === 0 && store.index.list().length === 0) return undefined;
    const books = new Books(store, false);
    const { attachments, remains } = books.scan();
    return {
      network,
      path,
      holders: [...attachments.values()].map((each) => ({
        ...each,
        network,
        path,
        earlierBoot: isOfEarlierBoot(books.node, each),
      })),
      remains: remains.map(({ name }) => name),
    };
  });
}

/** Every network below these directories, in the order of their names. */
export function readStores(host: Host, dataDirs: Iterable<string>): LeaseStore[] {
  return [...dataDirs].flatMap((dataDir) =>
    listDirectory(host, dataDir).flatMap((network) => readStore(host, dataDir, network) ?? []),
  );
}
