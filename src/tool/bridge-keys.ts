// The configuration keys of the bridge plugin for people. What is read of them is src/bridge/config.ts.

import type { KeyDocs, Limits } from "./key-docs.ts";

/** docs/configuration.md has a table for each group. */
const bridgeGroups = ["network", "link", "masquerade", "log"] as const;

/** An interface's name, as src/bridge/config-rules.ts has it. */
const linkName: Limits = { minLength: 1, maxLength: 15, pattern: "^[!-$&-.0-9;-~]+$" };

const network: KeyDocs = {
  cniVersion: {
    text: "shapes the result",
    default: "0.1.0",
    reference: "same",
    see: "protocol.md",
    limits: { enum: ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] },
  },
  name: {
    text: "the network: its leases, records, masquerade chains",
    absent: "required",
    reference: "same",
    limits: { pattern: "^[A-Za-z0-9][A-Za-z0-9_.-]*$" },
  },
  bridge: {
    text: "the bridge, 1 to 15 characters. Made when missing, with a MAC that is derived from its name and the machine and stays; shared by all who name it",
    default: "cni0",
    reference: "same",
    limits: linkName,
  },
  isGateway: {
    text: "the bridge gets the gateway address of each subnet, and forwarding is switched on. Needs `ipam`. Several subnets of one family work, which the reference refuses",
    default: false,
    reference: "same",
  },
  isDefaultGateway: {
    text: "as `isGateway`, and the container gets a default route per family through it, unless IPAM gave one with a gateway",
    default: false,
    reference: "same",
  },
  forceAddress: {
    text: "an address of the bridge that is in the way of the gateway's is replaced rather than an error",
    default: false,
    reference: "same",
  },
  mtu: {
    text: 'MTU of the pair, and of the bridge when it is made. 0 and less: the default. `"auto"`: see [below](#mtu-auto). Not verified by CHECK, since a later plugin of the chain may change it',
    absent: "kernel's (1500)",
    reference: 'same; `"auto"` is new',
    limits: { maximum: 65535 },
  },
  promiscMode: {
    text: "the bridge is promiscuous. Not together with `hairpinMode`",
    default: false,
    reference: "same",
  },
  groupFwdMask: {
    text: "link-local groups that the bridge forwards: bit N is 01:80:c2:00:00:0N, so 16384 is LLDP. Set when the bridge is made and where it differs later. The kernel never forwards bits 0 to 2 (STP, pause frames, LACP): refused. Of networks that share a bridge the last ADD wins",
    absent: "left alone",
    reference: "new",
    limits: { minimum: 0, maximum: 65528 },
  },
  uplink: {
    text: "an interface of the host that becomes a port of the bridge; see [below](#uplink)",
    absent: "none",
    reference: "new",
  },
  uplinkForce: {
    text: "also where a default route leads through it",
    default: false,
    reference: "new",
  },
  pruneBridge: {
    text: "the bridge goes with its last container; see [below](#prunebridge)",
    default: false,
    reference: "new",
  },
  dns: {
    text: "`nameservers`, `domain`, `search`, `options`: if any is given, all replace IPAM's in the result",
    absent: "IPAM's",
    reference: "same",
  },
  ipam: {
    text: '`type` names the plugin. Without it (absent, `{}`, `""`) the network is layer 2: no addresses',
    absent: "none",
    reference: "same",
  },
};

const link: KeyDocs = {
  hairpinMode: {
    text: "the port sends back to where a packet came from",
    default: false,
    reference: "same",
  },
  portIsolation: {
    text: "isolated ports of one bridge do not reach each other",
    default: false,
    reference: "same",
  },
  macspoofchk: {
    text: "only frames with the container's MAC pass",
    default: false,
    reference: "same",
    see: "spoof-check.md",
  },
  enabledad: {
    text: "IPv6 addresses are usable only when no other host answers for them, one to two seconds later. Without it at once",
    default: false,
    reference: "same",
  },
  disableContainerInterface: {
    text: "the container's end stays down. Not with `ipam`",
    default: false,
    reference: "same",
  },
  vlan: {
    text: "1 to 4094: the port's untagged VLAN; a gateway gets an interface `<bridge>.<vlan>`",
    default: 0,
    absent: "0: none",
    reference: "same",
    limits: { minimum: 0, maximum: 4094 },
  },
  vlanTrunk: {
    text: 'tagged VLANs: `{"id": 5}`, `{"minID": 10, "maxID": 20}`',
    absent: "none",
    reference: "same",
  },
  preserveDefaultVlan: {
    text: "the port keeps the bridge's default VLAN beside these",
    default: false,
    reference: "same",
  },
  hostInterfaceName: {
    text: "exact name of the host's end; see [below](#hostinterfacename-hostinterfaceprefix)",
    absent: "derived",
    reference: "new",
  },
  hostInterfacePrefix: {
    text: "1 to 8 characters that the derived name begins with",
    default: "veth",
    reference: "new",
    limits: { ...linkName, maxLength: 8 },
  },
};

