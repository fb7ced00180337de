// The host's end as a port of the bridge: hairpin and isolation. Born enslaved with both off (veth.ts), so only what is
// on is sent.

import { AF_BRIDGE, setBridgePort } from "../netlink/if-bridge.ts";
import type { Difference } from "./difference.ts";
import type { Session } from "./session.ts";

export interface PortStep {
  readonly kind: "port";
  readonly name: string;
  readonly hairpin: boolean;
  readonly isolated: boolean;
}

export function apply(session: Session, step: PortStep): void {
  const set = (what: string, protinfo: { mode?: number; isolated?: number }) => {
    const change = { family: AF_BRIDGE, index: session.index("host", step.name), protinfo };
    session.route("host").ack(`set ${what} of ${step.name}`, setBridgePort, change);
  };
  if (step.hairpin) set("hairpin mode", { mode: 1 });
  if (step.isolated) set("isolation", { isolated: 1 });
}

export function verify(session: Session, step: PortStep): Difference[] {
  const port = session.findLink("host", step.name)?.slaveinfo?.data;
  const differences: Difference[] = [];
  for (const [what, wanted, found] of [
    ["hairpin mode", step.hairpin, port?.mode],
    ["isolation", step.isolated, port?.isolated],
  ] as const) {
    const is = found === undefined ? "no bridge port" : found === 1 ? "on" : "off";
    const expected = wanted ? "on" : "off";
    if (is !== expected) differences.push({ what: `${what} of ${step.name}`, expected, found: is });
  }
  return differences;
}
