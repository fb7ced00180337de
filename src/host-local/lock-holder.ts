// Who holds a lock that we wait for in vain: /proc/locks names the process by the file's inode (proc_locks(5)),
// /proc/PID/cmdline what it runs.

import { AT_FDCWD, type Host } from "../host.ts";
import { fields } from "./fields.ts";
import { readSmallFile } from "./small-file.ts";

/**
 * `pid 4711 (/opt/cni/bin/host-local)`, or that nobody can be named: the holder may be in another PID namespace, or
 * just gone.
 */
export function describeLockHolder(host: Host, fd: number): string {
  const pid = findHolder(host, fd);
  if (pid === undefined) return "a process that /proc/locks does not name";
  const command = readSmallFile(host, AT_FDCWD, `/proc/${pid}/cmdline`);
  const words = typeof command === "string" ? command.split("\0").join(" ").trim() : "";
  return words === "" ? `pid ${pid}` : `pid ${pid} (${words})`;
}

function findHolder(host: Host, fd: number): string | undefined {
  const stat = host.fstat(fd);
  const locks = readSmallFile(host, AT_FDCWD, "/proc/locks");
  if (typeof stat === "number" || typeof locks === "number") return undefined;
  const found = locks.split("\n").flatMap((line) => {
    // `12: FLOCK  ADVISORY  WRITE 4711 00:2b:133 0 EOF`; in the line of a waiter "->" stands before FLOCK.
    const [, type, , , pid, file = ""] = fields(line);
    const [major = "", minor = "", inode] = file.split(":");
    if (type !== "FLOCK" || !pid || pid === "0" || inode !== `${stat.ino}`) return [];
    return [{ pid, sameDevice: isDevice(stat.dev, Number.parseInt(major, 16), Number.parseInt(minor, 16)) }];
  });
  // Some file systems (btrfs, overlay) tell stat another device than the kernel's own; then the inode has to do.
  return (found.find(({ sameDevice }) => sameDevice) ?? found[0])?.pid;
}

/** Whether st_dev, in the encoding of gnu_dev_makedev(3), is this device. */
function isDevice(dev: number, major: number, minor: number): boolean {
  return dev === major * 256 + (minor & 0xff) + (minor >>> 8) * 2 ** 20;
}
