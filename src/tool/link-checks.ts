// doctor on links: MTUs that do not fit, MACs that somebody else may change, bridges that are full.

import { AT_FDCWD, type Host } from "../host.ts";
import { readSmallFile } from "../host-local/small-file.ts";
import { defaultRouteMtu } from "../kernel/route-mtu.ts";
import { formatMac } from "../net/mac.ts";
import { IFF_UP, type Link } from "../netlink/if-link.ts";
import { type Check, type Diagnosis, fine, problem, type View, warning } from "./diagnosis.ts";
import { isBridge } from "./inventory.ts";
import { enumerate } from "./phrases.ts";

/** BR_MAX_PORTS (net/bridge/br_private.h). */
const MAX_PORTS = 1024;
/** NET_ADDR_SET (include/uapi/linux/netdevice.h): somebody chose the MAC, so that neither ports nor udev change it. */
const CHOSEN = "3";

/** Bridges that attachments are on, with their ports. */
function bridgesOf({ inventory }: View): { bridge: Link; ports: Link[] }[] {
  const { links, found } = inventory;
  return links
    .filter((link) => isBridge(link) && found.some((each) => each.bridge === link.ifname))
    .map((bridge) => ({ bridge, ports: links.filter(({ master }) => master === bridge.index) }));
}

const mtu: Check = (view) => {
  const uplink = defaultRouteMtu(view.inventory.session);
  const found: Diagnosis[] = [];
  for (const { bridge, ports } of bridgesOf(view)) {
    if (uplink !== undefined && bridge.mtu! > uplink) {
      const text = `${bridge.ifname} has MTU ${bridge.mtu}, the host's default route ${uplink}: larger packets are fragmented or lost on the way out`;
      found.push(warning("MTU", text, `"mtu": "auto" or ${uplink} in the configuration, and new containers`));
    }
    const odd = ports.filter((port) => port.mtu !== bridge.mtu);
    if (odd.length > 0) {
      const names = enumerate(odd.map((port) => `${port.ifname} (${port.mtu})`));
      const text = `${bridge.ifname} has MTU ${bridge.mtu}, and not all of its ports have: ${names}; larger packets are dropped between them`;
      found.push(warning("MTU", text, "one MTU for all: recreate the containers of the older configuration"));
    }
  }
  const said = uplink === undefined ? "no default route to compare with" : `the default route has ${uplink}`;
  return found.length > 0 ? found : [fine("MTU", `bridges and ports agree; ${said}`)];
};

/** The value of a link in sysfs, if sysfs shows this network namespace's links; undefined where it does not. */
function sysfs(host: Host, link: Link, name: string): string | undefined {
  const read = (file: string) => {
    const text = readSmallFile(host, AT_FDCWD, `/sys/class/net/${link.ifname}/${file}`);
    return typeof text === "string" ? text.trim() : undefined;
  };
  const isSame = read("ifindex") === `${link.index}` && read("address") === formatMac(link.address!);
  return isSame ? read(name) : undefined;
}

const mac: Check = (view) => {
  const { host } = view.inventory.session;
  const bridges = bridgesOf(view).map(({ bridge }) => ({
    bridge,
    type: sysfs(host, bridge, "addr_assign_type"),
  }));
  if (bridges.some(({ type }) => type === undefined))
    return [fine("MAC", "/sys is not of this network namespace: whether MACs are set for good is not known")];
  const loose = bridges.filter(({ type }) => type !== CHOSEN);
  if (loose.length === 0) return [fine("MAC", "the MACs of bridges are set for good")];
  return loose.map(({ bridge }) => {
    const text = `nobody has set the MAC of ${bridge.ifname}: it follows its ports, and udev's MACAddressPolicy may change it; containers then lose their gateway until their neighbour entry expires`;
    return warning("MAC", text, `ip link set ${bridge.ifname} address ${formatMac(bridge.address!)}`);
  });
};

const state: Check = (view) =>
  bridgesOf(view)
    .filter(({ bridge }) => (bridge.flags! & IFF_UP) === 0)
    .map(({ bridge }) => problem("bridge", `${bridge.ifname} is down`, "cni-bridge repair"));

const ports: Check = (view) =>
  bridgesOf(view).map(({ bridge, ports: all }) => {
    const text = `${bridge.ifname} has ${all.length} of at most ${MAX_PORTS} ports`;
    const fix = "cni-bridge gc, or a second network for further containers";
    if (all.length >= MAX_PORTS) return problem("bridge ports", text, fix);
    return all.length * 10 >= MAX_PORTS * 9 ? warning("bridge ports", text, fix) : fine("bridge ports", text);
  });

export const linkChecks: readonly Check[] = [state, mtu, mac, ports];
