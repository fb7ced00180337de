// What of an attachment lies on the host, by its record, and putting it back: all of it for `repair`, the nf_tables rules
// for the first ADD that finds the ruleset flushed (a firewall reload). Only what has a live link is restored; the
// container's own side goes with its namespace and nobody takes it away.

import type { Host } from "../host.ts";
import type { Difference } from "../kernel/difference.ts";
import * as masquerade from "../kernel/masquerade.ts";
import * as membership from "../kernel/membership.ts";
import type { Session } from "../kernel/session.ts";
import { apply, remove, type Step, verify } from "../kernel/steps.ts";
import type { AttachmentId } from "../net/names.ts";
import { findHostEnd } from "./attachment.ts";
import { type AttachmentRecord, hostSideOf } from "./attachment-record.ts";
import { identifyShared } from "./identity.ts";
import { planBridge, planGateways, planMasquerade, planPort } from "./plan.ts";
import { listNetworks, listRecords } from "./record.ts";

/** A step of the plan, or the port's place in the bridge, which ADD gives a pair at birth. */
type HostStep = Step | membership.MembershipStep;

/** What the host ought to have for an attachment, in the order in which it is made. `hostName`: its end of the pair. */
export function planHostSide(host: Host, record: AttachmentRecord, hostName: string): HostStep[] {
  const { bridge, key } = record;
  const hostSide = hostSideOf(record);
  const place: HostStep = { kind: "membership", name: hostName, bridge };
  const masquerade = planMasquerade(record, record.addresses ?? [], record);
  // Of an earlier version's record no more is known.
  if (hostSide === undefined) return [place, ...masquerade];
  const config = { ...hostSide, bridge, macspoofchk: record.spoofCheck, forceAddress: false };
  const { bridgeMac, vlanGateway } = identifyShared(host, config);
  return [
    ...planBridge(config, bridgeMac, hostSide.mtu),
    place,
    ...planPort(config, { key, hostName, mac: hostSide.mac, id: record }),
    ...planGateways(config, vlanGateway, record.gateways ?? []),
    ...masquerade,
  ];
}

/** How the host differs from a step. Sysctls that CHECK does not insist on count too, where the kernel has them. */
export function verifyHostStep(session: Session, step: HostStep): Difference[] {
  if (step.kind === "membership") return membership.verify(session, step);
  if (step.kind !== "sysctl") return verify(session, step);
  return verify(session, { ...step, required: true }).filter(({ found }) => found !== "absent");
}

export function applyHostStep(session: Session, step: HostStep): void {
  if (step.kind === "membership") membership.apply(session, step);
  else if (step.kind === "masquerade") masquerade.restore(session, step);
  else apply(session, step);
}

/** An attachment with a record and a live link. */
export interface Living {
  readonly record: AttachmentRecord;
  /** What the host's end is called now. */
  readonly hostName: string;
}

export function listLiving(session: Session): Living[] {
  return listNetworks(session.host)
    .flatMap((network) => listRecords(session.host, network))
    .flatMap((record) => {
      const link = findHostEnd(session, record);
      return link === undefined ? [] : [{ record, hostName: link.ifname! }];
    });
}

/** One step of a living attachment. */
export interface LivingStep {
  readonly living: Living;
  readonly step: HostStep;
}

/** The host's side of all; what several share (the bridge, its addresses, forwarding) is the first one's. */
export function planLiving(host: Host, living: readonly Living[]): LivingStep[] {
  const seen = new Set<string>();
  return living
    .flatMap((each) => planHostSide(host, each.record, each.hostName).map((step) => ({ living: each, step })))
    .filter(({ step }) => {
      const id = JSON.stringify(step);
      const isNew = !seen.has(id);
      seen.add(id);
      return isNew;
    });
}

/** Puts back the nf_tables rules of every living attachment except `own`, which has just been made. */
export function restoreRules(session: Session, own: AttachmentId): void {
  for (const { record, hostName } of listLiving(session)) {
    const { network, containerId, ifname } = record;
    if (network === own.network && containerId === own.containerId && ifname === own.ifname) continue;
    for (const step of planHostSide(session.host, record, hostName)) {
      if (step.kind !== "masquerade" && step.kind !== "spoof-check") continue;
      try {
        if (verify(session, step).length > 0) applyHostStep(session, step);
        // Its DEL may have come before us. One that comes later removes the link first, and then what was put back here.
        if (findHostEnd(session, record) === undefined) remove(session, step);
      } catch (error) {
        // Another container's trouble must not fail this one's ADD.
        const why = error instanceof Error ? error.message : `${error}`;
        session.warnings.push(`cannot put back the rules of ${containerId}: ${why}`);
      }
    }
  }
}
