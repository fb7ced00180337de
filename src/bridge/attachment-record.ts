// What is remembered of an attachment while it lives, and when a text that is read again is believed to be that. Where it
// lies is record.ts.

import {
  type Guard,
  isAnything,
  isArrayOf,
  isBoolean,
  isIntegerIn,
  isObjectOf,
  isOneOf,
  isOptional,
  isString,
  isText,
} from "../cni/guard.ts";
import { isObject, parseJson } from "../cni/json.ts";
import type { VlanRange } from "../kernel/vlan.ts";
import { parsePrefix } from "../net/ip.ts";
import { parseMac } from "../net/mac.ts";
import type { AttachmentId } from "../net/names.ts";
import type { HostConfig } from "./config.ts";
import { isLinkName } from "./config-rules.ts";
import { families, ipMasqBackends, type MasqueradeConfig } from "./masquerade-config.ts";

/** What followed from IPAM's answer; a record has none until then, and none in a layer 2 network. */
export interface Assigned {
  /** The container's, with prefix. */
  readonly addresses: readonly string[];
  /** With prefix, of the bridge or of its VLAN's gateway interface. */
  readonly gateways: readonly string[];
}

export interface AttachmentRecord extends AttachmentId, MasqueradeConfig, Partial<Assigned> {
  /** The derived name (identity.ts), which is the file's too. */
  readonly key: string;
  readonly netns: string;
  readonly bridge: string;
  /** The host's end, and its MAC, by which it is known where it is not called `key`. */
  readonly hostName: string;
  readonly hostMac: string;
  readonly ipamType: string;
  /** Where host-local has its leases, above the network's directory; absent where another gives the addresses. */
  readonly dataDir?: string;
  /** The MAC spoof check is on. */
  readonly spoofCheck: boolean;
  /** For `hostSideOf`, which most readers of records need not pay for; a record of an earlier version lacks it. */
  readonly hostSide?: unknown;
}

/** What ADD made on the host beside the masquerading: enough to make it again. */
interface HostSide extends HostConfig {
  /** The container's MAC, which the spoof check lets pass. */
  readonly mac: string;
  /** SO_NETNS_COOKIE of the container's namespace, decimal; absent where the kernel has none. */
  readonly netnsCookie?: string;
  /** The same of the namespace ADD ran in, where the link's other end is. */
  readonly homeCookie?: string;
  /** Of a bridge that is made; absent: the kernel's default. */
  readonly mtu?: number;
}

const isAddress = isText(parsePrefix);
const isVlanId = isIntegerIn(1, 4094);
const isUint16 = isIntegerIn(0, 0xffff);
const isName: Guard<string> = (value): value is string => isString(value) && isLinkName(value);

/** What of the host's side is as in most networks: a record says nothing of it. */
const plain = {
  hairpinMode: false,
  promiscMode: false,
  portIsolation: false,
  vlan: 0,
  vlanTrunk: [],
  vlanFiltering: false,
  preserveDefaultVlan: false,
  uplinkForce: false,
} as const satisfies HostConfig;

/** As a record holds it; JSON has no undefined. */
export type RecordedHostSide = { readonly [K in keyof HostSide]: HostSide[K] | undefined };

const isHostSide = isObjectOf<Omit<HostSide, keyof HostConfig> & Partial<HostConfig>>({
  mac: isText(parseMac),
  netnsCookie: isOptional(isString),
  homeCookie: isOptional(isString),
  mtu: isOptional(isIntegerIn(0, 0xffff_ffff)),
  hairpinMode: isOptional(isBoolean),
  promiscMode: isOptional(isBoolean),
  portIsolation: isOptional(isBoolean),
  vlan: isOptional(isVlanId),
  vlanTrunk: isOptional(isArrayOf(isObjectOf<VlanRange>({ first: isVlanId, last: isVlanId }))),
  vlanFiltering: isOptional(isBoolean),
  preserveDefaultVlan: isOptional(isBoolean),
  groupFwdMask: isOptional(isUint16),
  uplink: isOptional(isName),
  uplinkForce: isOptional(isBoolean),
});

/** Whether a value is a whole record: one that is not is as good as none. */
const isRecord = isObjectOf<AttachmentRecord>({
  network: isString,
  containerId: isString,
  ifname: isString,
  key: isString,
  netns: isString,
  bridge: isName,
  hostName: isName,
  hostMac: isString,
  ipamType: isString,
  dataDir: isOptional(isString),
  ipMasq: isBoolean,
  ipMasqBackend: isOneOf(ipMasqBackends),
  ipMasqFamilies: isArrayOf(isOneOf(families)),
  ipMasqRandomFully: isBoolean,
  masqExclude: isArrayOf(isAddress),
  spoofCheck: isBoolean,
  hostSide: isAnything,
  addresses: isOptional(isArrayOf(isAddress)),
  gateways: isOptional(isArrayOf(isAddress)),
});

/** What ADD made on the host beside the masquerading, as far as the record knows: undefined where it is damaged, too. */
export function hostSideOf({ hostSide }: AttachmentRecord): HostSide | undefined {
  return isHostSide(hostSide) ? { ...plain, ...hostSide } : undefined;
}

/** What a record begins with: a line of JSON. */
export function formatBegin(record: AttachmentRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** What follows when IPAM has answered: another line, whose members are the record's too. */
export function formatAssigned({ addresses, gateways }: Assigned): string {
  return `${JSON.stringify({ addresses, gateways })}\n`;
}

/**
 * The record of a text, `what`; undefined where it is not a whole one. A second line that did not end was not yet said; an earlier
 * version ended none, and said all in the first.
 */
export function parseRecord(text: string, what: string): AttachmentRecord | undefined {
  const [begin = "", assigned, end] = text.split("\n");
  const record = parseJson(begin, what);
  if (!isObject(record)) return undefined;
  if (end !== undefined) Object.assign(record, parseJson(assigned!, what));
  return isRecord(record) ? record : undefined;
}
