// `vlanTrunk`: the tagged VLANs of a port, given as ids and ranges, merged into ascending ranges.

import type { Findings } from "../cni/shape.ts";
import type { VlanRange } from "../kernel/vlan.ts";

interface TrunkItem {
  readonly minID?: number;
  readonly maxID?: number;
  readonly id?: number;
}

function isVlanId(id: number): boolean {
  return id >= 1 && id <= 4094;
}

/** The problem with one item, in the reference's words; undefined where it is fine. */
function problemOf({ minID, maxID, id }: TrunkItem): string | undefined {
  if (minID !== undefined && maxID !== undefined) {
    if (!isVlanId(minID)) return "incorrect trunk minID parameter";
    if (!isVlanId(maxID)) return "incorrect trunk maxID parameter";
    if (maxID < minID) return "minID is greater than maxID in trunk parameter";
  } else if (maxID !== undefined)
    return "minID and maxID should be configured simultaneously, minID is missing";
  else if (minID !== undefined)
    return "minID and maxID should be configured simultaneously, maxID is missing";
  if (id !== undefined && !isVlanId(id)) return "incorrect trunk id parameter";
  return undefined;
}

/** Ranges that overlap or touch become one. */
function merge(ranges: VlanRange[]): VlanRange[] {
  const merged: VlanRange[] = [];
  for (const range of ranges.sort((a, b) => a.first - b.first)) {
    const last = merged.at(-1);
    if (last === undefined || range.first > last.last + 1) merged.push(range);
    else merged[merged.length - 1] = { first: last.first, last: Math.max(last.last, range.last) };
  }
  return merged;
}

export function readVlanTrunk(items: readonly TrunkItem[], findings: Findings): VlanRange[] {
  const ranges: VlanRange[] = [];
  if (items.length === 0) return ranges;
  for (const [index, item] of items.entries()) {
    const message = problemOf(item);
    if (message !== undefined) {
      findings.problems.push({ path: `vlanTrunk[${index}]`, message });
      continue;
    }
    if (item.minID !== undefined && item.maxID !== undefined)
      ranges.push({ first: item.minID, last: item.maxID });
    if (item.id !== undefined) ranges.push({ first: item.id, last: item.id });
  }
  return merge(ranges);
}
