// The names and MACs that one attachment and its network's shared devices get: derived where they must be found again,
// random where they must only be unlike all others.

import type { Request } from "../cni/request.ts";
import { AT_FDCWD, type Host } from "../host.ts";
import { nameMac } from "../net/mac.ts";
import {
  type AttachmentId,
  hostInterfaceName,
  hostVethName,
  randomMac,
  stableMac,
  vethPrefix,
  vlanPortName,
} from "../net/names.ts";
import { O_RDONLY } from "../open-flags.ts";
import type { Config } from "./config.ts";
import { vlanGatewayName } from "./config-rules.ts";

export interface Identity {
  readonly id: AttachmentId;
  /** The derived name: the host's end has it as its own or as its second one, the record as its file's. */
  readonly key: string;
  /** The host's end of the pair. */
  readonly hostName: string;
  readonly hostMac: string;
  /** The container's end. */
  readonly mac: string;
  /** For a bridge that has yet to be made. */
  readonly bridgeMac: string;
  /** Of a network with an access VLAN. */
  readonly vlanGateway?: VlanGateway;
}

/** For a VLAN gateway that has yet to be made. */
export interface VlanGateway {
  /** Of its own end. */
  readonly mac: string;
  /** Of the end that is a port of the bridge. */
  readonly portName: string;
  readonly portMac: string;
}

/** machine-id(5); random text where there is none, so that two such machines do not give their bridges the same MAC. */
function readMachineId(host: Host): string {
  const fd = host.openat(AT_FDCWD, "/etc/machine-id", O_RDONLY, 0);
  const bytes = fd < 0 ? fd : host.read(fd, 64);
  if (fd >= 0) host.close(fd);
  const text = typeof bytes === "number" ? "" : host.decode(bytes).trim();
  return text === "" ? host.random(16).join(".") : text;
}

export function attachmentId({ name, containerId, ifname }: Request): AttachmentId {
  return { network: name, containerId, ifname };
}

/** A MAC of a shared device, derived from its name and the machine. */
function stableMacs(host: Host): (device: string) => string {
  const machineId = readMachineId(host);
  return (device) => nameMac(host, stableMac(host, machineId, device));
}

/** The MAC of a bridge that this plugin makes. */
export function bridgeMac(host: Host, bridge: string): string {
  return stableMacs(host)(bridge);
}

/** The name of the host's end of the attachment known as `key`. */
export function hostNameOf(host: Host, id: AttachmentId, key: string, config: Config): string {
  const { hostInterfaceName: configured, hostInterfacePrefix: prefix } = config;
  if (configured !== undefined) return configured;
  return prefix === vethPrefix ? key : hostInterfaceName(host, id, prefix);
}

export function identify(host: Host, request: Request, config: Config): Identity {
  const id = attachmentId(request);
  const key = hostVethName(host, id);
  return {
    id,
    key,
    hostName: hostNameOf(host, id, key, config),
    hostMac: nameMac(host, randomMac(host)),
    mac: config.mac ?? nameMac(host, randomMac(host)),
    ...identifyShared(host, config),
  };
}

/** What the attachments of a bridge, and of a VLAN of it, have in common. */
export function identifyShared(
  host: Host,
  config: Pick<Config, "bridge" | "vlan">,
): Pick<Identity, "bridgeMac" | "vlanGateway"> {
  const stable = stableMacs(host);
  const bridgeMac = stable(config.bridge);
  if (config.vlan === 0) return { bridgeMac };
  const gatewayName = vlanGatewayName(config);
  const portName = vlanPortName(host, gatewayName);
  return {
    bridgeMac,
    vlanGateway: { mac: stable(gatewayName), portName, portMac: stable(portName) },
  };
}
