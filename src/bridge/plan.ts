// The order of an ADD, as data. What IPAM answers lies between the link and its addressing, and an IPAM plugin such as
// dhcp needs the link to be there when it is asked. The link itself is two lists, as a bridge that is pruned must be held
// until it has the new port.

import type { Step } from "../kernel/steps.ts";
import type { SysctlStep } from "../kernel/sysctl.ts";
import type { VethStep } from "../kernel/veth.ts";
import { isIpv6 } from "../net/ip.ts";
import type { AttachmentId } from "../net/names.ts";
import type { Config, HostConfig } from "./config.ts";
import { vlanGatewayName } from "./config-rules.ts";
import type { Identity, VlanGateway } from "./identity.ts";
import type { MasqueradeConfig } from "./masquerade-config.ts";
import { gatewayOf, type Routing } from "./routing.ts";

function sysctl(where: SysctlStep["where"], key: string, value: string, required = false): SysctlStep {
  return { kind: "sysctl", where, key, value, required };
}

/** The same for one of the pair's ends, which the attachment has made. */
function sysctlOfPair(where: SysctlStep["where"], key: string, value: string): SysctlStep {
  return { kind: "sysctl", where, key, value, required: false, fresh: true };
}

/** What of a configuration the plan of the host's side needs. */
type PlannedHost = HostConfig & Pick<Config, "bridge" | "macspoofchk">;

/** The bridge with its uplink. `size`: the MTU of what is made, undefined: the kernel's. */
export function planBridge(config: PlannedHost, mac: string, size: number | undefined): Step[] {
  const { bridge, uplink, groupFwdMask } = config;
  return [
    {
      kind: "bridge",
      name: bridge,
      mac,
      promisc: config.promiscMode,
      ...(config.vlanFiltering ? { vlanFiltering: true } : {}),
      ...(groupFwdMask === undefined ? {} : { groupFwdMask }),
      ...(size === undefined ? {} : { mtu: size }),
    },
    // CVE-2020-10749: a container must not be able to configure the host by a router advertisement.
    sysctl("host", `net/ipv6/conf/${bridge}/accept_ra`, "0"),
    ...(uplink === undefined
      ? []
      : [{ kind: "uplink", name: uplink, bridge, force: config.uplinkForce } as const]),
  ];
}

/** The bridge, and the veth pair that becomes its port. */
export function planLink(config: Config, identity: Identity, size: number | undefined): Step[] {
  return [...planBridge(config, identity.bridgeMac, size), planPair(config, identity, size)];
}

export function planPair({ bridge }: Config, identity: Identity, size: number | undefined): VethStep {
  const { hostName, hostMac, mac, id } = identity;
  const mtu = size === undefined ? {} : { mtu: size };
  return { kind: "veth", hostName, hostMac, ifname: id.ifname, mac, bridge, ...mtu };
}

/** What the port is given beside its place in the bridge: everything before addresses are known. */
export function planPort(
  config: PlannedHost,
  { key, hostName, mac, id }: Pick<Identity, "key" | "hostName" | "mac" | "id">,
): Step[] {
  return [
    ...(hostName === key ? [] : [{ kind: "alternative-name", link: hostName, name: key } as const]),
    sysctlOfPair("host", `net/ipv6/conf/${hostName}/accept_ra`, "0"),
    { kind: "port", name: hostName, hairpin: config.hairpinMode, isolated: config.portIsolation },
    ...planVlan(config, hostName),
    ...(config.macspoofchk ? [{ kind: "spoof-check", owner: id, hostName, mac } as const] : []),
  ];
}

function planVlan(config: PlannedHost, port: string): Step[] {
  if (config.vlan === 0 && config.vlanTrunk.length === 0) return [];
  return [
    {
      kind: "vlan",
      bridge: config.bridge,
      port,
      access: config.vlan === 0 ? undefined : config.vlan,
      trunk: config.vlanTrunk,
      preserveDefault: config.preserveDefaultVlan,
    },
  ];
}

/** The link that holds the gateway addresses, and what makes it where it is not the bridge. */
function planGatewayLink(
  config: PlannedHost,
  vlanGateway: VlanGateway | undefined,
): { link: string; steps: Step[] } {
  if (vlanGateway === undefined) return { link: config.bridge, steps: [] };
  const { bridge, vlan, preserveDefaultVlan: preserveDefault } = config;
  const name = vlanGatewayName(config);
  const steps: Step[] = [
    { kind: "vlan-gateway", bridge, name, vlan, preserveDefault, ...vlanGateway },
    sysctl("host", `net/ipv6/conf/${name}/accept_ra`, "0"),
    sysctl("host", `net/ipv6/conf/${vlanGateway.portName}/accept_ra`, "0"),
  ];
  return { link: name, steps };
}

