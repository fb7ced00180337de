// IP addresses and prefixes: text to bytes and back, and the arithmetic that address ranges need.
// Texts are read as Go's net.ParseIP and net.ParseCIDR read them (every CNI plugin so far did) and written as RFC 5952.
// Which addresses a container may use is not decided here (src/host-local/ranges.ts).

import { remembering } from "./remembering.ts";

/** An address: 4 or 16 bytes in network order. An IPv4-mapped IPv6 address is always its 4 bytes, as in Go. */
export type Ip = Uint8Array;

/** An address with the length of its network in bits; the host bits are kept. */
export interface Prefix {
  readonly ip: Ip;
  readonly length: number;
}

const zero = 48;
const nine = 57;
const dot = 46;
const colon = 58;

const octets = new Map(Array.from({ length: 256 }, (_, octet) => [`${octet}`, octet]));

/** Four decimal fields without leading zeros, from `at` to the end of the text, or false. */
function readDotted(text: string, at: number, into: Uint8Array, offset: number): boolean {
  const fields = text.slice(at).split(".");
  if (fields.length !== 4) return false;
  for (let field = 0; field < 4; field++) {
    const octet = octets.get(fields[field]!);
    if (octet === undefined) return false;
    into[offset + field] = octet;
  }
  return true;
}

