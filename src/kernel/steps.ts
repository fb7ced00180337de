// Every kind of step by name: how it is applied, verified and removed. A plan is a list of steps; ADD applies it in
// order, CHECK verifies it, rollback removes what was applied, newest first.

import * as alternativeName from "./alternative-name.ts";
import * as announcement from "./announcement.ts";
import * as bridge from "./bridge.ts";
import * as carrier from "./carrier.ts";
import * as dad from "./dad.ts";
import type { Difference } from "./difference.ts";
import * as forwarding from "./forwarding.ts";
import * as gateway from "./gateway.ts";
import * as containerInterface from "./interface.ts";
import * as iptablesMasquerade from "./iptables-masquerade.ts";
import * as localRoute from "./local-route.ts";
import * as masquerade from "./masquerade.ts";
import * as port from "./port.ts";
import * as route from "./route.ts";
import type { Session } from "./session.ts";
import * as spoofCheck from "./spoof-check.ts";
import type { SpoofCheckStep } from "./spoof-check-rules.ts";
import * as sysctl from "./sysctl.ts";
import * as uplink from "./uplink.ts";
import * as veth from "./veth.ts";
import * as vlan from "./vlan.ts";
import * as vlanGateway from "./vlan-gateway.ts";

export type Step =
  | bridge.BridgeStep
  | uplink.UplinkStep
  | veth.VethStep
  | alternativeName.AlternativeNameStep
  | port.PortStep
  | vlan.VlanStep
  | vlanGateway.VlanGatewayStep
  | sysctl.SysctlStep
  | containerInterface.InterfaceStep
  | route.RouteStep
  | gateway.GatewayStep
  | forwarding.ForwardingStep
  | masquerade.MasqueradeStep
  | iptablesMasquerade.IptablesMasqueradeStep
  | carrier.CarrierStep
  | SpoofCheckStep
  | dad.SettleStep
  | localRoute.LocalRouteStep
  | announcement.AnnouncementStep;

interface Kind<S> {
  /** Makes it so. All or nothing: where the kernel refuses, nothing is left that `remove` would have to undo. */
  readonly apply: (session: Session, step: S) => void;
  /** How the kernel differs from what `apply` made. */
  readonly verify: (session: Session, step: S) => Difference[];
  /** Undoes it; absent is fine. Only what belongs to one attachment and does not go with its veth pair has one. */
  readonly remove?: (session: Session, step: S) => void;
}

type Kinds = { readonly [K in Step["kind"]]: Kind<Extract<Step, { kind: K }>> };

const kinds: Kinds = {
  bridge,
  uplink,
  veth: { ...veth, remove: veth.undo },
  "alternative-name": alternativeName,
  port,
  vlan,
  "vlan-gateway": vlanGateway,
  sysctl,
  interface: containerInterface,
  route,
  gateway,
  forwarding,
  masquerade,
  "iptables-masquerade": iptablesMasquerade,
  carrier,
  "spoof-check": { ...spoofCheck, remove: (session, step) => spoofCheck.remove(session, step.owner) },
  settle: dad,
  "local-route": localRoute,
  announcement,
};

// `kinds[step.kind]` and `step` agree by construction, which TypeScript cannot follow through a union.
function kindOf(step: Step): Kind<Step> {
  return kinds[step.kind] as Kind<Step>;
}

export function apply(session: Session, step: Step): void {
  kindOf(step).apply(session, step);
}

export function verify(session: Session, step: Step): Difference[] {
  return kindOf(step).verify(session, step);
}

export function remove(session: Session, step: Step): void {
  kindOf(step).remove?.(session, step);
}
