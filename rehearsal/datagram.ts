// What the kernel sends on a netlink socket, put together with the codec of src/netlink: for whoever stands in for it.

import { i32, written } from "../src/netlink/codec.ts";
import {
  type Message,
  NLM_F_MULTI,
  NLMSG_DONE,
  type Request,
  request,
  writeMessage,
} from "../src/netlink/message.ts";

const done = request("NLMSG_DONE", NLMSG_DONE, i32);

/** One message as bytes. */
export function datagram<T>(what: Request<T>, value: T, seq = 0, flags = 0): Uint8Array {
  return written((bytes) => writeMessage(bytes, 0, what, flags, seq, value));
}

/** The answer to a dump. */
export function listOf<T>({ seq }: Message, what: Request<T>, values: readonly T[], flags = 0): Uint8Array[] {
  const parts = values.map((value) => datagram(what, value, seq, NLM_F_MULTI | flags));
  return [...parts, datagram(done, 0, seq, NLM_F_MULTI | flags)];
}
