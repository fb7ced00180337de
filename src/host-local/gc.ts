// GC: releases the leases of every attachment that the runtime does not list. Files that are no leases stay.

import type { Outcome } from "../cni/outcome.ts";
import type { Request } from "../cni/request.ts";
import { readValidAttachments } from "../cni/valid-attachments.ts";
import { CniError, Code, HostError } from "../errors.ts";
import type { Host } from "../host.ts";
import { Books } from "./books.ts";
import { readStoreConfig } from "./config.ts";
import { release } from "./release.ts";
import { withStore } from "./store.ts";

/** Goes on after a lease that cannot be released, and throws code 5 with all of these at the end. */
export function gc(host: Host, request: Request): Outcome {
  const isValid = readValidAttachments(request);
  if (isValid === undefined) return {};
  const { path, lockTimeoutMs } = readStoreConfig(host, request);
  const failures: string[] = [];
  withStore(host, path, { make: "lock", lockTimeoutMs }, (store) => {
    const books = new Books(store, true);
    for (const attachment of books.scan().attachments.values()) {
      if (isValid(attachment)) continue;
      try {
        release(books, attachment);
      } catch (error) {
        if (!(error instanceof HostError)) throw error;
        failures.push(error.message);
      }
    }
    books.seal();
  });
  if (failures.length > 0) {
    const message = `could not release ${failures.length} of the leases that are not valid: ${failures[0]}`;
    throw new CniError(Code.ioFailure, message, failures.join("\n"));
  }
  return {};
}
