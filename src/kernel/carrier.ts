// Waits until the host's end passes packets. Before linkwatch has run, the link has no queueing discipline and drops what
// it is given; an ADD that returns earlier costs a container its first packet. The bridge port's state says
// "forwarding" too early and is the wrong thing to wait for.

import { CniError, Code } from "../errors.ts";
import { announcedLink, IF_OPER_UP, linkHead, newLink, operstates } from "../netlink/if-link.ts";
import type { Difference } from "./difference.ts";
import type { Session } from "./session.ts";

export interface CarrierStep {
  readonly kind: "carrier";
  readonly name: string;
}

/** Longer than all the sleeps of the reference together; the event comes in 0.015 ms, 16 ms at worst. */
const DEADLINE_MS = 5_000;

function findOperstate(session: Session, { name }: CarrierStep): number | undefined {
  return session.findOperstate("host", name);
}

/**
 * ADD has begun to listen before the container's end went up, so nothing is missed. Only the announcement comes after the queueing
 * discipline: who asks for the state is told "up" before.
 */
export function apply(session: Session, step: CarrierStep): void {
  const { host } = session;
  const deadline = host.monotonic() + DEADLINE_MS;
  const announcements = session.announcements();
  let own: number | undefined;
  for (;;) {
    const messages = announcements.announced(deadline - host.monotonic());
    if (messages === undefined || messages === "lost") {
      const operstate = findOperstate(session, step);
      if (operstate === IF_OPER_UP) return;
      if (messages === "lost") continue;
      const word = operstate === undefined ? "not-present" : operstates[operstate];
      throw new CniError(
        Code.kernelRefused,
        `bridge port in error state: ${word}`,
        `${step.name} was not up ${DEADLINE_MS} ms after both ends had been set up.`,
      );
    }
    for (const message of messages) {
      if (message.type !== newLink.type) continue;
      // The index first: in a burst nearly all that is announced is of others.
      const index = announcedLink(message);
      if (index === undefined || (own !== undefined && index !== own)) continue;
      const link = linkHead.read(message.bytes, message.start, message.end);
      if (link.ifname !== step.name) continue;
      own = index;
      if (link.operstate === IF_OPER_UP) return;
    }
  }
}

export function verify(session: Session, step: CarrierStep): Difference[] {
  const operstate = findOperstate(session, step);
  if (operstate === IF_OPER_UP) return [];
  const found = operstate === undefined ? "no link" : operstates[operstate]!;
  return [{ what: `state of ${step.name}`, expected: "up", found }];
}
