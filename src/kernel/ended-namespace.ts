// Pairs that outlive their container's namespace. When nobody holds a namespace any more, the kernel leaves its links to a
// worker (cleanup_net in net/core/net_namespace.c), which comes to them after a millisecond, or after seconds where many
// namespaces end at once. Until then the host's end has its name and its addresses are answered for. Such a pair may be
// deleted at once: no process can use it, and none ever will again.

import { ENOENT } from "../errno.ts";
import type { Link } from "../netlink/if-link.ts";
import { getNsid } from "../netlink/rtnetlink.ts";
import { deleteLink } from "./link-removal.ts";
import type { Session } from "./session.ts";

/** Whether nobody holds the namespace of a link's other end any more. */
function hasEnded(session: Session, { linkinfo, linkNetnsid }: Link): boolean {
  if (linkinfo?.kind !== "veth" || linkNetnsid === undefined) return false;
  // The worker begins by taking the namespace's number away. Before that the kernel does not find it by its number: what
  // has no holder any more gets none (maybe_get_net). A kernel before 5.0 knows no such request, and says EINVAL.
  if (linkNetnsid < 0) return true;
  return session.route("host").try(getNsid, { nsid: linkNetnsid }).errno === ENOENT;
}

/**
 * What `find` finds and is there to stay; a pair whose namespace has ended is deleted and does not count. Where there is
 * something, waits up to `patienceMs` for it to go: a process that is being killed may hold the namespace a little longer.
 */
export function findLasting(
  session: Session,
  find: () => Link | undefined,
  patienceMs: number,
): Link | undefined {
  if (find() === undefined) return undefined;
  // It may go between two looks: listen first.
  const announcements = session.announcements();
  const deadline = session.host.monotonic() + patienceMs;
  for (;;) {
    const link = find();
    if (link === undefined) return undefined;
    if (hasEnded(session, link)) deleteLink(session, link);
    else if (announcements.announced(deadline - session.host.monotonic()) === undefined) return link;
  }
}
