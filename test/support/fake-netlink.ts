// The fake kernel in the words of src/netlink: for the layers above it, whose messages need not be laid out by hand.

import { datagram, listOf } from "../../rehearsal/datagram.ts";
import { ENODEV } from "../../src/errno.ts";
import type { Errno, Host } from "../../src/host.ts";
import { i32 } from "../../src/netlink/codec.ts";
import { getLink, newLink } from "../../src/netlink/if-link.ts";
import { type Message, NLMSG_ERROR, readMessages, request } from "../../src/netlink/message.ts";
import { fakeKernel } from "./fake-kernel.ts";
import { hashing } from "./hashing.ts";

export { datagram, listOf };

/** NLMSG_ERROR for a request; errno 0 is its acknowledgement. */
export function errorOf(to: Message, errno: number): Uint8Array {
  return datagram(request("NLMSG_ERROR", NLMSG_ERROR, i32), -errno, to.seq);
}

export interface FakeNetlinkOptions {
  /** Answers what one send holds: a request, or a batch of them. */
  readonly answer: (messages: readonly Message[]) => Uint8Array[];
  /** What a listening socket receives, one after the other: bytes, or a negative errno; then silence. */
  readonly announcements?: (Uint8Array | Errno)[];
}

export interface FakeNetlink extends Host {
  /** How many sockets are open and listen to announcements. */
  readonly listening: () => number;
}

/** What a link of that name is numbered, which netlink knows too. */
function indexOf(answer: FakeNetlinkOptions["answer"], ifname: string): number | Errno {
  const [said] = answer(readMessages(datagram(getLink, { ifname }, 1))).flatMap((each) => readMessages(each));
  if (said?.type !== newLink.type) return -ENODEV;
  return newLink.codec.read(said.bytes, said.start, said.end).index!;
}

export function fakeNetlink({ answer, announcements = [] }: FakeNetlinkOptions): FakeNetlink {
  const kernel = fakeKernel((_, bytes) => answer(readMessages(bytes)), { announced: announcements });
  return Object.assign(kernel, {
    listening: () =>
      [...kernel.sockets.values()].filter(({ bound, closed }) => bound !== undefined && !closed).length,
    encode: (text: string) => new TextEncoder().encode(text),
    decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes),
    ...hashing,
    ifindex: (_fd: number, ifname: string) => indexOf(answer, ifname),
  });
}
