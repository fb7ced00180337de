// The veth pair of an attachment. One request makes both ends where they belong, named, with their MACs, the host's end
// already up and enslaved; the kernel refuses only a peer that is born up (ENOTCONN). Everything else of the container's
// end (addresses, routes) dies with the pair.

import { EEXIST, EINVAL } from "../errno.ts";
import { CniError, Code, NetlinkError } from "../errors.ts";
import { formatMac, parseMac } from "../net/mac.ts";
import { IFF_UP, type Link, newLink } from "../netlink/if-link.ts";
import { type Answer, NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import type { Difference } from "./difference.ts";
import { findLasting } from "./ended-namespace.ts";
import { deleteLink } from "./link-removal.ts";
import type { Session } from "./session.ts";

export interface VethStep {
  readonly kind: "veth";
  /** The host's end, in the plugin's own namespace. */
  readonly hostName: string;
  readonly hostMac: string;
  /** The container's end. */
  readonly ifname: string;
  readonly mac: string;
  readonly bridge: string;
  readonly mtu?: number;
}

/** Throws who holds the name that made the kernel answer EEXIST; returns where nobody does any more. */
function refuseTaken(session: Session, { hostName, ifname }: VethStep): void {
  if (session.findLink("container", ifname) !== undefined) {
    throw new CniError(
      Code.kernelRefused,
      `interface "${ifname}" already exists in the container`,
      "A container's interface is added once; DEL must come before another ADD.",
    );
  }
  if (findLasting(session, () => session.findLink("host", hostName), 0) === undefined) return;
  throw new CniError(
    Code.kernelRefused,
    `host interface "${hostName}" already exists`,
    "If an earlier ADD of this container made it, its other end is not in this namespace under this name; DEL removes it.",
  );
}

/**
 * A pair uses one queue unless told otherwise (veth_init_queues in drivers/net/veth.c), but where it may have one for each
 * processor the kernel waits for an RCU grace period at each end, under rtnl, to give the others up.
 */
const ONE_QUEUE = { numTxQueues: 1, numRxQueues: 1 };

function pairOf(session: Session, step: VethStep, master: number): Link {
  const mtu = step.mtu === undefined ? {} : { mtu: step.mtu };
  return {
    flags: IFF_UP,
    change: IFF_UP,
    address: parseMac(step.hostMac)!,
    ifname: step.hostName,
    ...mtu,
    ...ONE_QUEUE,
    master,
    linkinfo: {
      kind: "veth",
      data: {
        peer: {
          address: parseMac(step.mac)!,
          ifname: step.ifname,
          ...mtu,
          ...ONE_QUEUE,
          netNsFd: session.netns("container"),
        },
      },
    },
  };
}

function make(session: Session, step: VethStep, master: number): Answer {
  return session.route("host").try(newLink, pairOf(session, step, master), NLM_F_CREATE | NLM_F_EXCL);
}

/**
 * Begins to make the pair. What is returned waits until the kernel has answered, and says whether the pair is there; why it is
 * not is for `apply` to find out.
 */
export function begin(session: Session, step: VethStep): () => boolean {
  const master = session.index("host", step.bridge);
  const end = session.route("host").begin(newLink, pairOf(session, step, master), NLM_F_CREATE | NLM_F_EXCL);
  let isMade: boolean | undefined;
  return () => {
    if (isMade !== undefined) return isMade;
    isMade = false;
    isMade = end().errno === 0;
    return isMade;
  };
}

export function apply(session: Session, step: VethStep): void {
  const master = session.index("host", step.bridge);
  let answer = make(session, step, master);
  if (answer.errno === EEXIST) {
    refuseTaken(session, step);
    answer = make(session, step, master);
  }
  const { errno, extack } = answer;
  // EINVAL is what the kernel says of a master that is not there, among others.
  if (errno === EINVAL && session.findLinkByIndex("host", master) === undefined) {
    throw new CniError(Code.tryAgainLater, `bridge "${step.bridge}" was deleted by another`);
  }
  if (errno !== 0) {
    throw new NetlinkError(
      errno,
      `cannot make veth pair ${step.hostName} and ${step.ifname} in the container`,
      extack,
    );
  }
}

export function verify(session: Session, step: VethStep): Difference[] {
  const differences: Difference[] = [];
  const expect = (what: string, expected: string, found: string) => {
    if (expected !== found) differences.push({ what, expected, found });
  };
  const inside = session.findLink("container", step.ifname);
  const outside = session.findLink("host", step.hostName);
  const bridge = session.findLink("host", step.bridge);
  if (inside === undefined || outside === undefined || bridge === undefined) {
    const links = [
      [`${step.ifname} in the container`, inside],
      [step.hostName, outside],
      [`bridge ${step.bridge}`, bridge],
    ] as const;
    for (const [what, link] of links) expect(what, "a link", link === undefined ? "none" : "a link");
    return differences;
  }
  expect(`${step.ifname} kind`, "veth", inside.linkinfo?.kind ?? "other");
  expect(`${step.ifname} MAC`, step.mac, formatMac(inside.address!));
  expect(`other end of ${step.ifname}`, `${outside.index}`, `${inside.link}`);
  expect(`other end of ${step.hostName}`, `${inside.index}`, `${outside.link}`);
  expect(`${step.hostName} MAC`, step.hostMac, formatMac(outside.address!));
  expect(`bridge of ${step.hostName}`, `${bridge.index}`, `${outside.master ?? "none"}`);
  if (step.mtu !== undefined) expect(`${step.ifname} mtu`, `${step.mtu}`, `${inside.mtu}`);
  return differences;
}

/** Deletes the pair that `apply` made; one of the same name with another MAC is an earlier container's, and stays. */
export function undo(session: Session, { hostName, hostMac }: VethStep): void {
  const link = session.findLink("host", hostName);
  if (link?.address !== undefined && formatMac(link.address) === hostMac) remove(session, hostName);
}

/**
 * Deletes the pair by its host's end; whether there was one. Absent is fine; so is a name that something else than a veth
 * holds: not ours.
 */
export function remove(session: Session, hostName: string): boolean {
  const link = session.findLink("host", hostName);
  if (link?.linkinfo?.kind !== "veth") return false;
  deleteLink(session, link);
  return true;
}

/**
 * Deletes the pair whose container end has this name, where its other end is in the plugin's own namespace: one that the
 * reference made under a random name. Whatever else has the name is not ours and stays. True where there was one.
 */
export function removeByContainerEnd(session: Session, ifname: string): boolean {
  if (!session.hasContainer) return false;
  const inside = session.findLink("container", ifname);
  if (inside?.linkinfo?.kind !== "veth" || inside.link === undefined) return false;
  const outside = session.findLinkByIndex("host", inside.link);
  // Both ends point at each other, and the host's end says that its peer is in the container's namespace.
  if (outside?.linkinfo?.kind !== "veth" || outside.link !== inside.index) return false;
  if (outside.linkNetnsid !== session.containerNsid()) return false;
  remove(session, outside.ifname!);
  return true;
}
