// DEL: removes whatever is left of an attachment, whatever was killed, deleted or changed since ADD. Every part is
// tried; what fails is collected and told at the end, and a later DEL tries again.

import type { Outcome } from "../cni/outcome.ts";
import type { Request } from "../cni/request.ts";
import type { Host } from "../host.ts";
import * as veth from "../kernel/veth.ts";
import { hostVethName } from "../net/names.ts";
import { removeMasquerade, removePair, removeSpoofCheck } from "./attachment.ts";
import { readConfigLeniently } from "./config.ts";
import { Failures } from "./failures.ts";
import { attachmentId } from "./identity.ts";
import { releaseElsewhere, runIpam } from "./ipam.ts";
import { openSessionIfAny } from "./netns.ts";
import { pruneBridge } from "./prune.ts";
import { readRecord, removeRecord } from "./record.ts";

export function del(host: Host, request: Request): Outcome {
  const config = readConfigLeniently(host, request);
  // Before anything is touched: this refuses the host's own namespace.
  const session = openSessionIfAny(host, request);
  const key = hostVethName(host, attachmentId(request));
  const record = readRecord(host, request.name, key);
  const failures = new Failures();
  // Opened before the link goes, so that the child which waits for that shares it (Session.sendFromChild).
  if (record === undefined || record.ipMasq || record.spoofCheck)
    failures.attempt(() => session.openNetfilter());
  request.enter?.("link");
  // The link goes before the address is released: a new holder of the address must not meet the old one.
  const wasOurs = failures.attempt(() => removePair(session, key, record));
  const wasOthers = !wasOurs && failures.attempt(() => veth.removeByContainerEnd(session, request.ifname));
  request.enter?.("masquerade");
  // The reference knows nothing of records: one that it has left after its DEL says nothing of its own next ADD.
  const known = wasOthers ? undefined : record;
  failures.attempt(() => removeMasquerade(session, attachmentId(request), known));
  failures.attempt(() => removeSpoofCheck(session, attachmentId(request), known));
  request.enter?.("ipam");
  // The configuration may have changed since; the record tells which plugin has the lease, and where.
  for (const type of new Set([config.ipamType, record?.ipamType ?? ""])) {
    if (type !== "") failures.attempt(() => runIpam(host, request, type, "DEL"));
  }
  failures.attempt(() => releaseElsewhere(host, request, config, record));
  failures.attempt(() => pruneBridge(session, config, record?.bridge ?? config.bridge));
  // Kept while something is left to do: the next DEL needs it.
  if (failures.none) failures.attempt(() => removeRecord(host, request.name, key));
  failures.throwIfAny();
  return {};
}