/** The host's part as a gateway: addresses, and forwarding of their families. */
export function planGateways(
  config: PlannedHost & Pick<Config, "forceAddress">,
  vlanGateway: VlanGateway | undefined,
  gateways: readonly string[],
): Step[] {
  if (gateways.length === 0) return [];
  const { link, steps } = planGatewayLink(config, vlanGateway);
  for (const address of gateways) {
    const siblings = gateways.filter((other) => other !== address);
    steps.push({ kind: "gateway", link, address, siblings, force: config.forceAddress });
  }
  if (gateways.some((address) => !isIpv6(address))) steps.push({ kind: "forwarding", family: "ipv4" });
  if (gateways.some(isIpv6)) steps.push({ kind: "forwarding", family: "ipv6" });
  return steps;
}

/** Without these an IPv6 address cannot be reached although it is there: the container's, and the gateway it asks. */
function planLocalRoutes(
  config: Config,
  ifname: string,
  addresses: readonly string[],
  gateways: readonly string[],
): Step[] {
  if (!addresses.some(isIpv6) && !gateways.some(isIpv6)) return [];
  const link = config.vlan === 0 ? config.bridge : vlanGatewayName(config);
  return [
    ...addresses.filter(isIpv6).map((address) => ({ where: "container", link: ifname, address }) as const),
    ...gateways.filter(isIpv6).map((address) => ({ where: "host", link, address }) as const),
  ].map((step) => ({ kind: "local-route", ...step }));
}

/** Container sysctls that must be set before the interface gets an address and goes up. */
function planContainerSysctls(ifname: string, hasIpv6: boolean, dad: boolean): Step[] {
  const ipv6 = `net/ipv6/conf/${ifname}`;
  const steps: Step[] = [
    // Enhanced (RFC 7527): a hairpin port that sends our own probe back is no duplicate.
    ...(dad ? [sysctlOfPair("container", `${ipv6}/enhanced_dad`, "1")] : []),
    sysctlOfPair("container", `${ipv6}/accept_dad`, dad ? "1" : "0"),
  ];
  if (!hasIpv6) return steps;
  return [
    ...steps,
    sysctl("container", "net/ipv6/conf/lo/disable_ipv6", "0"),
    sysctl("container", `${ipv6}/disable_ipv6`, "0", true),
    sysctlOfPair("container", `${ipv6}/keep_addr_on_down`, "1"),
    // For `announcement`, as arp_notify is for IPv4.
    sysctlOfPair("container", `${ipv6}/ndisc_notify`, "1"),
  ];
}

/** Masquerading of an attachment's addresses, given with their prefix; nothing for those that shall have none. */
export function planMasquerade(
  config: MasqueradeConfig,
  addresses: readonly string[],
  owner: AttachmentId,
): Step[] {
  if (!config.ipMasq) return [];
  const { ipMasqBackend, ipMasqFamilies, masqExclude: exclude, ipMasqRandomFully: randomFully } = config;
  return addresses
    .filter((address) => ipMasqFamilies.includes(isIpv6(address) ? "ipv6" : "ipv4"))
    .map((address) =>
      ipMasqBackend === "iptables"
        ? { kind: "iptables-masquerade", address, owner }
        : { kind: "masquerade", address, owner, exclude, randomFully },
    );
}

/** Addresses, routes, gateway, forwarding, masquerading: everything that follows from IPAM's answer. */
export function planAddressing(config: Config, identity: Identity, routing: Routing): Step[] {
  const { id, hostName, mac } = identity;
  const addresses = routing.ips.map((ip) => ip.address);
  const hasIpv6 = addresses.some(isIpv6);
  const steps: Step[] = [
    ...planContainerSysctls(id.ifname, hasIpv6, config.enabledad),
    { kind: "interface", name: id.ifname, addresses, dad: config.enabledad },
  ];
  for (const route of routing.routes) {
    steps.push({
      kind: "route",
      ifname: id.ifname,
      dst: route.dst,
      gw: gatewayOf(route, routing.ips),
      mtu: route.mtu,
      advmss: route.advmss,
      priority: route.priority,
      table: route.table,
      scope: route.scope,
    });
  }
  steps.push(...planGateways(config, identity.vlanGateway, routing.gateways));
  steps.push(...planMasquerade(config, addresses, id));
  steps.push({ kind: "carrier", name: hostName });
  // Not before the gateway, which may object to an address too; before the announcement, which must not be of a duplicate.
  if (config.enabledad && hasIpv6) steps.push({ kind: "settle", ifname: id.ifname });
  steps.push(...planLocalRoutes(config, id.ifname, addresses, routing.gateways));
  steps.push({ kind: "announcement", ifname: id.ifname, mac });
  return steps;
}

/** A layer 2 network: no addresses, only the container's end up, unless that is left to somebody else. */
export function planLayer2(config: Config, { id, hostName }: Identity): Step[] {
  if (config.disableContainerInterface) return [];
  return [
    { kind: "interface", name: id.ifname, addresses: [], dad: false },
    { kind: "carrier", name: hostName },
  ];
}
