// A Host that has only netlink sockets and a clock. Requests are answered by a function of the test; announcements come
// from a list. Whatever else a Host offers is missing, so that a test notices code that reaches for it.

import { createHash } from "node:crypto";
import { ETIMEDOUT } from "../../src/errno.ts";
import type { Errno, Host } from "../../src/host.ts";
import { i32, writer } from "../../src/netlink/codec.ts";
import {
  type Message,
  NLM_F_MULTI,
  NLMSG_DONE,
  NLMSG_ERROR,
  type Request,
  readMessages,
  request,
  writeMessage,
} from "../../src/netlink/message.ts";

/** One message as bytes. */
export function datagram<T>(what: Request<T>, value: T, seq = 0, flags = 0): Uint8Array {
  const out = writer();
  writeMessage(out, what, flags, seq, value);
  return out.bytes.slice(0, out.at);
}

/** NLMSG_ERROR for a request; errno 0 is its acknowledgement. */
export function errorOf(to: Message, errno: number): Uint8Array {
  return datagram(request("NLMSG_ERROR", NLMSG_ERROR, i32), -errno, to.seq);
}

/** The answer to a dump. */
export function listOf<T>(to: Message, what: Request<T>, values: readonly T[], flags = 0): Uint8Array[] {
  const parts = values.map((value) => datagram(what, value, to.seq, NLM_F_MULTI | flags));
  return [...parts, datagram(request("NLMSG_DONE", NLMSG_DONE, i32), 0, to.seq, NLM_F_MULTI | flags)];
}

export interface FakeNetlinkOptions {
  /** Answers what one send holds: a request, or a batch of them. */
  readonly answer: (messages: readonly Message[]) => Uint8Array[];
  /** What a listening socket receives, one after the other: bytes, or a negative errno; then silence. */
  readonly announcements?: (Uint8Array | Errno)[];
}

export interface FakeNetlink extends Host {
  /** Sockets that are open and listen to announcements. */
  readonly listening: ReadonlySet<number>;
}

export function fakeNetlink({ answer, announcements = [] }: FakeNetlinkOptions): FakeNetlink {
  const queues = new Map<number, Uint8Array[]>();
  const listening = new Set<number>();
  let clock = 1000;
  let nextFd = 3;
  const host: Partial<FakeNetlink> = {
    listening,
    monotonic: () => clock,
    encode: (text) => new TextEncoder().encode(text),
    decode: (bytes) => new TextDecoder().decode(bytes),
    sha512: (bytes) => createHash("sha512").update(bytes).digest(),
    socket: () => {
      queues.set(nextFd, []);
      return nextFd++;
    },
    setsockopt: () => 0,
    bind: (fd) => {
      listening.add(fd);
      return 0;
    },
    close: (fd) => {
      listening.delete(fd);
      return 0;
    },
    send: (fd, bytes) => {
      queues.get(fd)!.push(...answer(readMessages(bytes)));
      return bytes.length;
    },
    recv: (fd, timeoutMs) => {
      const next = listening.has(fd) ? announcements.shift() : queues.get(fd)!.shift();
      if (next !== undefined) return next;
      clock += timeoutMs;
      return -ETIMEDOUT;
    },
  };
  return host as FakeNetlink;
}
