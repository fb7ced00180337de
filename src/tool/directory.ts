// Listing a directory for somebody who only looks: what is not there holds nothing.

import { AT_FDCWD, type Host } from "../host.ts";
import { O_DIRECTORY, O_RDONLY } from "../open-flags.ts";

/** The names in a directory, sorted, dot files aside; none where it cannot be listed. */
export function listDirectory(host: Host, path: string): string[] {
  const fd = host.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) return [];
  const names = host.list(fd);
  host.close(fd);
  return typeof names === "number" ? [] : names.filter((name) => !name.startsWith(".")).sort();
}
