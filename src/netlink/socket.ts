// A netlink socket in one network namespace: request and acknowledgement, get, dump, notifications.
// The only place that retries an interrupted dump and that matches sequence numbers.

import { EBADMSG, EBUSY, ENOBUFS, ETIMEDOUT } from "../errno.ts";
import { HostError, NetlinkError } from "../errors.ts";
import { type Host, ok } from "../host.ts";
import { align, encode, struct, u16, u32, written } from "./codec.ts";
import {
  AGREED,
  type Answer,
  isAgreement,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  type Request,
  readAnswer,
  readMessage,
  readMessages,
  writeMessage,
} from "./message.ts";

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOL_NETLINK = 270;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const SOL_SOCKET = 1;
const SO_NETNS_COOKIE = 71;

/** struct sockaddr_nl; port id 0 lets the kernel choose one. */
const sockaddrNl = struct({ family: u16, pad: u16, pid: u32, groups: u32 });

/** The kernel answers at once; only a stuck rtnl makes a request wait, and then not for ever. */
const ANSWER_TIMEOUT_MS = 60_000;
/** As many tries as the reference gives a dump that others keep changing. */
const DUMP_TRIES = 5;

/**
 * Bytes that are no message (RangeError) are an answer that did not arrive, like any other failure to receive: nobody
 * knows what was done.
 */
function misunderstood(error: unknown): unknown {
  return error instanceof RangeError ? new HostError(EBADMSG, "recv", `netlink: ${error.message}`) : error;
}

/** What the kernel said, read by `read`. */
export function understood<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw misunderstood(error);
  }
}

export class Socket {
  readonly fd: number;
  readonly #host: Host;
  #seq = 0;
  /** Waits for the answer to what another thread sends. */
  #underWay: (() => Answer) | undefined;
  #netnsCookie: string | undefined;
  #isStrict = false;

  private constructor(host: Host, fd: number) {
    this.#host = host;
    this.fd = fd;
  }

  /** Opens a socket of `protocol` inside `netns` (a descriptor or OWN_NETNS). */
  static open(host: Host, netns: number, protocol: number): Socket {
    const fd = ok(host.socket(netns, AF_NETLINK, SOCK_RAW, protocol), "socket", `netlink ${protocol}`);
    const socket = new Socket(host, fd);
    // Kernels before 4.12 lack this; nothing but the wording of errors depends on it.
    host.setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
    return socket;
  }

  /** Opens a socket that only receives what the kernel announces to multicast `group` (1 to 32). */
  static listen(host: Host, netns: number, protocol: number, group: number): Socket {
    const fd = ok(host.socket(netns, AF_NETLINK, SOCK_RAW, protocol), "socket", `netlink ${protocol}`);
    // NB: a socket without an address does not hear what the kernel says of itself: its port id 0 is the kernel's own,
    // and nobody is told what he said.
    const address = encode(sockaddrNl, { family: AF_NETLINK, groups: 1 << (group - 1) });
    ok(host.bind(fd, address), "bind", `netlink group ${group}`);
    return new Socket(host, fd);
  }

  close(): void {
    this.#host.close(this.fd);
  }

