// The kernel's end of netlink sockets as one function: what it is sent, message by message, and what it says then,
// datagram by datagram or as the errno of a receive. Its bytes are laid out by hand after include/uapi/linux/netlink.h,
// not by the codec under test; fake-netlink.ts is the same for the layers above. Whatever else a Host offers throws.

import type { Errno, Host } from "../../src/host.ts";

const NLMSG_HDRLEN = 16;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_MULTI = 0x2;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const ETIMEDOUT = 110;

/** One message as it was sent. */
export interface Sent {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly body: Uint8Array;
}

export interface FakeSocket {
  readonly netns: number;
  readonly domain: number;
  readonly type: number;
  readonly protocol: number;
  /** [level, option, value] in the order of the calls. */
  readonly options: (readonly [number, number, number])[];
  /** The address it was bound to. */
  bound?: Uint8Array;
  closed: boolean;
}

export interface FakeKernelOptions {
  /** The negative errno that a call gives, by the call's name. */
  readonly fails?: Readonly<
    Partial<Record<"socket" | "setsockopt" | "bind" | "send" | "sendAside" | "endAside", Errno>>
  >;
  readonly getsockopt?: Uint8Array | Errno;
  /** What bound sockets receive, one after the other: bytes, or the errno of the receive. Taken from as it is received. */
  readonly announced?: (Uint8Array | Errno)[];
}

export interface FakeKernel extends Host {
  /** By descriptor, from 3 on. */
  readonly sockets: ReadonlyMap<number, FakeSocket>;
  /** The messages of each send. */
  readonly sends: readonly (readonly Sent[])[];
  /** The timeout of each receive, in milliseconds. */
  readonly timeouts: readonly number[];
}

/**
 * `answer` is called for each send, with its messages and as it is; what it returns is received in that order by the
 * sender, and after it nothing: the clock moves on by the timeout, and the errno is −ETIMEDOUT.
 */
export function fakeKernel(
  answer: (messages: readonly Sent[], bytes: Uint8Array) => readonly (Uint8Array | Errno)[],
  options: FakeKernelOptions = {},
): FakeKernel {
  const sockets = new Map<number, FakeSocket>();
  const sends: Sent[][] = [];
  const timeouts: number[] = [];
  const queues = new Map<number, (Uint8Array | Errno)[]>();
  const { fails = {}, announced = [] } = options;
  let clock = 1000;
  /** Sends what is under way: no sooner than it must be, as another thread may. */
  let aside: (() => number) | undefined;
  const fake: Partial<Host> & Omit<FakeKernel, keyof Host> = {
    sockets,
    sends,
    timeouts,
    monotonic: () => clock,
    socket(netns, domain, type, protocol) {
      if (fails.socket !== undefined) return fails.socket;
      const fd = 3 + sockets.size;
      sockets.set(fd, { netns, domain, type, protocol, options: [], closed: false });
      queues.set(fd, []);
      return fd;
    },
    setsockopt(fd, level, option, value) {
      sockets.get(fd)!.options.push([level, option, value]);
      return fails.setsockopt ?? 0;
    },
    getsockopt: () => options.getsockopt ?? -92,
    bind(fd, address) {
      sockets.get(fd)!.bound = address.slice();
      return fails.bind ?? 0;
    },
    send(fd, bytes) {
      if (fails.send !== undefined) return fails.send;
      const messages = split(bytes);
      sends.push(messages);
      queues.get(fd)!.push(...answer(messages, bytes));
      return bytes.length;
    },
    sendAside(fd, bytes) {
      if (fails.sendAside !== undefined) return fails.sendAside;
      aside = () => fake.send!(fd, bytes);
      return 0;
    },
    endAside() {
      const send = aside!;
      aside = undefined;
      return fails.endAside ?? send();
    },
    recv(fd, timeoutMs) {
      timeouts.push(timeoutMs);
      const next = (sockets.get(fd)!.bound === undefined ? queues.get(fd)! : announced).shift();
      if (next === undefined) clock += timeoutMs;
      return next ?? -ETIMEDOUT;
    },
    close(fd) {
      sockets.get(fd)!.closed = true;
      return 0;
    },
  };
  return new Proxy(fake, {
    get(target, key) {
      if (key in target) return target[key as keyof typeof target];
      throw new Error(`the fake kernel has no ${String(key)}`);
    },
  }) as FakeKernel;
}

/** As netlink_rcv_skb and nfnetlink_rcv_batch walk through what they are sent. */
function split(bytes: Uint8Array): Sent[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: Sent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint32(at, true);
    if (length < NLMSG_HDRLEN || length > bytes.length - at) throw new Error(`nlmsg_len ${length} at ${at}`);
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      seq: view.getUint32(at + 8, true),
      body: bytes.slice(at + NLMSG_HDRLEN, at + length),
    });
    at += (length + 3) & ~3;
  }
  return messages;
}

/** One message of a datagram. */
export function message(type: number, flags: number, seq: number, body: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array((NLMSG_HDRLEN + body.length + 3) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, NLMSG_HDRLEN + body.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, seq, true);
  view.setUint32(12, 4711, true); // the port
  bytes.set(body, NLMSG_HDRLEN);
  return bytes;
}

/** Messages that come together. */
export function datagram(...messages: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(messages.flatMap((each) => [...each]));
}

function int(value: number): number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];
}

/** The answer to a request: a positive errno, 0 for success; `extack` is the kernel's own sentence. */
export function acknowledges(seq: number, errno = 0, extack?: string): Uint8Array {
  const echoed = [...int(NLMSG_HDRLEN), ...int(0), ...int(seq), ...int(0)];
  if (extack === undefined) return message(NLMSG_ERROR, NLM_F_CAPPED, seq, [...int(-errno), ...echoed]);
  const text = [...extack, "\0"].map((letter) => letter.charCodeAt(0));
  const attribute = [4 + text.length, 0, 1, 0, ...text];
  return message(NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS, seq, [...int(-errno), ...echoed, ...attribute]);
}

/** The end of a dump. */
export function done(seq: number, errno = 0, flags = 0): Uint8Array {
  return message(NLMSG_DONE, NLM_F_MULTI | flags, seq, int(-errno));
}
