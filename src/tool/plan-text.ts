// A step as the commands that would do the same: ip, bridge, nft, iptables, sysctl. For people who want to know what an
// ADD does; the plugin itself talks to the kernel and runs none of them. What no command does is told as a comment.

import { describeRules } from "../kernel/iptables-chain.ts";
import { chainOf } from "../kernel/masquerade.ts";
import { chainName, TABLE } from "../kernel/masquerade-chain.ts";
import { excludedOf, families, mapOf, subnetOf } from "../kernel/masquerade-rules.ts";
import { formatRoute } from "../kernel/route.ts";
import type { Session } from "../kernel/session.ts";
import { formatRules } from "../kernel/spoof-check-rules.ts";
import type { Step } from "../kernel/steps.ts";
import { formatIp, formatPrefix } from "../net/ip.ts";

/** Where the commands run. */
export interface Setting {
  /** Lends the host, for names that are hashes; the kernel is not asked. */
  readonly session: Session;
  /** The container's namespace, as `ip netns` names it. */
  readonly netns: string;
}

/** Of each end of a pair, unlike the kernel's own choice. */
const ONE_QUEUE = "numtxqueues 1 numrxqueues 1";

type Line = (step: never, setting: Setting) => readonly string[];
type Of<K extends Step["kind"]> = Extract<Step, { kind: K }>;

/** Words without those that are not wanted. */
function words(...parts: readonly (string | false | undefined)[]): string {
  return parts.filter((part) => part !== false && part !== undefined && part !== "").join(" ");
}

/** `name value`, or nothing. */
function pair(name: string, value: string | number | undefined): string {
  return value === undefined ? "" : `${name} ${value}`;
}

function vlanLines({
  port,
  access,
  trunk,
  preserveDefault,
}: Pick<Of<"vlan">, "port" | "access" | "trunk" | "preserveDefault">): string[] {
  const add = (vid: string, flags = "") => words(`bridge vlan add dev ${port} vid ${vid}`, flags);
  const untagged = add(`${access ?? 1}`, "pvid untagged");
  const tagged = trunk.map(({ first, last }) => add(first === last ? `${first}` : `${first}-${last}`));
  return [
    ...(preserveDefault ? [] : [`bridge vlan del dev ${port} vid 1`]),
    ...(access === undefined ? [...tagged, untagged] : [untagged, ...tagged]),
  ];
}

function masqueradeLines(step: Of<"masquerade">, { session }: Setting): string[] {
  const chain = chainOf(step);
  const name = chainName(session, chain);
  const { ip } = chain.prefix;
  const family = ip.length === 4 ? "ip" : "ip6";
  const [head, length] = families[ip.length === 4 ? 4 : 16].multicast;
  const multicast = new Uint8Array(ip.length);
  multicast.set(head);
  const kept = [
    subnetOf(chain),
    formatPrefix({ ip: multicast, length }),
    ...excludedOf(chain).map(formatPrefix),
  ];
  const verdict = step.randomFully ? "masquerade fully-random" : "masquerade";
  return [
    `nft add chain inet ${TABLE} ${name}`,
    ...kept.map((prefix) => `nft add rule inet ${TABLE} ${name} ${family} daddr ${prefix} return`),
    `nft add rule inet ${TABLE} ${name} ${verdict}`,
    `nft add element inet ${TABLE} ${mapOf(ip)} '{ ${formatIp(ip)} : goto ${name} }'`,
  ];
}

