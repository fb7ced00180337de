// nlmsghdr, acknowledgements with extended acks, and the pairing of a message type with its body.
// Layout: include/uapi/linux/netlink.h.

import { attrs } from "./attributes.ts";
import { align, bytes, type Codec, encode, get16, get32, type Reader, set32, str, u32 } from "./codec.ts";

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
export interface Request<T, A = T> {
  readonly name: string;
  readonly type: number;
  readonly codec: Codec<T>;
  /** What is read of an answer that is an object: less than there is, where little is needed. */
  readonly answer: Reader<A>;
}

/** Every message type of the tables, in the order of their files. */
export const requests: Request<unknown>[] = [];

export function request<T>(name: string, type: number, codec: Codec<T>): Request<T>;
export function request<T, A>(name: string, type: number, codec: Codec<T>, answer: Reader<A>): Request<T, A>;
export function request(
  name: string,
  type: number,
  codec: Codec<unknown>,
  answer: Reader<unknown> = codec,
): Request<unknown> {
  const row = { name, type, codec, answer };
  requests.push(row);
  return row;
}

/** The same request where its value never changes: laid out beforehand. */
export function constant<T, A>(what: Request<T, A>, value: T): Request<undefined, A> {
  const body = encode(what.codec, value);
  const write = (into: Uint8Array, at: number) => bytes.write(into, at, body);
  return { ...what, codec: { write, read: () => undefined } };
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

/** Writes one message from `at` on, and returns where the next begins: see Codec.write. */
export function writeMessage<T>(
  bytes: Uint8Array,
  at: number,
  what: Request<T, unknown>,
  flags: number,
  seq: number,
  value: T,
): number {
  const length = what.codec.write(bytes, at + NLMSG_HDRLEN, value) - at;
  set32(bytes, at, length);
  set32(bytes, at + 4, what.type | (flags << 16));
  set32(bytes, at + 8, seq);
  return at + align(length);
}

/** The message that begins at `at`; throws RangeError when the datagram does not hold it. */
export function readMessage(bytes: Uint8Array, at: number): Message {
  const left = bytes.length - at;
  const length = left < NLMSG_HDRLEN ? 0 : get32(bytes, at) >>> 0;
  if (length < NLMSG_HDRLEN || length > left) {
    throw new RangeError(`nlmsg_len ${length} is out of range [${NLMSG_HDRLEN}, ${left}]`);
  }
  return {
    type: get16(bytes, at + 4),
    flags: get16(bytes, at + 6),
    seq: get32(bytes, at + 8),
    bytes,
    start: at + NLMSG_HDRLEN,
    end: at + length,
  };
}

/** The messages of one datagram. */
export function readMessages(bytes: Uint8Array): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at < bytes.length; ) {
    const message = readMessage(bytes, at);
    messages.push(message);
    at = align(message.end);
  }
  return messages;
}

/** What the kernel says of a request: `errno` 0 is success; `extack` is its own sentence. */
export interface Answer {
  readonly errno: number;
  readonly extack?: string;
}

/** The answer that says nothing but success. */
export const AGREED: Answer = { errno: 0 };

/**
 * Whether a datagram holds no more than success for request `seq`, as nearly all do: a tenth of the price of reading the
 * message. What is longer, shorter, or older has to be read.
 */
export function isAgreement(bytes: Uint8Array, seq: number): boolean {
  // nlmsghdr, errno, the nlmsghdr of the request
  return (
    bytes.length === NLMSG_HDRLEN + 4 + NLMSG_HDRLEN &&
    get32(bytes, 0) === bytes.length &&
    get32(bytes, 4) === (NLMSG_ERROR | (NLM_F_CAPPED << 16)) &&
    get32(bytes, 8) === seq &&
    get32(bytes, NLMSG_HDRLEN) === 0
  );
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
    at += message.flags & NLM_F_CAPPED ? NLMSG_HDRLEN : align(get32(bytes, at) >>> 0);
  }
  if (at >= end) return { errno };
  const { msg } = extendedAck.read(bytes, at, end);
  return msg === undefined ? { errno } : { errno, extack: msg };
}
