// The keys of a network configuration list (SPEC.md §Configuration format), which runtimes read and plugins do not, and
// those that any plugin's configuration may have beside its own.

import { array, boolean, json, object, string } from "../cni/shape.ts";
import { bridgeDocs } from "./bridge-keys.ts";
import type { KeyDoc, KeyDocs } from "./key-docs.ts";

/** What libcni reads of a list. disableCheck and disableGC may be texts too ("true"), which nobody writes. */
export const listShape = object({
  cniVersion: string,
  cniVersions: array(string),
  name: string,
  disableCheck: boolean,
  disableGC: boolean,
  loadOnlyInlinedPlugins: boolean,
  plugins: array(json),
});

/** What libcni reads of each plugin's configuration; all of it is the plugin's to read, too. */
export const pluginShape = object(
  { cniVersion: string, name: string, type: string, capabilities: object({}, { open: true }) },
  { open: true },
);

const same = (text: string, absent: string): KeyDoc => ({ text, absent, reference: "same" });

export const listDocs: KeyDocs = {
  cniVersion: bridgeDocs.cniVersion!,
  name: bridgeDocs.name!,
  cniVersions: same(
    "versions that all plugins of the list speak; the runtime takes the newest it knows",
    "none",
  ),
  disableCheck: same("the runtime never calls CHECK", "false"),
  disableGC: same("the runtime never calls GC", "false"),
  loadOnlyInlinedPlugins: same("no plugins are added from files beside the list", "false"),
  plugins: same("the plugins in the order of ADD; DEL goes the other way", "required"),
};

export const pluginDocs: KeyDocs = {
  type: same("the plugin's file name in the runtime's plugin directories", "required"),
  capabilities: same("which keys of `runtimeConfig` the runtime may fill in, each `true`", "none"),
};
