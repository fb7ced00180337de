// `lint --reference`: what the reference plugins would make of a configuration. They ignore keys that they do not know,
// so that a configuration stays valid for both; what such a key does is then missing.

import { findKey, isObject } from "../cni/json.ts";
import type { IpamConfig } from "../host-local/config.ts";
import { parsePrefix } from "../net/ip.ts";
import { bridgeDocs } from "./bridge-keys.ts";
import type { PluginConfig } from "./config-file.ts";
import { hostLocalDocs } from "./host-local-keys.ts";
import type { KeyDocs } from "./key-docs.ts";
import { join, type Report } from "./lint-report.ts";

export function noteReference(
  report: Report,
  { path: at, type, config }: PluginConfig,
  ipam: IpamConfig | undefined,
): void {
  const note = (path: string, message: string) => report.key("note", join(at, path), message);
  const docs: KeyDocs = { ...hostLocalDocs, ...(type === "bridge" ? bridgeDocs : {}) };
  noteNew(config, "", docs, type === "bridge" || ipam !== undefined, note);
  if (type === "bridge") noteBridge(config, ipam, note);
}

type Note = (path: string, message: string) => void;

function noteNew(
  object: Readonly<Record<string, unknown>>,
  at: string,
  docs: KeyDocs,
  ours: boolean,
  note: Note,
): void {
  if (!ours) return;
  for (const [key, value] of Object.entries(object)) {
    const path = join(at, key);
    const known = Object.keys(docs).find((each) => each.toLowerCase() === path.toLowerCase());
    if (known !== undefined && docs[known]!.reference === "new")
      note(path, "the reference does not know this key and ignores it");
    if (isObject(value)) noteNew(value, path, docs, ours, note);
  }
}

function noteBridge(
  config: Readonly<Record<string, unknown>>,
  ipam: IpamConfig | undefined,
  note: Note,
): void {
  if (findKey(config, "mtu") === "auto") note("mtu", 'the reference refuses "auto"');
  if (findKey(config, "ipMasq") === true && findKey(config, "ipMasqBackend") === undefined)
    note("ipMasq", "the reference's default backend is iptables where it works");
  if (ipam === undefined) return;
  const isDefaultGateway = findKey(config, "isDefaultGateway") === true;
  const isDefault = (dst: string) => parsePrefix(dst)?.length === 0;
  if (isDefaultGateway && ipam.routes.some(({ dst }) => isDefault(dst)))
    note("ipam.routes", 'the reference fails with "file exists": isDefaultGateway gives a default route too');
  const isGateway = isDefaultGateway || findKey(config, "isGateway") === true;
  for (const bytes of [4, 16]) {
    const sets = ipam.sets.filter(([first]) => first?.start.length === bytes);
    if (isGateway && sets.length > 1 && findKey(config, "forceAddress") !== true)
      note("isGateway", "the reference refuses a second gateway address of one family on the bridge");
  }
}
