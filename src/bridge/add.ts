// ADD: link, addresses, result. It completes, or leaves nothing of its attachment; the bridge, its address, forwarding
// and the network's constant rules are shared and stay.

import { findKey } from "../cni/json.ts";
import type { Outcome } from "../cni/outcome.ts";
import type { Request } from "../cni/request.ts";
import { type Interface, parsePrevResult, type Result } from "../cni/result.ts";
import { warn } from "../cni/warn.ts";
import { CniError, Code } from "../errors.ts";
import type { Host } from "../host.ts";
import { isNamespaceGone } from "../host-local/attachment-proof.ts";
import { findLasting } from "../kernel/ended-namespace.ts";
import { defaultRouteMtu } from "../kernel/route-mtu.ts";
import type { Session } from "../kernel/session.ts";
import { begin } from "../kernel/veth.ts";
import { nameMac } from "../net/mac.ts";
import type { Device } from "../netlink/if-link.ts";
import { attach, refuseTakenName } from "./attach.ts";
import { findHostEnd, removeMasquerade, removeSpoofCheck } from "./attachment.ts";
import { type AttachmentRecord, hostSideOf, type RecordedHostSide } from "./attachment-record.ts";
import { type Config, readConfig } from "./config.ts";
import { vlanGatewayName } from "./config-rules.ts";
import { type Identity, identify } from "./identity.ts";
import { type Allocation, allocate } from "./ipam.ts";
import { openSession } from "./netns.ts";
import { planAddressing, planBridge, planLayer2, planLink, planPair, planPort } from "./plan.ts";
import { RecordFile, readRecord, removeRecord } from "./record.ts";
import { restoreRules } from "./restore.ts";
import { CONTAINER_INTERFACE, planRouting, type Routing } from "./routing.ts";
import { applyAll, Undo } from "./undo.ts";

/** How long a namespace that its path no longer leads to may still be held, by processes that are being killed. */
const ENDING_MS = 2_000;

/** Claims the attachment: begins its record, or throws where a live attachment has one; a dead one's rest is removed. */
function claim(session: Session, record: AttachmentRecord): RecordFile {
  const { host } = session;
  const begun = RecordFile.begin(host, record);
  if (begun !== undefined) return begun;
  const dead = readRecord(host, record.network, record.key);
  const ends = dead !== undefined && isNamespaceGone(host, dead.netns, hostSideOf(dead)?.netnsCookie);
  const living = findLasting(session, () => findHostEnd(session, dead ?? record), ends ? ENDING_MS : 0);
  if (living !== undefined) {
    throw new CniError(
      Code.kernelRefused,
      `interface "${record.ifname}" of this container already exists`,
      `Its host end is ${living.ifname}. A container's interface is added once; DEL must come before another ADD.`,
    );
  }
  removeMasquerade(session, record, dead);
  removeSpoofCheck(session, record, dead);
  return RecordFile.replace(host, record);
}

/**
 * Has the kernel make the pair while host-local, which needs no link, looks for an address; another IPAM plugin may need one.
 * What is returned waits for the pair, and says whether it is there. Where it is not, or cannot be begun (undefined), the ordinary
 * way finds out why.
 */
function beginPair(
  session: Session,
  config: Config,
  identity: Identity,
  mtu: number | undefined,
  undo: Undo,
): (() => boolean) | undefined {
  if (config.ipamType !== "host-local" || config.pruneBridge) return undefined;
  const pair = planPair(config, identity, mtu);
  let isMade: () => boolean;
  try {
    applyAll(session, planBridge(config, identity.bridgeMac, mtu), undo);
    isMade = begin(session, pair);
  } catch {
    return undefined;
  }
  // Undone in the other order: nobody can remove what is still being made.
  undo.push(pair);
  undo.push(() => void isMade());
  return isMade;
}

/** IPAM's answer, got while the pair is being made; undefined, with nothing kept, where the pair is not there in the end. */
function allocateMeanwhile(
  session: Session,
  request: Request,
  config: Config,
  isMade: () => boolean,
): Allocation | undefined {
  request.enter?.("ipam");
  let answer: Allocation | undefined;
  try {
    answer = allocate(session, request, config.ipamType, isMade);
    if (isMade()) return answer;
  } catch (error) {
    answer?.undo();
    if (answer !== undefined || isMade()) throw error;
    return undefined;
  }
  answer.undo();
  return undefined;
}

/** The gateway's interface of an access VLAN, listed last, as the other three have fixed places. */
function vlanGateway(session: Session, config: Config, ipam: Routing | undefined): Interface[] {
  if (config.vlan === 0 || ipam === undefined || ipam.gateways.length === 0) return [];
  const name = vlanGatewayName(config);
  return [{ name, mac: nameMac(session.host, session.link("host", name).address!) }];
}

