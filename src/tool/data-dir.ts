// `--data-dir`: where the leases are.

import type { Given, Option } from "./command-line.ts";
import { defaultDataDir } from "./lease-stores.ts";

export const dataDirOption: Option = {
  name: "--data-dir",
  value: "DIR",
  summary: `where host-local keeps its leases, ${defaultDataDir} unless told`,
};

/** The directory asked for, without a slash at the end. */
export function dataDirOf({ options }: Given): string {
  const directory = options.get("--data-dir") ?? defaultDataDir;
  return directory.length > 1 && directory.endsWith("/") ? directory.slice(0, -1) : directory;
}
