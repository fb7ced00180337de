// The iptables chain of a container where iptables is the old flavour, whose tables only iptables itself can change. It
// is started only where the kernel says that this namespace has a table nat of that flavour.

import { AT_FDCWD, type Host } from "../host.ts";
import { parsePrefix } from "../net/ip.ts";
import type { AttachmentId } from "../net/names.ts";
import { O_RDONLY } from "../open-flags.ts";
import { Iptables } from "./iptables.ts";
import {
  acceptWords,
  chainName,
  type Family,
  type FoundRule,
  type IsOwn,
  jumpWords,
  POSTROUTING,
  selectOwn,
} from "./iptables-chain.ts";

const MAX_BYTES = 4096;

function hasNat(host: Host, { legacyTables }: Family): boolean {
  const fd = host.openat(AT_FDCWD, legacyTables, O_RDONLY, 0);
  // Absent: the kernel has not even the module.
  if (fd < 0) return false;
  const bytes = host.read(fd, MAX_BYTES);
  host.close(fd);
  return typeof bytes !== "number" && host.decode(bytes).split("\n").includes("nat");
}

/** The rules of `-S` with this target; the text after `option` is their prefix. */
function parseRules(
  lines: readonly string[] | undefined,
  target: string,
  option: string,
): (FoundRule & { readonly text: string })[] {
  const rules = (lines ?? []).filter((line) => line.startsWith("-A ") && line.endsWith(` -j ${target}`));
  return rules.map((line) => {
    const words = line.split(" ");
    const text = words[words.indexOf(option) + 1]!;
    return { text, prefix: words[2] === option ? parsePrefix(text) : undefined };
  });
}

/** Removes an attachment's jumps, and its chain when no other jump is left. Absent is fine, an absent program too. */
export function removeFromLegacy(host: Host, family: Family, owner: AttachmentId, isOwn: IsOwn): void {
  if (!hasNat(host, family)) return;
  // Where both flavours are installed `iptables` is often the new one; before 1.8 there is only the one name.
  const iptables = Iptables.find(host, `${family.program}-legacy`, family.program);
  const chain = chainName(host, owner);
  const rules = iptables?.list(chain);
  if (iptables === undefined || rules === undefined) return;
  const jumps = () => parseRules(iptables.list(POSTROUTING), chain, "-s");
  const own = selectOwn(jumps(), parseRules(rules, "ACCEPT", "-d"), isOwn);
  for (const { text } of own.jumps) iptables.run("-D", POSTROUTING, ...jumpWords(host, owner, text));
  // Read again: the DEL of the container's other interface may have removed the other jump since.
  const isLast = own.isLast || (own.jumps.length > 0 && jumps().length === 0);
  if (isLast) {
    iptables.run("-F", chain);
    iptables.run("-X", chain);
  } else for (const { text } of own.accepts) iptables.run("-D", chain, ...acceptWords(owner, text));
}
