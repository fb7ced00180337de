// GC: removes what belongs to attachments of this network that the runtime no longer knows. It goes by the records: a
// link without one is nobody's to remove. Nothing is known about validity where no list is given, so nothing is removed.

import type { Outcome } from "../cni/outcome.ts";
import type { Request } from "../cni/request.ts";
import { readValidAttachments } from "../cni/valid-attachments.ts";
import type { Host } from "../host.ts";
import { canMasquerade } from "../kernel/masquerade.ts";
import { Session } from "../kernel/session.ts";
import { removeUnusedChains } from "../kernel/unused-chains.ts";
import { removeMasquerade, removePair, removeSpoofCheck } from "./attachment.ts";
import { readConfigLeniently } from "./config.ts";
import { Failures } from "./failures.ts";
import { releaseElsewhere, runIpam } from "./ipam.ts";
import { pruneBridge } from "./prune.ts";
import { listRecords, removeRecord } from "./record.ts";

export function gc(host: Host, request: Request): Outcome {
  const config = readConfigLeniently(host, request);
  const isValid = readValidAttachments(request);
  const failures = new Failures();
  if (isValid !== undefined) {
    const session = new Session(host, undefined);
    for (const record of failures.attempt(() => listRecords(host, request.name)) ?? []) {
      if (isValid(record)) continue;
      failures.attempt(() => {
        removePair(session, record.key, record);
        removeMasquerade(session, record, record);
        removeSpoofCheck(session, record, record);
        const { containerId, ifname } = record;
        releaseElsewhere(host, { ...request, containerId, ifname }, config, record);
        removeRecord(host, request.name, record.key);
      });
    }
    failures.attempt(() => {
      if (canMasquerade(session)) removeUnusedChains(session, request.name);
    });
    failures.attempt(() => pruneBridge(session, config, config.bridge));
  }
  if (config.ipamType !== "") failures.attempt(() => runIpam(host, request, config.ipamType, "GC"));
  failures.throwIfAny();
  return {};
}
