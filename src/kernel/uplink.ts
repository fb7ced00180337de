// An interface of the host as a port of the bridge, through which containers reach the network outside without routing.
// Shared by the network: neither rollback nor DEL takes it out again.

import { CniError, Code } from "../errors.ts";
import { IFF_UP, type Link, newLink } from "../netlink/if-link.ts";
import { carriesDefaultRoute } from "./default-route.ts";
import type { Difference } from "./difference.ts";
import type { Session } from "./session.ts";

export interface UplinkStep {
  readonly kind: "uplink";
  readonly name: string;
  readonly bridge: string;
  /** Also where it carries a default route, which a port of a bridge can no longer do: the host is cut off. */
  readonly force: boolean;
}

/** Why a link must not be taken into the bridge; undefined where nothing speaks against it. */
function objection(session: Session, step: UplinkStep, { index, master }: Link): string | undefined {
  if (master !== undefined) {
    const owner = session.findLinkByIndex("host", master)?.ifname ?? `link ${master}`;
    return `it belongs to ${owner} already`;
  }
  if (step.force || !carriesDefaultRoute(session, index!)) return undefined;
  return 'the host\'s default route leads through it, which would be cut off; with "uplinkForce": true it is';
}

export function apply(session: Session, step: UplinkStep): void {
  const { bridge, name } = step;
  const purpose = `make ${name} the uplink of bridge "${bridge}"`;
  const master = session.index("host", bridge);
  const link = session.findLink("host", name);
  if (link === undefined) {
    throw new CniError(Code.kernelRefused, `cannot ${purpose}: there is no such interface`);
  }
  const isUp = (link.flags! & IFF_UP) !== 0;
  if (link.master === master && isUp) return;
  const why = link.master === master ? undefined : objection(session, step, link);
  if (why !== undefined) throw new CniError(Code.kernelRefused, `cannot ${purpose}: ${why}`);
  const change = { index: link.index!, flags: IFF_UP, change: IFF_UP, master };
  session.route("host").ack(purpose, newLink, change);
}

export function verify(session: Session, step: UplinkStep): Difference[] {
  const what = `uplink ${step.name}`;
  const link = session.findLink("host", step.name);
  if (link === undefined) return [{ what, expected: "a link", found: "none" }];
  const differences: Difference[] = [];
  if (link.master === undefined || link.master !== session.findLink("host", step.bridge)?.index) {
    const found = link.master === undefined ? "no port of a bridge" : `a port of link ${link.master}`;
    differences.push({ what, expected: `a port of ${step.bridge}`, found });
  }
  if (!(link.flags! & IFF_UP)) differences.push({ what, expected: "up", found: "down" });
  return differences;
}
