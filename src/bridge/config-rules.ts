// What the values of the bridge plugin's keys must be, by themselves and together.

import type { Findings } from "../cni/shape.ts";
import type { Config } from "./config.ts";

/**
 * The rules that the kernel has for an interface's name (dev_valid_name in net/core/dev.c), and printable ASCII. A "%"
 * would stand for a number of the kernel's choice.
 */
export function isLinkName(name: string): boolean {
  if (name.length < 1 || name.length > 15 || name === "." || name === "..") return false;
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    // % / :
    if (code <= 0x20 || code >= 0x7f || code === 0x25 || code === 0x2f || code === 0x3a) return false;
  }
  return true;
}

/** The interface that holds the gateway address of an access VLAN. */
export function vlanGatewayName({ bridge, vlan }: Pick<Config, "bridge" | "vlan">): string {
  return `${bridge}.${vlan}`;
}

type Problem = (path: string, message: string) => void;

function checkNames(config: Config, problem: Problem): void {
  const rules = '1 to 15 characters, no "/", ":", "%" or space';
  if (!isLinkName(config.bridge))
    problem("bridge", `"${config.bridge}" cannot be the name of a bridge (${rules})`);
  const { hostInterfaceName: name, hostInterfacePrefix: prefix, uplink } = config;
  if (name !== undefined && !isLinkName(name))
    problem("hostInterfaceName", `"${name}" cannot be the name of an interface (${rules})`);
  if (prefix.length > 8 || !isLinkName(prefix))
    problem("hostInterfacePrefix", `"${prefix}" cannot begin the name of an interface (1 to 8 characters)`);
  if (uplink !== undefined && !isLinkName(uplink))
    problem("uplink", `"${uplink}" cannot be the name of an interface (${rules})`);
  if (name === config.bridge) problem("hostInterfaceName", `"${name}" is the bridge itself`);
  if (uplink === config.bridge) problem("uplink", `"${uplink}" is the bridge itself`);
}

function checkVlan(config: Config, problem: Problem): void {
  if (config.vlan < 0 || config.vlan > 4094) {
    problem("vlan", `invalid VLAN ID ${config.vlan} (must be between 0 and 4094)`);
  } else if (config.vlan !== 0 && config.isGateway && !isLinkName(vlanGatewayName(config))) {
    problem("vlan", `"${vlanGatewayName(config)}", the gateway's interface, is longer than 15 characters`);
  }
}

/** include/uapi/linux/if_bridge.h: BR_GROUPFWD_RESTRICTED. */
function checkGroupFwdMask({ groupFwdMask: mask }: Config, problem: Problem): void {
  if (mask === undefined) return;
  if (mask < 0 || mask > 0xffff) problem("groupFwdMask", `${mask} is not between 0 and 65535`);
  else if (mask & 7) {
    const why = "the kernel never forwards STP, pause frames and LACP";
    problem("groupFwdMask", `${mask} has one of the bits 0, 1, 2 (values 1, 2, 4): ${why}`);
  }
}

/** Notes every rule that the configuration breaks. */
export function checkTogether(config: Config, findings: Findings): void {
  const problem: Problem = (path, message) => findings.problems.push({ path, message });
  checkNames(config, problem);
  checkVlan(config, problem);
  checkGroupFwdMask(config, problem);
  if (config.hairpinMode && config.promiscMode) {
    problem("promiscMode", "cannot set hairpin mode and promiscuous mode at the same time");
  }
  if (config.disableContainerInterface && config.ipamType !== "") {
    problem("disableContainerInterface", "cannot use IPAM when DisableContainerInterface flag is set");
  }
}
