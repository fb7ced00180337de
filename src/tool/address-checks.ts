// doctor on addresses: subnets that two networks share, ranges that are not this node's, pools that run out.

import { AT_FDCWD } from "../host.ts";
import { readSmallFile } from "../host-local/small-file.ts";
import { contains, formatPrefix, network, type Prefix, parsePrefix } from "../net/ip.ts";
import type { Configured } from "./configured.ts";
import { type Check, type Diagnosis, fine, problem, type View, warning } from "./diagnosis.ts";
import { isBridge } from "./inventory.ts";
import { counted } from "./phrases.ts";
import { poolsOf } from "./pools.ts";

function overlap(a: Prefix, b: Prefix): boolean {
  return contains(a, b.ip) || contains(b, a.ip);
}

function subnetsOf({ ipam }: Configured): Prefix[] {
  return ipam?.sets.flat().map(({ subnet }) => subnet) ?? [];
}

/** Every pair of a list, once. */
function pairs<T>(items: readonly T[]): (readonly [T, T])[] {
  return items.flatMap((one, at) => items.slice(at + 1).map((other) => [one, other] as const));
}

const configuredSubnets: Check = ({ configuration }) => {
  const check = "subnets: configured";
  const found: Diagnosis[] = [];
  for (const [one, other] of pairs(configuration.networks)) {
    if (one.ipam?.path === other.ipam?.path) continue;
    for (const a of subnetsOf(one)) {
      const b = subnetsOf(other).find((each) => overlap(a, each));
      if (b === undefined) continue;
      const text = `network ${one.network} (${one.file}) has ${formatPrefix(a)}, network ${other.network} (${other.file}) has ${formatPrefix(b)}: both give out the same addresses`;
      found.push(problem(check, text, "give each network a subnet of its own"));
    }
  }
  const count = configuration.networks.length;
  return found.length > 0
    ? found
    : [fine(check, `${counted(count, "network")} in ${configuration.directory}, no two overlap`)];
};

const liveSubnets: Check = ({ inventory }) => {
  const check = "subnets: in use";
  const held = inventory.links.flatMap((link) =>
    (inventory.addresses.get(link.index!) ?? [])
      .map((text) => parsePrefix(text)!)
      .filter(({ ip, length }) => length < ip.length * 8 && !(ip[0] === 0xfe && ip[1] === 0x80))
      .map((prefix) => ({ link, prefix })),
  );
  const found: Diagnosis[] = [];
  for (const [one, other] of pairs(held)) {
    if (one.link === other.link || !(isBridge(one.link) || isBridge(other.link))) continue;
    if (!overlap(one.prefix, other.prefix)) continue;
    const text = `${one.link.ifname} has ${formatPrefix(one.prefix)}, ${other.link.ifname} has ${formatPrefix(other.prefix)}: what one of them reaches is cut off from the other`;
    found.push(problem(check, text, "give each a subnet of its own"));
  }
  return found.length > 0 ? found : [fine(check, "no bridge's subnet overlaps with another link's")];
};

const sharedAddresses: Check = ({ inventory }) => {
  const holders = new Map<string, string[]>();
  for (const { holders: all, network: name } of inventory.stores)
    for (const { leases } of all)
      for (const lease of leases) holders.set(lease.name, [...(holders.get(lease.name) ?? []), name]);
  return [...holders]
    .filter(([, networks]) => networks.length > 1)
    .map(([address, networks]) => {
      const text = `${address} is leased in networks ${networks.join(" and ")}`;
      return problem(
        "duplicate address",
        text,
        "give each network a subnet of its own; delete the newer container",
      );
    });
};

/** What flannel says is this node's: `FLANNEL_SUBNET=10.244.1.1/24`. */
const FLANNEL = "/run/flannel/subnet.env";

const podRange: Check = ({ inventory, configuration }) => {
  const check = "subnets: this node's";
  const text = readSmallFile(inventory.session.host, AT_FDCWD, FLANNEL);
  if (typeof text === "number") return [];
  const values = new Map(text.split("\n").map((line) => [line.split("=")[0]!, line.split("=")[1] ?? ""]));
  const parts = (key: string) =>
    [`FLANNEL_${key}`, `FLANNEL_IPV6_${key}`].flatMap((name) =>
      (values.get(name) ?? "").split(",").flatMap((each) => parsePrefix(each.trim()) ?? []),
    );
  const [cluster, own] = [parts("NETWORK"), parts("SUBNET")];
  const inside = (all: readonly Prefix[], { ip, length }: Prefix) =>
    all.some((each) => each.length <= length && contains(each, ip));
  const found = configuration.networks.flatMap((each) =>
    subnetsOf(each)
      .filter((subnet) => inside(cluster, subnet) && !inside(own, subnet))
      .map((subnet) => {
        const mine = own.map((prefix) => formatPrefix({ ...prefix, ip: network(prefix) })).join(" and ");
        const why = `${FLANNEL} says that this node has ${mine}, and ${formatPrefix(subnet)} is another's`;
        return problem(
          check,
          `network ${each.network} (${each.file}): ${why}`,
          `change its range to ${mine}`,
        );
      }),
  );
  return found.length > 0 ? found : [fine(check, `ranges are within what ${FLANNEL} gives this node`)];
};

/** Per cent. */
const NEARLY_FULL = 90n;

const pools: Check = (view: View) =>
  poolsOf(view.inventory, view.configuration).map(({ network: name, set, text, used, size }) => {
    const check = `pool: ${name} ${set}`;
    const said = `${used} of ${size} addresses in use in ${text}`;
    const fix = "cni-bridge gc, then a larger range: a second one may stand beside it in the same set";
    if (used >= size) return problem(check, said, fix);
    return used * 100n >= size * NEARLY_FULL ? warning(check, said, fix) : fine(check, said);
  });

export const addressChecks: readonly Check[] = [
  configuredSubnets,
  liveSubnets,
  sharedAddresses,
  podRange,
  pools,
];
