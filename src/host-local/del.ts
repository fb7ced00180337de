// DEL: releases whatever the container holds. Needs neither ranges nor a namespace, and makes nothing that is not there.

import type { Outcome } from "../cni/outcome.ts";
import type { Request } from "../cni/request.ts";
import type { Host } from "../host.ts";
import { Books } from "./books.ts";
import { readStoreConfig } from "./config.ts";
import { release } from "./release.ts";
import { remember } from "./released.ts";
import { withStore } from "./store.ts";

/** Releases the leases of the attachment, or if it has none, those of the container in the old form. */
export function del(host: Host, request: Request): Outcome {
  const { path, lockTimeoutMs, cooldownMs, stickyName } = readStoreConfig(host, request);
  withStore(host, path, { make: "lock", lockTimeoutMs }, (store) => {
    const books = new Books(store, true);
    const { containerId, ifname } = request;
    const attachment = books.find({ containerId, ifname }) ?? books.find({ containerId, ifname: "" });
    if (attachment === undefined) return;
    release(books, attachment);
    if (cooldownMs > 0 || stickyName !== undefined) {
      const names = attachment.leases.map(({ name }) => name);
      remember(store, books.node, names, stickyName === undefined ? [] : [stickyName]);
    }
    books.seal();
  });
  return {};
}
