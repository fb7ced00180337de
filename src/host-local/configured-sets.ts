// Range sets from the three places that may hold them, in the reference's order: what the runtime sends, the old
// single range, `ranges`. The number of a set is its place in that order (it names `last_reserved_ip.N`).

import { array, type Findings, formed, object, type Shape, string } from "../cni/shape.ts";
import { faultOfSet, parseRange, type Range, type RangeSet, type RangeText, setsOverlap } from "./ranges.ts";

const keys = { subnet: string, rangeStart: string, rangeEnd: string, gateway: string };

/** One range as it is written, and its JSON path. */
interface WrittenRange {
  readonly path: string;
  readonly text: RangeText;
}
type WrittenSet = readonly WrittenRange[];

const rangeText = object(keys);
const writtenRange: Shape<WrittenRange> = formed(rangeText.form!, (value, path, findings) => {
  const text = rangeText(value, path, findings);
  return text && { path, text };
});

const writtenSet = array(writtenRange);

/** `ranges`: an array of sets. */
export const writtenSets: Shape<WrittenSet[]> = array(writtenSet);

/** `runtimeConfig.ipRanges`: one set without the outer array too, which is how go-cni (containerd) sends it. */
export const runtimeSets: Shape<WrittenSet[]> = formed(writtenSets.form!, (value, path, findings) => {
  const flat = Array.isArray(value) && value.length > 0 && !value.some((element) => Array.isArray(element));
  if (!flat) return writtenSets(value, path, findings);
  const set = writtenSet(value, path, findings);
  return set && [set];
});

/** The old single range beside the other keys of `ipam`; without a subnet its other keys mean nothing. */
export function singleRange(ipam: RangeText): WrittenSet[] {
  return ipam.subnet ? [[{ path: "ipam", text: ipam }]] : [];
}

/** The sets, checked each and against each other; what is wrong is noted in `findings`. */
export function readSets(
  written: readonly WrittenSet[],
  cniVersion: string,
  { problems }: Findings,
): RangeSet[] {
  const sets = written.map((ranges, number) => {
    const at = ranges[0]?.path ?? "ipam.ranges";
    const note = (path: string, message: string) =>
      problems.push({ path, message: `invalid range set ${number}: ${message}` });
    const set: Range[] = [];
    for (const { path, text } of ranges) {
      const range = parseRange(text, (key, message) => note(`${path}.${key}`, message));
      if (range !== undefined) set.push(range);
    }
    const fault = set.length === ranges.length ? faultOfSet(set) : undefined;
    if (fault !== undefined) note(at, fault);
    return set;
  });
  if (problems.length > 0) return sets;
  if (cniVersion.startsWith("0.1.") || cniVersion.startsWith("0.2.")) {
    const ofFamily = (bytes: number) => sets.filter(([first]) => first?.start.length === bytes).length;
    if (ofFamily(4) > 1 || ofFamily(16) > 1) {
      const message = `CNI version ${cniVersion} does not support more than 1 address per family`;
      problems.push({ path: written[1]![0]!.path, message });
    }
  }
  for (let number = 0; number < sets.length - 1; number++) {
    const later = sets.findIndex((other, index) => index > number && setsOverlap(sets[number]!, other));
    if (later > 0)
      problems.push({
        path: written[later]![0]!.path,
        message: `range set ${number} overlaps with ${later}`,
      });
  }
  return sets;
}