/** One row per kind of step. */
const lines: { readonly [K in Step["kind"]]: (step: Of<K>, setting: Setting) => readonly string[] } = {
  bridge: ({ name, mac, mtu, vlanFiltering, groupFwdMask, promisc }) => [
    words(
      `ip link add ${name} address ${mac}`,
      pair("mtu", mtu),
      "type bridge",
      vlanFiltering && "vlan_filtering 1",
      pair("group_fwd_mask", groupFwdMask),
    ),
    words(`ip link set ${name} up`, promisc && "promisc on"),
  ],
  uplink: ({ name, bridge }) => [`ip link set ${name} master ${bridge} up`],
  veth: ({ hostName, hostMac, ifname, mac, bridge, mtu }, { netns }) => [
    words(
      `ip link add ${hostName} address ${hostMac} ${ONE_QUEUE}`,
      pair("mtu", mtu),
      `master ${bridge} up type veth peer name ${ifname} address ${mac} ${ONE_QUEUE}`,
      pair("mtu", mtu),
      `netns ${netns}`,
    ),
  ],
  "alternative-name": ({ link, name }) => [`ip link property add dev ${link} altname ${name}`],
  port: ({ name, hairpin, isolated }) =>
    hairpin || isolated
      ? [words(`bridge link set dev ${name}`, hairpin && "hairpin on", isolated && "isolated on")]
      : [],
  vlan: (step) => vlanLines(step),
  "vlan-gateway": ({ bridge, name, mac, portName, portMac, vlan, preserveDefault }) => [
    `ip link add ${portName} address ${portMac} master ${bridge} up type veth peer name ${name} address ${mac}`,
    ...vlanLines({ port: portName, access: vlan, trunk: [], preserveDefault }),
    `ip link set ${name} up`,
  ],
  sysctl: ({ where, key, value }, { netns }) => [
    words(where === "container" && `ip netns exec ${netns}`, `sysctl -w ${key}=${value}`),
  ],
  interface: ({ name, addresses, dad }, { netns }) => [
    ...addresses.map((address) =>
      words(`ip -n ${netns} addr add ${address} dev ${name}`, !dad && address.includes(":") && "nodad"),
    ),
    `ip -n ${netns} link set ${name} up`,
    ...(addresses.length > 0 ? [`ip netns exec ${netns} sysctl -w net/ipv4/conf/${name}/arp_notify=1`] : []),
  ],
  route: (step, { netns }) => [`ip -n ${netns} route add ${formatRoute(step)}`],
  gateway: ({ link, address, force, siblings }) => [
    `ip addr add ${address} dev ${link}`,
    ...(force
      ? [
          `# other addresses of ${link} in its subnet are removed${siblings.length > 0 ? `, but for ${siblings.join(", ")}` : ""}`,
        ]
      : []),
  ],
  forwarding: ({ family }) => [
    `sysctl -w ${family === "ipv4" ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding"}=1`,
  ],
  masquerade: masqueradeLines,
  "iptables-masquerade": ({ owner, address }, { session }) => {
    const { family, chain, jump, accept, masquerade } = describeRules(session.host, owner, address);
    const iptables = `${family.program} -t nat`;
    const quoted = (rule: readonly string[]) =>
      rule.map((word) => (word.includes(" ") ? `'${word}'` : word)).join(" ");
    return [
      `${iptables} -N ${chain}`,
      `${iptables} -A POSTROUTING ${quoted(jump)}`,
      `${iptables} -I ${chain} ${quoted(accept)}`,
      `${iptables} -A ${chain} ${quoted(masquerade)}`,
    ];
  },
  carrier: ({ name }) => [`# wait until ${name} forwards`],
  "spoof-check": (step, { session }) => {
    const rules = formatRules(session, step);
    const [shared, ...own] = [...new Set(rules.map(({ chain }) => chain))];
    return [
      "nft add table bridge nat",
      `nft add chain bridge nat ${shared} '{ type filter hook prerouting priority -300 ; }'`,
      ...own.map((chain) => `nft add chain bridge nat ${chain}`),
      ...rules.map(({ chain, text }) => `nft add rule bridge nat ${chain} ${text}`),
    ];
  },
  settle: ({ ifname }) => [`# wait until no other host answers for the IPv6 addresses of ${ifname}`],
  "local-route": ({ address, link }) => [`# wait until ${address} of ${link} can be reached`],
  announcement: ({ ifname }) => [
    `# tell the neighbours of ${ifname}: gratuitous ARP, unsolicited neighbour advertisement`,
  ],
};

/** The lines of one step; a port without anything special has none. */
export function formatStep(step: Step, setting: Setting): readonly string[] {
  return (lines[step.kind] as Line)(step as never, setting);
}

/** The addresses of a plan's masquerading need this once for all networks. */
export const masqueradeTable: readonly string[] = [
  `nft add table inet ${TABLE}`,
  ...[families[4], families[16]].map(
    ({ map, keyLen }) =>
      `nft add map inet ${TABLE} ${map} '{ type ${keyLen === 4 ? "ipv4_addr" : "ipv6_addr"} : verdict ; }'`,
  ),
  `nft add chain inet ${TABLE} postrouting '{ type nat hook postrouting priority srcnat ; }'`,
  `nft add rule inet ${TABLE} postrouting ip saddr vmap @${families[4].map}`,
  `nft add rule inet ${TABLE} postrouting ip6 saddr vmap @${families[16].map}`,
];