  /** The namespace's cookie, unique while the machine is up (Linux 5.14), as decimal text; undefined before that. */
  netnsCookie(): string | undefined {
    if (this.#netnsCookie !== undefined) return this.#netnsCookie;
    const cookie = this.#host.getsockopt(this.fd, SOL_SOCKET, SO_NETNS_COOKIE, 8);
    if (typeof cookie === "number") return undefined;
    this.#netnsCookie = new DataView(cookie.buffer, cookie.byteOffset).getBigUint64(0, true).toString();
    return this.#netnsCookie;
  }

  /** Sends and returns what the kernel says, success or not. For requests whose refusal is expected. */
  try<T>(what: Request<T, unknown>, value: T, flags = 0): Answer {
    this.#send(what.name, this.encode(what, value, NLM_F_REQUEST | NLM_F_ACK | flags));
    return this.#answer();
  }

  /**
   * The same while the caller goes on: the kernel works at it in another thread. What is returned waits for what it says, as
   * does whatever else is asked here.
   */
  begin<T>(what: Request<T, unknown>, value: T, flags = 0): () => Answer {
    const bytes = this.encode(what, value, NLM_F_REQUEST | NLM_F_ACK | flags);
    const isAside = this.#host.sendAside(this.fd, bytes) >= 0;
    // Where there can be no thread it is sent at once.
    if (!isAside) this.#send(what.name, bytes);
    let answer: Answer | undefined;
    const end = () => {
      if (answer !== undefined) return answer;
      this.#underWay = undefined;
      if (isAside) ok(this.#host.endAside(), "send", what.name);
      answer = this.#answer();
      return answer;
    };
    this.#underWay = end;
    return end;
  }

  #answer(): Answer {
    const datagram = this.#datagram();
    let answer = AGREED;
    if (isAgreement(datagram, this.#seq)) return answer;
    this.#receive(datagram, this.#seq, (message) => {
      if (message.type !== NLMSG_ERROR) return false;
      answer = readAnswer(message);
      return true;
    });
    return answer;
  }

  /** Sends and throws NetlinkError unless the kernel agrees. `purpose` completes "cannot …" for the error's text. */
  ack<T>(purpose: string, what: Request<T, unknown>, value: T, flags = 0): void {
    const answer = this.try(what, value, flags);
    if (answer.errno !== 0) throw new NetlinkError(answer.errno, `cannot ${purpose}`, answer.extack);
  }

  /** The object asked for, or undefined where the kernel answers with one of `absent` (ENODEV, ENOENT, …). */
  get<T, A>(purpose: string, what: Request<T, A>, value: T, absent: readonly number[]): A | undefined {
    let found: A | undefined;
    let answer = AGREED;
    // Without NLM_F_ACK the reply, or the error in its place, is all that comes.
    this.#exchange(what, value, NLM_F_REQUEST, (message) => {
      if (message.type === NLMSG_ERROR) answer = readAnswer(message);
      else found = what.answer.read(message.bytes, message.start, message.end);
      return true;
    });
    if (answer.errno !== 0 && !absent.includes(answer.errno)) {
      throw new NetlinkError(answer.errno, `cannot ${purpose}`, answer.extack);
    }
    return found;
  }

  /**
   * Every object that matches; none where the kernel answers with one of `absent`. What changes while it is read is
   * read again, unless `torn` says that a list with a gap is good enough.
   */
  dump<T, A>(
    purpose: string,
    what: Request<T, A>,
    value: T,
    absent: readonly number[] = [],
    torn = false,
  ): A[] {
    // Makes rtnetlink filter by what is asked. Kernels before 4.20 lack it, and tell of all.
    if (!this.#isStrict) this.#host.setsockopt(this.fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
    this.#isStrict = true;
    for (let tries = 1; ; tries++) {
      const found: A[] = [];
      let interrupted = false;
      let answer = AGREED;
      this.#exchange(what, value, NLM_F_REQUEST | NLM_F_DUMP, (message) => {
        if (message.flags & NLM_F_DUMP_INTR) interrupted = true;
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
          answer = readAnswer(message);
          return true;
        }
        found.push(what.answer.read(message.bytes, message.start, message.end));
        return (message.flags & NLM_F_MULTI) === 0;
      });
      if (absent.includes(answer.errno)) return [];
      if (answer.errno !== 0) throw new NetlinkError(answer.errno, `cannot ${purpose}`, answer.extack);
      if (!interrupted || torn) return found;
      if (tries === DUMP_TRIES)
        throw new NetlinkError(EBUSY, `cannot ${purpose}`, "it keeps changing while it is read");
    }
  }

  /**
   * Sends ready-made bytes that hold messages `first` to `last`, of which only `last` asks for an acknowledgement.
   * Returns the first refusal with its sequence number, or errno 0. A refusal of `first` speaks for the whole.
   */
  batch(bytes: Uint8Array, first: number, last: number): Answer & { readonly seq: number } {
    this.#seq = last + 1; // the batch's end has a number too
    this.#send("netlink", bytes);
    const datagram = this.#datagram();
    let refused: (Answer & { readonly seq: number }) | undefined;
    if (isAgreement(datagram, last)) return { errno: 0, seq: last };
    this.#receive(datagram, first, (message) => {
      if (message.type !== NLMSG_ERROR) return false;
      const answer = readAnswer(message);
      if (answer.errno !== 0) refused ??= { ...answer, seq: message.seq };
      return message.seq === last || (message.seq === first && answer.errno !== 0);
    });
    return refused ?? { errno: 0, seq: last };
  }

  /** The sequence number that the next message may carry. */
  get nextSeq(): number {
    return this.#seq + 1;
  }

  /** One announcement's messages; `lost` when the kernel dropped some (ENOBUFS), `undefined` at the deadline. */
  announced(timeoutMs: number): Message[] | "lost" | undefined {
    const datagram = this.#host.recv(this.fd, Math.max(0, timeoutMs));
    if (datagram === -ETIMEDOUT) return undefined;
    if (datagram === -ENOBUFS) return "lost";
    return understood(() => readMessages(ok(datagram, "recv", "netlink")));
  }

  /** A request as bytes; what is sent by somebody else is to be acknowledged. */
  encode<T>(what: Request<T, unknown>, value: T, flags = NLM_F_REQUEST | NLM_F_ACK): Uint8Array {
    this.#underWay?.();
    const seq = ++this.#seq;
    return written((bytes) => writeMessage(bytes, 0, what, flags, seq, value));
  }

  #send(name: string, bytes: Uint8Array): void {
    ok(this.#host.send(this.fd, bytes), "send", name);
  }

  #datagram(): Uint8Array {
    return ok(this.#host.recv(this.fd, ANSWER_TIMEOUT_MS), "recv", "netlink") as Uint8Array;
  }

  #exchange<T>(
    what: Request<T, unknown>,
    value: T,
    flags: number,
    last: (message: Message) => boolean,
  ): void {
    this.#send(what.name, this.encode(what, value, flags));
    this.#receive(this.#datagram(), this.#seq, last);
  }

  /** Reads on from `datagram` until `last` says of a message to the requests from `first` on that it is the last. */
  #receive(datagram: Uint8Array, first: number, last: (message: Message) => boolean): void {
    let over = false;
    for (let bytes = datagram; ; bytes = this.#datagram()) {
      try {
        for (let at = 0; at < bytes.length; ) {
          const message = readMessage(bytes, at);
          if (!over && message.seq >= first && message.seq <= this.#seq) over = last(message);
          at = align(message.end);
        }
      } catch (error) {
        throw misunderstood(error);
      }
      if (over) return;
    }
  }
}
