// doctor on the kernel and the machine: what this kernel offers, and settings that every network needs.

import { AT_FDCWD, type Host } from "../host.ts";
import { readMachineId } from "../host-local/node-identity.ts";
import { readSmallFile } from "../host-local/small-file.ts";
import { canMasquerade } from "../kernel/masquerade.ts";
import { readSysctl } from "../kernel/sysctl.ts";
import { parsePrefix } from "../net/ip.ts";
import { type Check, type Diagnosis, fine, problem, type View, warning } from "./diagnosis.ts";

/** Names of modules that are built in or can be loaded; undefined where the machine does not list them. */
function listModules(host: Host): string | undefined {
  const release = readSmallFile(host, AT_FDCWD, "/proc/sys/kernel/osrelease");
  if (typeof release === "number") return undefined;
  const texts = ["modules.builtin", "modules.dep"]
    .map((name) => readSmallFile(host, AT_FDCWD, `/lib/modules/${release.trim()}/${name}`))
    .filter((text) => typeof text === "string");
  return texts.length === 0 ? undefined : texts.join("\n");
}

/** Whether something needs nf_tables: a configuration, or an attachment that is there. */
function needsNfTables({ configuration, inventory }: View): boolean {
  const configured = configuration.networks.some(
    ({ bridge }) => bridge?.macspoofchk || (bridge?.ipMasq && bridge.ipMasqBackend === "nftables"),
  );
  return configured || inventory.found.some(({ record }) => record?.ipMasq || record?.spoofCheck);
}

/** Kinds of links: proved by one that is there, or else by the list of modules. */
const links: Check = ({ inventory }) => {
  const { host } = inventory.session;
  let modules: string | undefined;
  return (["bridge", "veth"] as const).map((kind) => {
    const check = `kernel: ${kind}`;
    if (inventory.links.some(({ linkinfo }) => linkinfo?.kind === kind)) return fine(check, "in use");
    modules ??= listModules(host);
    if (modules === undefined)
      return fine(check, "none is in use, and the machine has no list of its kernel's modules: not known");
    if (modules.includes(`/${kind}.ko`)) return fine(check, "the kernel has it");
    const option = `CONFIG_${kind.toUpperCase()}`;
    return problem(check, "no module of that name in /lib/modules", `use a kernel with ${option}`);
  });
};

const nfTables: Check = (view) => {
  const check = "kernel: nf_tables";
  if (canMasquerade(view.inventory.session)) return [fine(check, "the kernel answers")];
  const text = "the kernel has no nf_tables (asked over netlink)";
  const fix =
    'use a kernel with CONFIG_NF_TABLES_INET and CONFIG_NFT_MASQ, or "ipMasqBackend": "iptables" for masquerading';
  return [needsNfTables(view) ? problem(check, text, fix) : warning(check, text, fix)];
};

/** Families of which the node is a gateway, by the addresses of its bridges and what was recorded. */
function gatewayFamilies({ inventory, configuration }: View): Set<"ipv4" | "ipv6"> {
  const texts = inventory.found.flatMap(({ record }) => record?.gateways ?? []);
  for (const { bridge, ipam } of configuration.networks)
    if (bridge?.isGateway)
      for (const set of ipam?.sets ?? [])
        texts.push(`${set[0]?.subnet.ip.length === 16 ? "::/0" : "0.0.0.0/0"}`);
  return new Set(texts.map((text) => (parsePrefix(text)?.ip.length === 16 ? "ipv6" : "ipv4")));
}

const forwarding: Check = (view) => {
  const keys = { ipv4: "net/ipv4/ip_forward", ipv6: "net/ipv6/conf/all/forwarding" } as const;
  return [...gatewayFamilies(view)].sort().map((family): Diagnosis => {
    const name = keys[family].replaceAll("/", ".");
    const value = readSysctl(view.inventory.session, "host", keys[family]);
    if (value === "1") return fine(`forwarding: ${family}`, `${name} is 1`);
    const text = `${name} is ${value ?? "absent"}: containers reach nothing beyond this node`;
    const fix = `cni-bridge repair, and look for what switches it off (sysctl -w ${name}=1 in /etc/sysctl.d keeps it)`;
    // Before the first ADD it is nobody's loss, and ADD switches it on.
    return view.inventory.found.some(({ state }) => state === "alive")
      ? problem(`forwarding: ${family}`, text, fix)
      : fine(`forwarding: ${family}`, `${name} is ${value ?? "absent"}; the first ADD sets it`);
  });
};

const bridgedPackets: Check = ({ inventory }) => {
  const check = "br_netfilter";
  const names = ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"];
  const on = names.filter((name) => readSysctl(inventory.session, "host", `net/bridge/${name}`) === "1");
  if (on.length === 0) return [fine(check, "packets inside a bridge do not pass the host's firewall")];
  const text = `${on.map((name) => `${name} is 1`).join(", ")}: packets between containers of one bridge pass the host's firewall too`;
  return [fine(check, `${text}, as Kubernetes wants it`)];
};

const machineId: Check = ({ inventory }) =>
  readMachineId(inventory.session.host) !== ""
    ? [fine("machine id", "there")]
    : [
        warning(
          "machine id",
          "/etc/machine-id is missing or invalid: leases of an earlier boot cannot be told and are not reclaimed",
          "systemd-machine-id-setup, or dbus-uuidgen --ensure",
        ),
      ];

/** A table that is so full, in per cent, will overflow with the next burst. */
const NEARLY_FULL = 90;

const connections: Check = ({ inventory }) => {
  const read = (name: string) =>
    Number(readSysctl(inventory.session, "host", `net/netfilter/${name}`) ?? "0");
  const [count, most] = [read("nf_conntrack_count"), read("nf_conntrack_max")];
  const text = `${count} of ${most} connections are tracked`;
  if (most === 0) return [];
  if (count * 100 < most * NEARLY_FULL) return [fine("conntrack", text)];
  return [
    warning("conntrack", `${text}: new ones are about to be dropped`, "raise net.netfilter.nf_conntrack_max"),
  ];
};

export const kernelChecks: readonly Check[] = [
  links,
  nfTables,
  forwarding,
  bridgedPackets,
  connections,
  machineId,
];
