// Which boot of which machine this is. Both ids go into what we record of an attachment: see attachment-proof.ts.

import { AT_FDCWD, type Host } from "../host.ts";
import { O_RDONLY } from "../open-flags.ts";
import { readSmallFile } from "./small-file.ts";

export interface NodeIdentity {
  /** Random, new with each boot of a kernel; "" when it cannot be read. */
  readonly boot: string;
  /** machine-id(5); "" when the machine has none. */
  readonly machine: string;
}

/** Where the same id may stand: systemd's place, and D-Bus's on a system without it. */
const machineIdPaths = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/** More than a UUID and its newline. The kernel clears as much memory as is asked of a file below /proc/sys. */
const bootIdBytes = 64;

export function readBootId(host: Host): string {
  const text = readSmallFile(host, AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY, bootIdBytes);
  return typeof text === "string" ? text.trim() : "";
}

export function readMachineId(host: Host): string {
  for (const path of machineIdPaths) {
    const text = readSmallFile(host, AT_FDCWD, path);
    const id = typeof text === "string" ? text.trim() : "";
    // An image may hold "uninitialized" or nothing until its first boot is over.
    if (id.length === 32 && [...id].every((digit) => "0123456789abcdef".includes(digit))) return id;
  }
  return "";
}
