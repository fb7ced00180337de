// nlmsghdr, acknowledgements with extended acks, and the pairing of a message type with its body.
// Layout: include/uapi/linux/netlink.h.

import { attrs } from "./attributes.ts";
import { align, type Codec, get16, get32, reserve, set16, set32, str, u32, type Writer } from "./codec.ts";

export const NLM_F_REQUEST = 0x1;
export const NLM_F_MULTI = 0x2;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
/** NLM_F_ROOT | NLM_F_MATCH: every object of the kind. */
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
const NLMSG_HDRLEN = 16;

/** A message type with the layout of its body; `name` is the kernel's, for errors and traces. */
export interface Request<T> {
  readonly name: string;
  readonly type: number;
  readonly codec: Codec<T>;
}

/** Every message type of the tables, in the order of their files. */
export const requests: Request<unknown>[] = [];

export function request<T>(name: string, type: number, codec: Codec<T>): Request<T> {
  const row = { name, type, codec };
  requests.push(row as Request<unknown>);
  return row;
}

/** A received message, its body not yet decoded: [start, end) of `bytes`. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Appends one message to `out`. */
export function writeMessage<T>(out: Writer, what: Request<T>, flags: number, seq: number, value: T): void {
  const start = reserve(out, NLMSG_HDRLEN);
  what.codec.write(out, value);
  const { bytes } = out;
  set32(bytes, start, out.at - start);
  set16(bytes, start + 4, what.type);
  set16(bytes, start + 6, flags);
  set32(bytes, start + 8, seq);
  reserve(out, align(out.at - start) - (out.at - start));
}

/** The messages of one datagram. */
export function readMessages(bytes: Uint8Array): Message[] {
  const messages: Message[] = [];
  const { length: size } = bytes;
  for (let at = 0; at < size; ) {
    const left = size - at;
    const length = left < NLMSG_HDRLEN ? 0 : u32.get(bytes, at);
    if (length < NLMSG_HDRLEN || length > left) {
      throw new RangeError(`nlmsg_len ${length} is out of range [${NLMSG_HDRLEN}, ${left}]`);
    }
    messages.push({
      type: get16(bytes, at + 4),
      flags: get16(bytes, at + 6),
      seq: get32(bytes, at + 8),
      bytes,
      start: at + NLMSG_HDRLEN,
      end: at + length,
    });
    at += align(length);
  }
  return messages;
}

/** What the kernel says of a request: `errno` 0 is success; `extack` is its own sentence. */
export interface Answer {
  readonly errno: number;
  readonly extack?: string;
}

const extendedAck = attrs({
  msg: [1, str], // NLMSGERR_ATTR_MSG
  offs: [2, u32], // NLMSGERR_ATTR_OFFS
});

/** Reads NLMSG_ERROR and NLMSG_DONE: a negative errno, for an error the request's header, then attributes. */
export function readAnswer(message: Message): Answer {
  const { bytes, start, end } = message;
  if (end - start < 4) throw new RangeError(`${end - start} bytes where an errno was expected`);
  const errno = 0 - get32(bytes, start); // a mere minus would make −0 of success
  if ((message.flags & NLM_F_ACK_TLVS) === 0) return { errno };
  let at = start + 4;
  if (message.type === NLMSG_ERROR) {
    if (end - at < NLMSG_HDRLEN) return { errno };
    at += message.flags & NLM_F_CAPPED ? NLMSG_HDRLEN : align(u32.get(bytes, at));
  }
  if (at >= end) return { errno };
  const { msg } = extendedAck.read(bytes, at, end);
  return msg === undefined ? { errno } : { errno, extack: msg };
}