function buildResult(
  session: Session,
  request: Request,
  config: Config,
  identity: Identity,
  ipam?: Result & Routing,
): Result {
  const macOf = (bridge: Device | undefined) =>
    bridge === undefined ? "" : nameMac(session.host, bridge.address!);
  let bridgeMac = macOf(session.link("host", config.bridge));
  // As it is now: a bridge that somebody else made may have taken its MAC from the new port.
  if (bridgeMac !== identity.bridgeMac) bridgeMac = macOf(session.findLink("host", config.bridge));
  return {
    interfaces: [
      { name: config.bridge, mac: bridgeMac },
      { name: identity.hostName, mac: identity.hostMac },
      { name: request.ifname, mac: identity.mac, sandbox: request.netns! },
      ...vlanGateway(session, config, ipam),
    ],
    ips: [...(ipam?.ips ?? [])],
    routes: [...(ipam?.routes ?? [])],
    dns: config.dns ?? ipam?.dns ?? {},
  };
}

/** The result with what earlier plugins of the chain made before it, as they said it. */
function afterPrevious(previous: Result, own: Result): Result {
  const offset = previous.interfaces.length;
  return {
    interfaces: [...previous.interfaces, ...own.interfaces],
    ips: [...previous.ips, ...own.ips.map((ip) => ({ ...ip, interface: offset + CONTAINER_INTERFACE }))],
    routes: [...previous.routes, ...own.routes],
    dns: Object.keys(own.dns).length > 0 ? own.dns : previous.dns,
  };
}

/** What the record keeps of the host's side: what is not as in most networks. */
function recordHostSide(
  session: Session,
  config: Config,
  { mac }: Identity,
  mtu: number | undefined,
): RecordedHostSide {
  return {
    mac,
    netnsCookie: session.route("container").netnsCookie(),
    homeCookie: session.route("host").netnsCookie(),
    mtu,
    hairpinMode: config.hairpinMode || undefined,
    promiscMode: config.promiscMode || undefined,
    portIsolation: config.portIsolation || undefined,
    vlan: config.vlan || undefined,
    vlanTrunk: config.vlanTrunk.length > 0 ? config.vlanTrunk : undefined,
    vlanFiltering: config.vlanFiltering || undefined,
    preserveDefaultVlan: config.preserveDefaultVlan || undefined,
    groupFwdMask: config.groupFwdMask,
    uplink: config.uplink,
    uplinkForce: config.uplinkForce || undefined,
  };
}

export function add(host: Host, request: Request): Outcome {
  const config = readConfig(host, request);
  const prevResult = findKey(request.config, "prevResult");
  const previous = prevResult == null ? undefined : parsePrevResult(prevResult, request.cniVersion);
  const session = openSession(host, request);
  const identity = identify(host, request, config);
  const { key, hostName, hostMac, id } = identity;
  const undo = new Undo(session);
  const mtu = config.mtu === "auto" ? defaultRouteMtu(session) : config.mtu;
  const record: AttachmentRecord = {
    ...id,
    key,
    netns: request.netns!,
    bridge: config.bridge,
    hostName,
    hostMac,
    ipamType: config.ipamType,
    ...(config.dataDir === undefined ? {} : { dataDir: config.dataDir }),
    ipMasq: config.ipMasq,
    ipMasqBackend: config.ipMasqBackend,
    ipMasqFamilies: config.ipMasqFamilies,
    ipMasqRandomFully: config.ipMasqRandomFully,
    masqExclude: config.masqExclude,
    spoofCheck: config.macspoofchk,
    hostSide: recordHostSide(session, config, identity, mtu),
  };
  const recordFile = claim(session, record);
  undo.push(() => removeRecord(host, request.name, key));
  try {
    request.enter?.("link");
    refuseTakenName(session, identity);
    const isMade = beginPair(session, config, identity, mtu, undo);
    const ahead = isMade && allocateMeanwhile(session, request, config, isMade);
    if (ahead !== undefined) undo.push(ahead.undo);
    request.enter?.("link");
    if (ahead === undefined)
      attach(session, config, () => applyAll(session, planLink(config, identity, mtu), undo));
    applyAll(session, planPort(config, identity), undo);
    // From before anybody sets the container's end up, as an IPAM plugin may: `carrier` waits for what is announced then.
    session.announcements();
    let ipam: (Result & Routing) | undefined;
    if (config.ipamType === "") applyAll(session, planLayer2(config, identity), undo);
    else {
      request.enter?.("ipam");
      const answer = ahead ?? allocate(session, request, config.ipamType, () => true);
      if (ahead === undefined) undo.push(answer.undo);
      request.enter?.("addresses");
      const routing = planRouting(config, answer.result);
      const { ips, routes, gateways } = routing;
      ipam = { interfaces: [], ips: [...ips], routes: [...routes], dns: answer.result.dns, gateways };
      const addresses = ipam.ips.map((ip) => ip.address);
      recordFile.assign({ addresses, gateways });
      applyAll(session, planAddressing(config, identity, routing), undo);
    }
    if (session.rulesWereFlushed) restoreRules(session, id);
    for (const warning of session.warnings) warn(host, warning);
    const own = buildResult(session, request, config, identity, ipam);
    return { result: previous === undefined ? own : afterPrevious(previous, own), undo: () => undo.run() };
  } catch (error) {
    undo.run();
    throw error;
  }
}
