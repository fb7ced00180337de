// The list of attachments that GC must leave alone: `cni.dev/valid-attachments`, or `cni.dev/attachments`, as the text
// tagged spec-v1.1.0 calls it.

import { CniError, Code } from "../errors.ts";
import { findKey } from "./json.ts";
import type { Request } from "./request.ts";
import { array, type Findings, object, string } from "./shape.ts";

type IsValid = (attachment: { readonly containerId: string; readonly ifname: string }) => boolean;

const shape = array(object({ containerID: string, ifname: string }, { open: true }));

/**
 * Whether an attachment is on the list; undefined where there is no list (absent or null: nothing is known, nothing may
 * be freed). An empty list means that none is valid. An attachment whose ifname is "", because what is known of it does
 * not say, is on the list with any of its container's. Throws code 7 for a list that cannot be read.
 */
export function readValidAttachments({ config }: Request): IsValid | undefined {
  const key = ["cni.dev/valid-attachments", "cni.dev/attachments"].find(
    (each) => findKey(config, each) != null,
  );
  if (key === undefined) return undefined;
  const findings: Findings = { problems: [], unknownKeys: [] };
  const valid = new Set<string>();
  for (const { containerID, ifname } of shape(findKey(config, key), key, findings) ?? []) {
    if (!containerID || !ifname)
      findings.problems.push({ path: key, message: "each needs containerID and ifname" });
    valid.add(`${containerID}\0${ifname}`);
    valid.add(`${containerID}\0`);
  }
  const [first] = findings.problems;
  if (first !== undefined) throw new CniError(Code.invalidNetworkConfig, `${first.path}: ${first.message}`);
  return ({ containerId, ifname }) => valid.has(`${containerId}\0${ifname}`);
}
