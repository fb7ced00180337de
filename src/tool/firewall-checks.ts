// doctor on the firewall: chains that drop what is forwarded, seen over netlink, iptables-nft's among them. What
// iptables-legacy holds the kernel tells nobody but that program; that it is in use can be seen.

import { AT_FDCWD } from "../host.ts";
import { readSmallFile } from "../host-local/small-file.ts";
import { canMasquerade } from "../kernel/masquerade.ts";
import {
  getChain,
  getRule,
  NF_ACCEPT,
  NF_DROP,
  NFPROTO_INET,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  NFT_META_IIFNAME,
  type Rule,
} from "../netlink/nf-tables.ts";
import { type Check, fine, type View, warning } from "./diagnosis.ts";
import { enumerate } from "./phrases.ts";

/** NF_INET_FORWARD (netfilter.h). */
const HOOK_FORWARD = 2;
const AF_UNSPEC = 0;
const families: Readonly<Record<number, string>> = {
  [NFPROTO_INET]: "inet",
  [NFPROTO_IPV4]: "ip",
  [NFPROTO_IPV6]: "ip6",
};

/** A base chain that drops what no rule of it accepts. */
interface DroppingChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** Bridges that a rule right in it accepts packets from. */
  readonly accepted: readonly string[];
}

/** The interface whose packets a rule accepts: `iifname NAME … accept`, whatever else it asks for. */
function acceptedInterface({ expressions = [] }: Rule, names: readonly string[]): string | undefined {
  const accepts = expressions.some(
    ({ kind, data }) => kind === "immediate" && data?.data?.verdict?.code === NF_ACCEPT,
  );
  const at = expressions.findIndex(({ kind, data }) => kind === "meta" && data?.key === NFT_META_IIFNAME);
  const compared = expressions[at + 1];
  if (!accepts || at < 0 || compared?.kind !== "cmp") return undefined;
  const bytes = compared.data?.data?.value ?? new Uint8Array();
  const name = String.fromCharCode(...bytes.filter((byte) => byte !== 0));
  return names.find((each) => each === name);
}

function droppingChains({ inventory }: View, bridges: readonly string[]): DroppingChain[] {
  const netfilter = inventory.session.netfilter();
  const chains = netfilter.dump("list chains", getChain, { family: AF_UNSPEC });
  return chains
    .filter(({ hook, policy }) => hook?.hooknum === HOOK_FORWARD && policy === NF_DROP)
    .filter(({ family }) => family !== undefined && family in families)
    .map(({ family, table, name }) => {
      const query = { family: family!, table: table!, chain: name! };
      const rules = netfilter.dump(`list chain ${name}`, getRule, query);
      const accepted = rules.flatMap((rule) => acceptedInterface(rule, bridges) ?? []);
      return { family: families[family!]!, table: table!, name: name!, accepted };
    });
}

function bridgesOf({ inventory, configuration }: View): string[] {
  const names = [
    ...inventory.found.map(({ bridge }) => bridge),
    ...configuration.networks.map(({ bridge }) => bridge?.bridge),
  ];
  return [...new Set(names.filter((name) => name !== undefined))];
}

const forwardPolicy: Check = (view) => {
  const check = "firewall: forward";
  if (!canMasquerade(view.inventory.session)) return [];
  const bridges = bridgesOf(view);
  const dropping = droppingChains(view, bridges)
    .map((chain) => ({ ...chain, closed: bridges.filter((name) => !chain.accepted.includes(name)) }))
    .filter(({ closed }) => closed.length > 0);
  if (dropping.length === 0) return [fine(check, "no chain of nf_tables drops forwarded packets by policy")];
  return dropping.map(({ family, table, name, closed }) => {
    const isIptables = table === "filter" && name === "FORWARD" && family !== "inet";
    const rule = (bridge: string) =>
      isIptables
        ? `${family === "ip" ? "iptables" : "ip6tables"} -I FORWARD -i ${bridge} -j ACCEPT, and the same with -o`
        : `nft insert rule ${family} ${table} ${name} iifname ${bridge} accept, and the same with oifname`;
    const text = `chain ${name} of table ${family} ${table} has policy drop, and no rule in it accepts ${enumerate(closed)}`;
    return warning(check, text, closed.map(rule).join("; "));
  });
};

const legacyTables: Check = ({ inventory }) => {
  const names = readSmallFile(inventory.session.host, AT_FDCWD, "/proc/net/ip_tables_names");
  if (typeof names === "number" || !names.split("\n").includes("filter")) return [];
  const text = "iptables-legacy has a filter table, whose FORWARD policy cannot be seen from here";
  return [fine("firewall: iptables-legacy", `${text}: iptables-legacy -S FORWARD shows it`)];
};

export const firewallChecks: readonly Check[] = [forwardPolicy, legacyTables];
