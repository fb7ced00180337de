// The keys about masquerading: which addresses, by which means, and which destinations are left out.

import type { Findings } from "../cni/shape.ts";
import { formatPrefix, network, parsePrefix } from "../net/ip.ts";
import type { Keys } from "./config.ts";

export const ipMasqBackends = ["nftables", "iptables"] as const;
type IpMasqBackend = (typeof ipMasqBackends)[number];
export const families = ["ipv4", "ipv6"] as const;
type IpMasqFamily = (typeof families)[number];

export interface MasqueradeConfig {
  readonly ipMasq: boolean;
  readonly ipMasqBackend: IpMasqBackend;
  /** Addresses of other families are not masqueraded. */
  readonly ipMasqFamilies: readonly IpMasqFamily[];
  /** Source ports are chosen at random. */
  readonly ipMasqRandomFully: boolean;
  /** Destinations that see the container's own address, with prefix, without host bits. */
  readonly masqExclude: readonly string[];
}

/** The word, or undefined with a problem noted where it is none of `allowed`. */
function readWord<Word extends string>(
  allowed: readonly Word[],
  text: string,
  path: string,
  findings: Findings,
): Word | undefined {
  const word = allowed.find((each) => each === text);
  if (word === undefined) {
    const words = allowed.map((each) => `"${each}"`).join(" or ");
    findings.problems.push({ path, message: `must be ${words}, not ${JSON.stringify(text)}` });
  }
  return word;
}

/** Unset is "nftables": it needs no program. The reference prefers iptables, and cleans up after both, as we do. */
function readBackend(text: string | undefined, findings: Findings): IpMasqBackend {
  if (text === undefined) return "nftables";
  return readWord(ipMasqBackends, text, "ipMasqBackend", findings) ?? "nftables";
}

function readFamilies(texts: readonly string[] | undefined, findings: Findings): readonly IpMasqFamily[] {
  if (texts === undefined) return families;
  return texts
    .map((text, index) => readWord(families, text, `ipMasqFamilies[${index}]`, findings))
    .filter((family) => family !== undefined);
}

function readExclude(texts: readonly string[], findings: Findings): string[] {
  return texts.flatMap((text, index) => {
    const prefix = parsePrefix(text);
    if (prefix !== undefined) return [formatPrefix({ ...prefix, ip: network(prefix) })];
    const message = `must be a network such as "10.0.0.0/8", not ${JSON.stringify(text)}`;
    findings.problems.push({ path: `masqExclude[${index}]`, message });
    return [];
  });
}

export function readMasquerade(keys: Keys, findings: Findings): MasqueradeConfig {
  const config: MasqueradeConfig = {
    ipMasq: keys.ipMasq ?? false,
    ipMasqBackend: readBackend(keys.ipMasqBackend, findings),
    ipMasqFamilies: readFamilies(keys.ipMasqFamilies, findings),
    ipMasqRandomFully: keys.ipMasqRandomFully ?? false,
    masqExclude: readExclude(keys.masqExclude ?? [], findings),
  };
  if (config.ipMasqBackend === "iptables") {
    const message =
      'needs ipMasqBackend "nftables"; the rules of "iptables" are the reference\'s, which has no such key';
    if (config.ipMasqRandomFully) findings.problems.push({ path: "ipMasqRandomFully", message });
    if (config.masqExclude.length > 0) findings.problems.push({ path: "masqExclude", message });
  }
  return config;
}