/** The value of a hexadecimal digit, given as its code; −1 for any other character. */
function hexDigit(char: number): number {
  if (char >= zero && char <= nine) return char - zero;
  const lower = char | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function parseIpv6(text: string): Ip | undefined {
  const ip = new Uint8Array(16);
  let written = 0;
  let gap = -1;
  let at = 0;
  if (text.startsWith("::")) {
    gap = 0;
    at = 2;
  }
  while (at < text.length && written < 16) {
    const start = at;
    let group = 0;
    for (; at < text.length; at++) {
      const digit = hexDigit(text.charCodeAt(at));
      if (digit < 0) break;
      group = group * 16 + digit;
    }
    if (at === start || at - start > 4) return undefined;
    if (text.charCodeAt(at) === dot) {
      if (written > 12 || (gap < 0 && written !== 12) || !readDotted(text, start, ip, written))
        return undefined;
      written += 4;
      at = text.length;
      break;
    }
    ip[written++] = group >> 8;
    ip[written++] = group & 255;
    if (at === text.length) break;
    if (text.charCodeAt(at) !== colon || ++at === text.length) return undefined;
    if (text.charCodeAt(at) === colon) {
      if (gap >= 0) return undefined;
      gap = written;
      at++;
    }
  }
  if (at < text.length) return undefined;
  // Either all groups are there, or "::" stands for at least one.
  if (written === 16) return gap < 0 ? ip : undefined;
  if (gap < 0) return undefined;
  ip.copyWithin(16 - (written - gap), gap, written);
  ip.fill(0, gap, 16 - (written - gap));
  return ip;
}

function isMapped(ip: Ip): boolean {
  if (ip.length !== 16 || ip[10] !== 255 || ip[11] !== 255) return false;
  for (let index = 0; index < 10; index++) if (ip[index] !== 0) return false;
  return true;
}

/** The address a text names, as Go's net.ParseIP: no leading zeros, no zone, no prefix length. Not to be changed. */
export const parseIp = remembering((text): Ip | undefined => {
  if (!text.includes(":")) {
    const ip = new Uint8Array(4);
    return readDotted(text, 0, ip, 0) ? ip : undefined;
  }
  const ip = parseIpv6(text);
  return ip !== undefined && isMapped(ip) ? ip.slice(12) : ip;
});

/** An address as RFC 5952 writes it; an IPv4-mapped one as its IPv4 address. */
export function formatIp(ip: Ip): string {
  if (ip.length === 4) return `${ip[0]}.${ip[1]}.${ip[2]}.${ip[3]}`;
  if (isMapped(ip)) return formatIp(ip.subarray(12));
  const groups: string[] = [];
  let gap = -1;
  let gapLength = 1;
  let zeros = 0;
  for (let index = 0; index < 8; index++) {
    const group = ip[2 * index]! * 256 + ip[2 * index + 1]!;
    groups.push(group.toString(16));
    zeros = group === 0 ? zeros + 1 : 0;
    if (zeros > gapLength) {
      gapLength = zeros;
      gap = index + 1 - zeros;
    }
  }
  if (gap < 0) return groups.join(":");
  return `${groups.slice(0, gap).join(":")}::${groups.slice(gap + gapLength).join(":")}`;
}

/** The same of an address that the next layer reads again. */
export function nameIp(ip: Ip): string {
  const name = formatIp(ip);
  parseIp.known.set(name, ip);
  return name;
}

/** Whether an address, given with its prefix or not, is one of IPv6; the text is well formed. */
export function isIpv6(text: string): boolean {
  return text.includes(":") && parseIp(text.split("/", 1)[0]!)!.length === 16;
}

/** An address with prefix length, as Go's net.ParseCIDR, host bits kept. A mapped prefix shorter than 96 is none. */
export const parsePrefix = remembering((text): Prefix | undefined => {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const ip = parseIp(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (ip === undefined || digits === "") return undefined;
  let length = 0;
  for (let index = 0; index < digits.length; index++) {
    const char = digits.charCodeAt(index);
    if (char < zero || char > nine) return undefined;
    length = length * 10 + char - zero;
    if (length > 128) return undefined;
  }
  if (ip.length === 4 && text.includes(":")) length -= 96;
  return length < 0 || length > ip.length * 8 ? undefined : { ip, length };
});

/** `10.1.0.5/16`. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatIp(prefix.ip)}/${prefix.length}`;
}

/** The same of a prefix that the next layer reads again. */
export function namePrefix(prefix: Prefix): string {
  const name = formatPrefix(prefix);
  parsePrefix.known.set(name, prefix);
  return name;
}

/** Below zero, zero or above zero, as `a` sorts before, with or after `b`; IPv4 sorts before IPv6. */
export function compareIp(a: Ip, b: Ip): number {
  const { length } = a;
  if (length !== b.length) return length - b.length;
  for (let index = 0; index < length; index++) {
    const difference = a[index]! - b[index]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

export function equalIp(a: Ip, b: Ip): boolean {
  return compareIp(a, b) === 0;
}

/** The address one higher; after the last of its family, the first. */
export function nextIp(ip: Ip): Ip {
  const next = ip.slice();
  for (let index = next.length - 1; index >= 0; index--) {
    next[index] = (next[index]! + 1) & 255;
    if (next[index] !== 0) break;
  }
  return next;
}

/** The address one lower; before the first of its family, the last. */
export function previousIp(ip: Ip): Ip {
  const previous = ip.slice();
  for (let index = previous.length - 1; index >= 0; index--) {
    previous[index] = (previous[index]! - 1) & 255;
    if (previous[index] !== 255) break;
  }
  return previous;
}

/** The bits of byte `index` that belong to a network of `length` bits. */
function maskByte(length: number, index: number): number {
  const bits = length - 8 * index;
  if (bits >= 8) return 255;
  return bits <= 0 ? 0 : (0xff00 >> bits) & 255;
}

/** The lowest address of the network: all host bits zero. */
export function network({ ip, length }: Prefix): Ip {
  const at = length >> 3;
  const lowest = ip.slice().fill(0, at);
  if (at < ip.length) lowest[at] = ip[at]! & maskByte(length, at);
  return lowest;
}

/** The highest address of the network (the broadcast address in IPv4): all host bits one. */
export function lastIp({ ip, length }: Prefix): Ip {
  const at = length >> 3;
  const highest = ip.slice().fill(255, at);
  if (at < ip.length) highest[at] = ip[at]! | ~maskByte(length, at);
  return highest;
}

/** Whether the address lies in the network; false for an address of the other family. */
export function contains(prefix: Prefix, ip: Ip): boolean {
  if (ip.length !== prefix.ip.length) return false;
  for (let index = 0; index < ip.length; index++) {
    if (((ip[index]! ^ prefix.ip[index]!) & maskByte(prefix.length, index)) !== 0) return false;
  }
  return true;
}
