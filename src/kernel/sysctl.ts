// One value below /proc/sys: read, compared, and written only when it differs, so that a read-only /proc that already
// holds the value is no obstacle. Of a link just made it is written at once: it is known to differ, and to be nobody else's.

import { EACCES, ENOENT, EPERM, EROFS } from "../errno.ts";
import { HostError } from "../errors.ts";
import { ok } from "../host.ts";
import { O_RDONLY, O_WRONLY } from "../open-flags.ts";
import type { Difference } from "./difference.ts";
import type { Session, Where } from "./session.ts";

export interface SysctlStep {
  readonly kind: "sysctl";
  readonly where: Where;
  /** The path below /proc/sys, such as "net/ipv4/ip_forward". */
  readonly key: string;
  readonly value: string;
  /** The attachment cannot work without it; otherwise a refusal is worth a warning only. */
  readonly required: boolean;
  /** Of a link that this very attachment has made. */
  readonly fresh?: true;
}

/** The value as text, or undefined where the kernel has no such key (ipv6.disable=1, an older kernel). */
export function readSysctl(session: Session, where: Where, key: string): string | undefined {
  const { host } = session;
  const fd = host.openInNetns(session.netns(where), `/proc/sys/${key}`, O_RDONLY);
  if (fd === -ENOENT) return undefined;
  ok(fd, "open", `/proc/sys/${key}`);
  const bytes = host.read(fd, 256);
  host.close(fd);
  return host.decode(ok(bytes, "read", `/proc/sys/${key}`) as Uint8Array).trim();
}

/** Writes the value; returns the errno, 0 for success. */
function writeSysctl(session: Session, { where, key, value }: SysctlStep): number {
  const { host } = session;
  const fd = host.openInNetns(session.netns(where), `/proc/sys/${key}`, O_WRONLY);
  if (fd < 0) return -fd;
  const written = host.write(fd, value);
  host.close(fd);
  return written < 0 ? -written : 0;
}

export function apply(session: Session, step: SysctlStep): void {
  if (step.fresh && writeSysctl(session, step) === 0) return;
  const found = readSysctl(session, step.where, step.key);
  if (found === step.value) return;
  // No such key and not needed: what it would switch off is not there either.
  if (found === undefined && !step.required) return;
  const errno = found === undefined ? ENOENT : writeSysctl(session, step);
  if (errno === 0) return;
  const refused = new HostError(errno, `set to ${step.value}`, `/proc/sys/${step.key} (${step.where})`);
  if (step.required || ![EROFS, EACCES, EPERM, ENOENT].includes(errno)) throw refused;
  session.warnings.push(refused.message);
}

export function verify(session: Session, step: SysctlStep): Difference[] {
  if (!step.required) return [];
  const found = readSysctl(session, step.where, step.key);
  return found === step.value
    ? []
    : [{ what: `/proc/sys/${step.key}`, expected: step.value, found: found ?? "absent" }];
}
