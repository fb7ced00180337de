// What a dead attachment still has: its leases, its record, its elements, its rules.

import { DIRECTORY } from "../bridge/record.ts";
import { hasChains } from "../kernel/spoof-check.ts";
import type { MasqueradeElement } from "./elements.ts";
import type { Found, Inventory } from "./inventory.ts";

/** What a dead attachment still has, each with where it is. */
export function leftOverOf(
  { session }: Inventory,
  { state, holder, record, containerId, ifname }: Found,
  elements: readonly MasqueradeElement[],
): string[] {
  if (state !== "dead") return [];
  const left = (holder?.leases ?? []).map(({ name }) => `lease ${holder!.path}/${name}`);
  if (record !== undefined) left.push(`record ${DIRECTORY}/${record.network}/${record.key}`);
  for (const { address } of elements) left.push(`masquerade element ${address}`);
  if (containerId !== undefined && ifname !== undefined && hasChains(session, { containerId, ifname }))
    left.push("chains of its MAC spoof check in table bridge nat");
  return left;
}

/** The elements of an attachment's addresses that are its own. */
export function elementsOf(found: Found, elements: readonly MasqueradeElement[]): MasqueradeElement[] {
  const name = `net: ${found.network}, if: ${found.ifname}, id: ${found.containerId}`;
  // A long comment is cut.
  return elements.filter(({ address, owner }) => {
    const shown = owner.slice(owner.indexOf("net: "));
    return found.addresses.includes(address) && shown !== "" && name.startsWith(shown);
  });
}
