// What lint says of several files together: one node runs all of their networks.

import { findKey } from "../cni/json.ts";
import { contains, formatPrefix, type Prefix } from "../net/ip.ts";
import type { LintedNetwork } from "./lint-file.ts";
import { join } from "./lint-report.ts";

function overlap(a: Prefix, b: Prefix): boolean {
  return a.ip.length === b.ip.length && (contains(a, b.ip) || contains(b, a.ip));
}

function bridgeOf({ plugin }: LintedNetwork): string | undefined {
  const bridge = findKey(plugin.config, "bridge") ?? "cni0";
  return plugin.type === "bridge" && typeof bridge === "string" ? bridge : undefined;
}

/** Where the file says so, in whichever form. */
function pathOf({ report, plugin }: LintedNetwork, subnet: string): string {
  const ipam = join(plugin.path, "ipam");
  return report.json.findText(ipam, subnet) ?? ipam;
}

function compare(one: LintedNetwork, other: LintedNetwork): void {
  const subnets = (network: LintedNetwork) => network.ipam?.sets.flat().map(({ subnet }) => subnet) ?? [];
  const sharesLeases = one.name === other.name && one.ipam?.path === other.ipam?.path;
  const sharesBridge = bridgeOf(one) !== undefined && bridgeOf(one) === bridgeOf(other);
  for (const subnet of subnets(other)) {
    const against = subnets(one).find((each) => overlap(each, subnet));
    if (against === undefined || sharesLeases) continue;
    const text = formatPrefix(subnet);
    const what =
      formatPrefix(against) === text
        ? `${text} is the subnet of network "${one.name}" (${one.report.file}) too`
        : `${text} overlaps with ${formatPrefix(against)} of network "${one.name}" (${one.report.file})`;
    const why = sharesBridge
      ? "each has leases of its own, so that both give out the same addresses"
      : "both give out the same addresses, and the host routes them to one bridge";
    other.report.value("error", pathOf(other, text), `${what}: ${why}`);
  }
}

/** Compares each network with those of the files before it. */
export function lintBetween(networks: readonly LintedNetwork[]): void {
  for (const [index, other] of networks.entries()) {
    const earlier = networks.slice(0, index).filter(({ report }) => report !== other.report);
    const namesake = earlier.find(({ name }) => name !== "" && name === other.name);
    if (namesake !== undefined)
      other.report.value(
        "warning",
        "name",
        `network "${other.name}" is in ${namesake.report.file} too: runtimes use the first, and the leases are shared`,
      );
    for (const one of earlier) compare(one, other);
  }
}
