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
import type { VlanRange } from "../kernel/vlan.ts";
import { parsePrefix } from "../net/ip.ts";
import { parseMac } from "../net/mac.ts";
import type { AttachmentId } from "../net/names.ts";
import type { HostConfig } from "./config.ts";
import { isLinkName } from "./config-rules.ts";
import { families, ipMasqBackends, type MasqueradeConfig } from "./masquerade-config.ts";

export interface AttachmentRecord extends AttachmentId, MasqueradeConfig {
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
  /** With prefix; empty until IPAM has answered. */
  readonly addresses: readonly string[];
  /** The MAC spoof check is on. */
  readonly spoofCheck: boolean;
  /** For `hostSideOf`, which most readers of records need not pay for; a record of an earlier version lacks it. */
  readonly hostSide?: unknown;
}

/** What ADD made on the host beside the masquerading: enough to make it again. */
export interface HostSide extends HostConfig {
  /** The container's MAC, which the spoof check lets pass. */
  readonly mac: string;
  /** SO_NETNS_COOKIE of the container's namespace, decimal; absent where the kernel has none. */
  readonly netnsCookie?: string;
  /** The same of the namespace ADD ran in, where the link's other end is. */
  readonly homeCookie?: string;
  /** Gateway addresses with prefix, of the bridge or of its VLAN's gateway interface. */
  readonly gateways: readonly string[];
  /** Of a bridge that is made; absent: the kernel's default. */
  readonly mtu?: number;
}

const isAddress = isText(parsePrefix);
const isVlanId = isIntegerIn(1, 4094);
const isUint16 = isIntegerIn(0, 0xffff);
const isName: Guard<string> = (value): value is string => isString(value) && isLinkName(value);

const isHostSide = isObjectOf<HostSide>({
  mac: isText(parseMac),
  netnsCookie: isOptional(isString),
  homeCookie: isOptional(isString),
  gateways: isArrayOf(isAddress),
  mtu: isOptional(isIntegerIn(0, 0xffff_ffff)),
  hairpinMode: isBoolean,
  promiscMode: isBoolean,
  portIsolation: isBoolean,
  vlan: isIntegerIn(0, 4094),
  vlanTrunk: isArrayOf(isObjectOf<VlanRange>({ first: isVlanId, last: isVlanId })),
  vlanFiltering: isBoolean,
  preserveDefaultVlan: isBoolean,
  groupFwdMask: isOptional(isUint16),
  uplink: isOptional(isName),
  uplinkForce: isBoolean,
});

/** Whether a value is a whole record: one that is not is as good as none. */
export const isRecord = isObjectOf<AttachmentRecord>({
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
  addresses: isArrayOf(isAddress),
  ipMasq: isBoolean,
  ipMasqBackend: isOneOf(ipMasqBackends),
  ipMasqFamilies: isArrayOf(isOneOf(families)),
  ipMasqRandomFully: isBoolean,
  masqExclude: isArrayOf(isAddress),
  spoofCheck: isBoolean,
  hostSide: isAnything,
});

/** What ADD made on the host beside the masquerading, as far as the record knows: undefined where it is damaged, too. */
export function hostSideOf({ hostSide }: AttachmentRecord): HostSide | undefined {
  return isHostSide(hostSide) ? hostSide : undefined;
}
