// CHECK: the plan of ADD once more, built from what prevResult says, and each step verified instead of applied. It
// changes nothing, and leaves alone what later plugins of the chain added.

import { findKey } from "../cni/json.ts";
import type { Outcome } from "../cni/outcome.ts";
import type { Request } from "../cni/request.ts";
import { parsePrevResult, type Result } from "../cni/result.ts";
import { CniError, Code } from "../errors.ts";
import type { Host } from "../host.ts";
import { type Difference, formatDifference } from "../kernel/difference.ts";
import type { Session } from "../kernel/session.ts";
import { verify } from "../kernel/steps.ts";
import { formatMac, parseMac } from "../net/mac.ts";
import { hostVethName } from "../net/names.ts";
import type { Link } from "../netlink/if-link.ts";
import { type Config, readConfig } from "./config.ts";
import { attachmentId, hostNameOf, type Identity } from "./identity.ts";
import { runIpam } from "./ipam.ts";
import { openSession } from "./netns.ts";
import { planAddressing, planLayer2, planLink, planPort } from "./plan.ts";
import { planRouting } from "./routing.ts";

function refuse(message: string): CniError {
  return new CniError(Code.invalidNetworkConfig, message);
}

/** The MAC that prevResult gives a link, in upper case or not; where it gives none, the one that is there. */
function expectedMac(text: string | undefined, find: () => Link | undefined): string {
  const mac = text ? parseMac(text) : find()?.address;
  return mac === undefined ? "" : formatMac(mac);
}

/** The names and MACs that prevResult gives this attachment. */
function identify(session: Session, request: Request, config: Config, previous: Result): Identity {
  const inside = previous.interfaces.find(
    ({ name, sandbox }) => name === request.ifname && sandbox === request.netns,
  );
  if (inside === undefined) {
    throw refuse(`prevResult has no interface ${request.ifname} in sandbox ${request.netns}`);
  }
  if (!previous.interfaces.some(({ name, sandbox }) => name === config.bridge && !sandbox)) {
    throw refuse(`prevResult has no interface ${config.bridge} on the host`);
  }
  const id = attachmentId(request);
  const key = hostVethName(session.host, id);
  const own = hostNameOf(session.host, id, key, config);
  const onHost = previous.interfaces.filter(({ sandbox }) => !sandbox);
  // The reference names the host's end at random; the peer tells which of the listed ones it is.
  const there = session.findLink("container", request.ifname);
  const peer = there?.link === undefined ? undefined : session.findLinkByIndex("host", there.link)?.ifname;
  const outside = onHost.find(({ name }) => name === own) ?? onHost.find(({ name }) => name === peer);
  if (outside === undefined)
    throw refuse(`prevResult has no host end of ${request.ifname} on bridge ${config.bridge}`);
  return {
    id,
    key,
    hostName: outside.name,
    hostMac: expectedMac(outside.mac, () => session.findLink("host", outside.name)),
    mac: expectedMac(inside.mac, () => there),
    bridgeMac: "",
    ...(config.vlan === 0 ? {} : { vlanGateway: { mac: "", portName: "", portMac: "" } }),
  };
}

/** The part of prevResult that is this attachment's: a chained plugin may have added addresses of its own. */
function ownPart(request: Request, previous: Result): Result {
  const index = previous.interfaces.findIndex(
    ({ name, sandbox }) => name === request.ifname && sandbox === request.netns,
  );
  return {
    ...previous,
    ips: previous.ips.filter((ip) => ip.interface === undefined || ip.interface === index),
  };
}

export function check(host: Host, request: Request): Outcome {
  const config = readConfig(host, request);
  const prevResult = findKey(request.config, "prevResult");
  if (prevResult == null) throw refuse("required prevResult missing");
  const previous = ownPart(request, parsePrevResult(prevResult, request.cniVersion));
  const session = openSession(host, request);
  const identity = identify(session, request, config, previous);
  // Later plugins of the chain (tuning) may change the MTU, and prevResult does not say to what.
  const steps = [...planLink(config, identity, undefined), ...planPort(config, identity)];
  if (config.ipamType === "") steps.push(...planLayer2(config, identity));
  else {
    steps.push(...planAddressing(config, identity, planRouting(config, previous)));
    runIpam(host, request, config.ipamType, "CHECK");
  }
  // A container that the reference attached, before the node changed to us, is masqueraded by rules of the reference's,
  // at which its own CHECK does not look either.
  const isOurs = session.findLink("host", identity.key) !== undefined;
  const verified = isOurs ? steps : steps.filter(({ kind }) => kind !== "masquerade");
  const differences: Difference[] = verified.flatMap((step) => verify(session, step));
  const [first] = differences;
  if (first === undefined) return {};
  throw new CniError(
    Code.checkFailed,
    `${request.ifname} of container ${request.containerId} is not as ADD left it: ${formatDifference(first)}`,
    differences.map(formatDifference).join("\n"),
  );
}
