// CNI_NETNS: opening it, and telling a namespace that is gone from one that must not be touched.

import type { Request } from "../cni/request.ts";
import { EINVAL, ENOENT, ENOTDIR } from "../errno.ts";
import { CniError, Code, HostError } from "../errors.ts";
import { AT_FDCWD, type Host, ok, type Stat } from "../host.ts";
import { Session } from "../kernel/session.ts";
import { O_RDONLY } from "../open-flags.ts";

const NSFS_MAGIC = 0x6e736673;
/** Namespace files were in proc before Linux 3.19. */
const PROC_SUPER_MAGIC = 0x9fa0;

function refusal(netns: string, why: string): CniError {
  return new CniError(Code.invalidEnvironment, `CNI_NETNS ${netns} ${why}`);
}

/** Whether the container's namespace is the plugin's own: by cookie, or before Linux 5.14 by its file. */
function isOwn(session: Session, netns: string, fd: number): boolean {
  const cookie = session.route("container").netnsCookie();
  if (cookie !== undefined) return cookie === session.route("host").netnsCookie();
  const { host } = session;
  const own = ok(host.fstatat(AT_FDCWD, "/proc/thread-self/ns/net", 0), "stat", "own namespace") as Stat;
  const other = ok(host.fstat(fd), "stat", netns) as Stat;
  return own.dev === other.dev && own.ino === other.ino;
}

/** Throws code 4 where the descriptor is the plugin's own namespace, unless CNI_NETNS_OVERRIDE allows that. */
function refuseOwn(session: Session, netns: string, fd: number): void {
  const { host } = session;
  const override = host.getenv("CNI_NETNS_OVERRIDE") ?? "";
  if (override === "1" || override.toLowerCase() === "true") return;
  if (isOwn(session, netns, fd)) {
    throw refusal(
      netns,
      "is the plugin's own network namespace; plugin's netns and netns from CNI_NETNS should not be the same",
    );
  }
}

/** A session with the container's namespace entered, or undefined where CNI_NETNS leads to none (any more). */
function enter(host: Host, netns: string): Session | undefined {
  const fd = host.openat(AT_FDCWD, netns, O_RDONLY, 0);
  if (fd === -ENOENT || fd === -ENOTDIR) return undefined;
  ok(fd, "open", netns);
  const type = ok(host.fstatfs(fd), "statfs", netns);
  if (type !== NSFS_MAGIC && type !== PROC_SUPER_MAGIC) return undefined;
  const session = new Session(host, fd);
  try {
    session.route("container");
  } catch (error) {
    // setns(2): a namespace of another kind.
    if (error instanceof HostError && error.errno === EINVAL) return undefined;
    throw error;
  }
  refuseOwn(session, netns, fd);
  return session;
}

/** A session with the container's namespace; throws code 4 where there is none. */
export function openSession(host: Host, request: Request): Session {
  const netns = request.netns!;
  let session: Session | undefined;
  try {
    session = enter(host, netns);
  } catch (error) {
    if (error instanceof HostError) throw refusal(netns, `cannot be used: ${error.message}`);
    throw error;
  }
  if (session === undefined) throw refusal(netns, "is not a network namespace, or does not exist");
  return session;
}

/** A session for taking down: without a container where its namespace is gone (or a mere file is left of it). */
export function openSessionIfAny(host: Host, { netns }: Request): Session {
  return (netns === undefined ? undefined : enter(host, netns)) ?? new Session(host, undefined);
}
