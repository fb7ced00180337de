// Deleting a link without waiting for the kernel to free it. The link is unlisted in every namespace and announced as gone
// after about 1 ms; only then does the kernel block the caller for another 13 to 20 ms (rcu_barrier in
// netdev_run_todo), with rtnl released. A child process sends the request and sits that out; this process goes on with
// the announcement, which nobody sends for something that did not happen.

import { ENODEV } from "../errno.ts";
import { CniError, Code, NetlinkError } from "../errors.ts";
import { ok } from "../host.ts";
import { announcedLink, delLink, type Link } from "../netlink/if-link.ts";
import { type Answer, readAnswer, readMessages } from "../netlink/message.ts";
import { understood } from "../netlink/socket.ts";
import type { Session } from "./session.ts";

/** rtnl may be busy with others; a request that takes longer than this will not be answered. */
const DEADLINE_MS = 60_000;

/** Deletes the link; one that is gone already is fine. */
export function deleteLink(session: Session, link: Link): void {
  const { errno, extack } = isReaped(session) ? inChild(session, link.index!) : inPlace(session, link.index!);
  if (errno !== 0 && errno !== ENODEV) throw new NetlinkError(errno, `cannot delete ${link.ifname}`, extack);
}

/** Whether somebody will reap a child that outlives us: an init we hang below directly may be a runtime that does not. */
function isReaped(session: Session): boolean {
  return session.host.getppid() !== 1;
}

function inPlace(session: Session, index: number): Answer {
  return session.route("host").try(delLink, { index });
}

function inChild(session: Session, index: number): Answer {
  const { host } = session;
  // Before the request, so that its announcement cannot be missed.
  const announcements = session.announcements();
  const pipe = session.sendFromChild(delLink, { index });
  if (pipe < 0) return inPlace(session, index);
  try {
    const deadline = host.monotonic() + DEADLINE_MS;
    for (;;) {
      const ready = host.poll([announcements.fd, pipe], Math.max(0, deadline - host.monotonic()));
      if (ready === 1) return readChild(session, pipe, index);
      if (ready < 0)
        throw new CniError(Code.tryAgainLater, `the kernel did not delete link ${index} in time`);
      const messages = announcements.announced(0);
      // What was dropped may have been the one we wait for.
      if (messages === "lost" && session.findLinkByIndex("host", index) === undefined) return { errno: 0 };
      if (messages === "lost" || messages === undefined) continue;
      if (messages.some((message) => message.type === delLink.type && announcedLink(message) === index))
        return { errno: 0 };
    }
  } finally {
    host.close(pipe);
  }
}

/** The kernel's answer as the child passed it on; a child that was killed passes on nothing. */
function readChild(session: Session, pipe: number, index: number): Answer {
  const bytes = ok(session.host.read(pipe, 65_536), "read", "pipe") as Uint8Array;
  const answer = understood(() => readMessages(bytes).map(readAnswer)[0]);
  return answer ?? inPlace(session, index);
}
