// The ranges addresses are taken from: defaults, checks and their texts as in the reference plugin's
// allocator/range.go and range_set.go, which tools grep for. Pure. Which address comes next is allocate.ts.

import {
  compareIp,
  contains,
  equalIp,
  formatIp,
  formatPrefix,
  type Ip,
  lastIp,
  network,
  nextIp,
  type Prefix,
  parseIp,
  parsePrefix,
  previousIp,
} from "../net/ip.ts";

/** A range as a configuration spells it; "" is the same as absent. */
export interface RangeText {
  readonly subnet?: string;
  readonly rangeStart?: string;
  readonly rangeEnd?: string;
  readonly gateway?: string;
}

export interface Range {
  readonly subnet: Prefix;
  /** The first address that may be given out, and the last. */
  readonly start: Ip;
  readonly end: Ip;
  /** Never given out. */
  readonly gateway: Ip;
}

/** One address of each set goes to a container. */
export type RangeSet = readonly Range[];

/** Takes what is wrong with one key of a range. */
type Note = (key: keyof RangeText, message: string) => void;

function parseSubnet(text: string, note: Note): Prefix | undefined {
  const subnet = parsePrefix(text);
  if (subnet === undefined) {
    note("subnet", text === "" ? "IP <nil> not v4 nor v6" : `invalid CIDR address: ${text}`);
  } else if (subnet.ip.length === 4 && text.includes(":")) {
    note("subnet", "IPNet IP and Mask version mismatch");
  } else if (subnet.length > subnet.ip.length * 8 - 2) {
    note("subnet", `Network ${formatPrefix(subnet)} too small to allocate from`);
  } else if (!equalIp(network(subnet), subnet.ip)) {
    const address = formatIp(network(subnet));
    note(
      "subnet",
      `Network has host bits set. For a subnet mask of length ${subnet.length} the network address is ${address}`,
    );
  } else return subnet;
  return undefined;
}

/** The range that a configuration means, defaults filled in; undefined when something is wrong, which `note` is told. */
export function parseRange(text: RangeText, note: Note): Range | undefined {
  const subnet = parseSubnet(text.subnet ?? "", note);
  let wrong = subnet === undefined;
  const read = (key: "gateway" | "rangeStart" | "rangeEnd"): Ip | undefined => {
    const written = text[key];
    if (written === undefined || written === "") return undefined;
    const ip = parseIp(written);
    if (ip !== undefined) return ip;
    note(key, `invalid IP address: ${written}`);
    wrong = true;
    return undefined;
  };
  const gateway = read("gateway");
  const start = read("rangeStart");
  const end = read("rangeEnd");
  if (wrong || subnet === undefined) return undefined;

  const first = nextIp(subnet.ip);
  const broadcast = lastIp(subnet);
  const range = {
    subnet,
    start: start ?? first,
    end: end ?? (subnet.ip.length === 4 ? previousIp(broadcast) : broadcast),
    gateway: gateway ?? first,
  };
  const refuse = (key: keyof RangeText, name: string, ip: Ip) => {
    note(key, `${name} ${formatIp(ip)} not in network ${formatPrefix(subnet)}`);
    return undefined;
  };
  if (gateway !== undefined && !contains(subnet, gateway)) return refuse("gateway", "Gateway", gateway);
  // A start behind the end is told of the start, as the reference does.
  if (start !== undefined && (!contains(subnet, start) || (end !== undefined && compareIp(start, end) > 0)))
    return refuse("rangeStart", "RangeStart", start);
  if (end !== undefined && (!contains(subnet, end) || compareIp(end, range.start) < 0))
    return refuse("rangeEnd", "RangeEnd", end);
  return range;
}

/** What is wrong with the ranges of one set together. */
export function faultOfSet(set: RangeSet): string | undefined {
  if (set.length === 0) return "empty range set";
  for (let index = 1; index < set.length; index++)
    if (set[index]!.start.length !== set[0]!.start.length) return "mixed address families";
  for (let index = 0; index < set.length - 1; index++) {
    const other = set.slice(index + 1).find((later) => overlaps(set[index]!, later));
    if (other !== undefined) return `subnets ${formatRange(set[index]!)} and ${formatRange(other)} overlap`;
  }
  return undefined;
}

/** Whether two ranges share an address; subnets do not count. */
export function overlaps(one: Range, other: Range): boolean {
  if (one.start.length !== other.start.length) return false;
  return compareIp(one.start, other.end) <= 0 && compareIp(other.start, one.end) <= 0;
}

export function setsOverlap(one: RangeSet, other: RangeSet): boolean {
  return one.some((range) => other.some((against) => overlaps(range, against)));
}

/** The range of a set that holds an address. */
export function findRange(set: RangeSet, ip: Ip): Range | undefined {
  return set.find(
    ({ start, end }) => start.length === ip.length && compareIp(start, ip) <= 0 && compareIp(ip, end) <= 0,
  );
}

/** `10.1.2.2-10.1.2.254`. */
export function formatRange({ start, end }: Range): string {
  return `${formatIp(start)}-${formatIp(end)}`;
}

/** The ranges of a set, separated by commas. */
export function formatSet(set: RangeSet): string {
  return set.map(formatRange).join(",");
}
