// The fake kernel in the words of src/netlink: for the layers above it, whose messages need not be laid out by hand.

import { createHash } from "node:crypto";
import type { Errno, Host } from "../../src/host.ts";
import { i32, written } from "../../src/netlink/codec.ts";
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
import { fakeKernel } from "./fake-kernel.ts";

/** One message as bytes. */
export function datagram<T>(what: Request<T>, value: T, seq = 0, flags = 0): Uint8Array {
  return written((bytes) => writeMessage(bytes, 0, what, flags, seq, value));
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
  /** How many sockets are open and listen to announcements. */
  readonly listening: () => number;
}

export function fakeNetlink({ answer, announcements = [] }: FakeNetlinkOptions): FakeNetlink {
  const kernel = fakeKernel((_, bytes) => answer(readMessages(bytes)), { announced: announcements });
  return Object.assign(kernel, {
    listening: () =>
      [...kernel.sockets.values()].filter(({ bound, closed }) => bound !== undefined && !closed).length,
    encode: (text: string) => new TextEncoder().encode(text),
    decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes),
    sha512: (bytes: Uint8Array) => createHash("sha512").update(bytes).digest(),
  });
}
