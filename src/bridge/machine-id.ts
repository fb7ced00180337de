// The machine's identity (machine-id(5)), which makes a bridge's MAC differ from that of the same bridge elsewhere.

import { AT_FDCWD, type Host } from "../host.ts";

const O_RDONLY = 0;

/** The machine id; random text where there is none, so that two such machines do not get the same MACs. */
export function readMachineId(host: Host): string {
  const fd = host.openat(AT_FDCWD, "/etc/machine-id", O_RDONLY, 0);
  const bytes = fd < 0 ? fd : host.read(fd, 64);
  if (fd >= 0) host.close(fd);
  const text = typeof bytes === "number" ? "" : host.decode(bytes).trim();
  return text === "" ? host.random(16).join(".") : text;
}
