// Where the leases are: `--data-dir`, and what the configurations say. What the records say is the inventory's.

import type { Host } from "../host.ts";
import { defaultDataDir, withoutSlash } from "../host-local/config.ts";
import type { Given, Option } from "./command-line.ts";
import { type Configuration, readConfiguration } from "./configured.ts";

export const dataDirOption: Option = {
  name: "--data-dir",
  value: "DIR",
  summary: `where leases are besides those that records and configurations lead to, ${defaultDataDir} unless told`,
};

/** The directories of the option and of the configured networks. */
export function dataDirsOf({ options }: Given, { networks }: Configuration): Set<string> {
  const asked = options.get("--data-dir") ?? defaultDataDir;
  const configured = networks.flatMap(({ ipam }) =>
    ipam === undefined ? [] : [ipam.path.slice(0, ipam.path.lastIndexOf("/"))],
  );
  return new Set([withoutSlash(asked), ...configured]);
}

/** The same for who needs nothing else of the configurations. */
export function readDataDirs(host: Host, given: Given): Set<string> {
  return dataDirsOf(given, readConfiguration(host, given));
}