const masquerade: KeyDocs = {
  ipMasq: {
    text: "what a container sends beyond its subnet has the node's address",
    default: false,
    reference: "same",
  },
  ipMasqBackend: {
    text: "with what",
    default: "nftables",
    reference: "same; the reference's default is iptables where it works",
    limits: { enum: ["nftables", "iptables"] },
  },
  ipMasqFamilies: {
    text: "addresses of other families keep their own, as in an IPv6 network with addresses that are routed. `[]`: none is masqueraded",
    absent: "both",
    reference: "new",
    limits: { enum: ["ipv4", "ipv6"] },
  },
  masqExclude: {
    text: "destinations that see the container's own address: CIDRs of either family, host bits ignored. Needs the backend nftables",
    absent: "none",
    reference: "new",
  },
  ipMasqRandomFully: {
    text: "source ports are chosen at random, so that connections of several containers to one place do not clash on a port (`masquerade fully-random` in nft). Needs the backend nftables",
    default: false,
    reference: "new",
  },
};

const log: KeyDocs = {
  logFile: {
    text: "a file to which each call appends one line of JSON. `CNI_BRIDGE_LOG` in the environment wins over it",
    absent: "none",
    reference: "new",
    see: "logs.md",
  },
};

/** Told elsewhere in docs/configuration.md, in sections of their own. */
const inner: KeyDocs = {
  "vlanTrunk[].minID": {
    text: "the first of a range",
    absent: "none",
    reference: "same",
    limits: { minimum: 1, maximum: 4094 },
  },
  "vlanTrunk[].maxID": {
    text: "the last of a range",
    absent: "none",
    reference: "same",
    limits: { minimum: 1, maximum: 4094 },
  },
  "vlanTrunk[].id": {
    text: "a single one",
    absent: "none",
    reference: "same",
    limits: { minimum: 1, maximum: 4094 },
  },
  "ipam.type": { text: "the IPAM plugin", absent: "none: layer 2", reference: "same" },
  "ipam.dataDir": {
    text: "where host-local has its leases; kept in the attachment's record",
    absent: "host-local's default",
    reference: "same",
  },
  "dns.nameservers": { text: "addresses of name servers", absent: "none", reference: "same" },
  "dns.domain": { text: "the local domain", absent: "none", reference: "same" },
  "dns.search": { text: "domains to search", absent: "none", reference: "same" },
  "dns.options": { text: "as in resolv.conf(5)", absent: "none", reference: "same" },
  args: {
    text: "what an orchestrator adds; `cni` holds what plugins may read",
    absent: "none",
    reference: "same",
  },
  "args.cni": { text: "arguments for any plugin", absent: "none", reference: "same" },
  "args.cni.mac": { text: "the container's MAC", absent: "random", reference: "same" },
  "args.cni.hostInterfaceName": {
    text: "the name of the host's end",
    absent: "`hostInterfaceName`",
    reference: "new",
  },
  runtimeConfig: {
    text: "filled in by the runtime, for keys that `capabilities` lists",
    absent: "none",
    reference: "same",
  },
  "runtimeConfig.mac": { text: "the container's MAC", absent: "`args.cni.mac`", reference: "same" },
  "runtimeConfig.hostInterfaceName": {
    text: "the name of the host's end",
    absent: "`args.cni.hostInterfaceName`",
    reference: "new",
  },
};

/** The tables of docs/configuration.md. */
export const bridgeTables: Readonly<Record<(typeof bridgeGroups)[number], KeyDocs>> = {
  network,
  link,
  masquerade,
  log,
};

/** Every key by its path. */
export const bridgeDocs: KeyDocs = { ...network, ...link, ...masquerade, ...log, ...inner };
