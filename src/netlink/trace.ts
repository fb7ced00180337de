// Netlink as it goes by, for people who debug: a Host that behaves like another and tells of each message sent and
// received, decoded by the tables of this folder. Who does not ask for it pays nothing, as sockets know nothing of it.

import { describeErrno } from "../errno.ts";
import { type Errno, type Host, OWN_NETNS } from "../host.ts";
import { AF_BRIDGE, delBridgePort, getBridgePorts, setBridgePort } from "./if-bridge.ts";
import {
  type Message,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_EXCL,
  NLM_F_MULTI,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  type Request,
  readAnswer,
  readMessages,
  requests,
} from "./message.ts";
import { NETLINK_ROUTE } from "./socket.ts";

const AF_NETLINK = 16;

/** One message: names as in the kernel's headers, bytes as hex digits. */
export interface TraceLine {
  /** Since the trace began. */
  readonly ms: number;
  readonly fd: number;
  /** Whether the socket is in the process's own network namespace. */
  readonly netns: "own" | "other";
  readonly direction: "send" | "send from child" | "receive";
  readonly message: string;
  readonly seq: number;
  readonly flags: readonly string[];
  readonly body?: unknown;
  /** Of an answer: "0" or the error's name and sentence, the kernel's own words, and the time since its request. */
  readonly errno?: string;
  readonly extack?: string;
  readonly afterMs?: number;
}

interface Pending {
  readonly what: Request<unknown> | undefined;
  readonly sentMs: number;
}

interface Traced {
  readonly protocol: number;
  readonly netns: TraceLine["netns"];
  readonly pending: Map<number, Pending>;
}

const flagNames = [
  [NLM_F_REQUEST, "REQUEST"],
  [NLM_F_MULTI, "MULTI"],
  [NLM_F_ACK, "ACK"],
  [NLM_F_DUMP_INTR, "DUMP_INTR"],
  [NLM_F_REPLACE, "REPLACE"],
  [NLM_F_EXCL, "EXCL"],
  [NLM_F_CREATE, "CREATE"],
  [NLM_F_APPEND, "APPEND"],
] as const;

/** Some bits mean one thing in a request to make something and another in one to get it. */
function namesOf(flags: number): string[] {
  const isDump = (flags & NLM_F_DUMP) === NLM_F_DUMP && (flags & NLM_F_CREATE) === 0;
  const names = flagNames.filter(([bit]) => flags & bit && !(isDump && bit & NLM_F_DUMP));
  return [...names.map(([, name]) => name), ...(isDump ? ["DUMP"] : [])];
}

const portRequests = [setBridgePort, delBridgePort, getBridgePorts];

/** The row of the tables for a message. Links and bridge ports share types, and differ in the family. */
function requestOf({ type, bytes, start, end }: Message, protocol: number): Request<unknown> | undefined {
  const isRoute = protocol === NETLINK_ROUTE;
  const isPort = isRoute && end > start && bytes[start] === AF_BRIDGE;
  const rows = isPort ? [...portRequests, ...requests] : requests;
  return rows.find((row) => row.type === type && row.name.startsWith("RTM_") === isRoute);
}

/** A body as JSON can hold it. */
function readable(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array)
    return Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, readable(each)]));
}

function bodyOf(what: Request<unknown> | undefined, { bytes, start, end }: Message): { body?: unknown } {
  if (what === undefined) return {};
  try {
    return { body: readable(what.codec.read(bytes, start, end)) };
  } catch (error) {
    return { body: `cannot be decoded: ${error instanceof Error ? error.message : error}` };
  }
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** A host with its netlink traffic told to `emit`. */
export function traced(host: Host, emit: (line: TraceLine) => void): Host {
  const began = host.monotonic();
  const sockets = new Map<number, Traced>();
  /** Pipes on which the answer of a child's request arrives. */
  const pipes = new Map<number, number>();

  const sent = (fd: number, bytes: Uint8Array, direction: TraceLine["direction"]) => {
    const socket = sockets.get(fd);
    if (socket === undefined) return;
    const sentMs = host.monotonic();
    for (const message of readMessages(bytes)) {
      const { seq, flags } = message;
      const what = requestOf(message, socket.protocol);
      socket.pending.set(seq, { what, sentMs });
      emit({
        ms: rounded(sentMs - began),
        fd,
        netns: socket.netns,
        direction,
        message: what?.name ?? `type ${message.type}`,
        seq,
        flags: namesOf(flags),
        ...bodyOf(what, message),
      });
    }
  };

  const received = (fd: number, bytes: Uint8Array) => {
    const socket = sockets.get(fd);
    if (socket === undefined) return;
    const now = host.monotonic();
    for (const message of readMessages(bytes)) {
      const { seq, type } = message;
      const asked = socket.pending.get(seq);
      const line = { ms: rounded(now - began), fd, netns: socket.netns, direction: "receive", seq } as const;
      const timing = asked === undefined ? {} : { afterMs: rounded(now - asked.sentMs) };
      const flags = namesOf(message.flags & (NLM_F_MULTI | NLM_F_DUMP_INTR));
      if (type === NLMSG_ERROR || type === NLMSG_DONE) {
        const { errno, extack } = readAnswer(message);
        emit({
          ...line,
          message: `${type === NLMSG_DONE ? "DONE" : "ANSWER"} to ${asked?.what?.name ?? "?"}`,
          flags,
          errno: errno === 0 ? "0" : describeErrno(errno),
          ...(extack === undefined ? {} : { extack }),
          ...timing,
        });
      } else {
        const what = asked?.what ?? requestOf(message, socket.protocol);
        const name = requestOf(message, socket.protocol)?.name ?? what?.name ?? `type ${type}`;
        emit({ ...line, message: name, flags, ...bodyOf(what, message), ...timing });
      }
    }
  };

  const own: Pick<Host, "socket" | "send" | "sendAside" | "recv" | "sendFromChild" | "read" | "close"> = {
    socket(netns, domain, type, protocol) {
      const fd = host.socket(netns, domain, type, protocol);
      if (domain === AF_NETLINK && fd >= 0)
        sockets.set(fd, { protocol, netns: netns === OWN_NETNS ? "own" : "other", pending: new Map() });
      return fd;
    },
    send(fd, message) {
      sent(fd, message, "send");
      return host.send(fd, message);
    },
    sendAside(fd, message) {
      sent(fd, message, "send");
      return host.sendAside(fd, message);
    },
    recv(fd, timeoutMs) {
      const bytes = host.recv(fd, timeoutMs);
      if (typeof bytes !== "number") received(fd, bytes);
      return bytes;
    },
    sendFromChild(fd, message, keep): number | Errno {
      sent(fd, message, "send from child");
      const pipe = host.sendFromChild(fd, message, keep);
      if (pipe >= 0) pipes.set(pipe, fd);
      return pipe;
    },
    read(fd, length) {
      const bytes = host.read(fd, length);
      const socket = pipes.get(fd);
      if (socket !== undefined && typeof bytes !== "number" && bytes.length > 0) received(socket, bytes);
      return bytes;
    },
    close(fd) {
      // A socket whose request a child waits for stays known: its answer comes through the pipe.
      if (![...pipes.values()].includes(fd)) sockets.delete(fd);
      pipes.delete(fd);
      return host.close(fd);
    },
  };
  return Object.create(host, Object.getOwnPropertyDescriptors(own)) as Host;
}
