// The kernel's end of netlink, as far as an ADD and a DEL look at it: links and addresses, and elements of nf_tables, whose
// constant rules are there already.

import { ENODEV, ENOENT, ETIMEDOUT } from "../src/errno.ts";
import { type Host, OWN_NETNS } from "../src/host.ts";
import { i32, struct, u32 } from "../src/netlink/codec.ts";
import { type Address, getAddr, newAddr } from "../src/netlink/if-addr.ts";
import { delLink, getLink, IF_OPER_UP, type Link, newLink } from "../src/netlink/if-link.ts";
import {
  type Message,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLMSG_ERROR,
  type Request,
  readMessages,
  request,
} from "../src/netlink/message.ts";
import {
  type Element,
  getChain,
  getGen,
  getRule,
  getSetElem,
  newChain,
  newRule,
  newSetElem,
} from "../src/netlink/nf-tables.ts";
import { getRoute, newRoute, RTN_LOCAL } from "../src/netlink/rtnetlink.ts";
import { NETLINK_NETFILTER } from "../src/netlink/socket.ts";
import { datagram, listOf } from "./datagram.ts";

/** The namespace that calls are made in. */
const HOST = 0;
const NLM_F_CAPPED = 0x100;
// struct nlmsgerr: what follows the errno is the request's header.
const nlmsgerr = struct({ errno: i32, length: u32, typeAndFlags: u32, seq: u32, pid: u32 });
const error = request("NLMSG_ERROR", NLMSG_ERROR, nlmsgerr);

/** An acknowledgement, or the errno in its place. */
function answer({ seq }: Message, errno = 0): Uint8Array {
  return datagram(error, { errno: -errno, seq }, seq, NLM_F_CAPPED);
}

function bodyOf<T>({ codec }: Request<T>, { bytes, start, end }: Message): T {
  return codec.read(bytes, start, end);
}

interface Socket {
  readonly namespace: number;
  readonly netfilter: boolean;
  /** What it has not received yet. */
  readonly queue: Uint8Array[];
  listens: boolean;
}

export class Network {
  readonly #descriptor: () => number;
  readonly #numberOf: (netns: number) => number;
  readonly #sockets = new Map<number, Socket>();
  #links: { readonly namespace: number; readonly link: Link }[] = [];
  #indexes = 1;
  readonly #addresses: Address[] = [];
  readonly #elements = new Map<string, Element>();

  /** `descriptor` gives the next free one; `numberOf` tells one container's namespace from another's, from 1 to 255. */
  constructor(descriptor: () => number, numberOf: (netns: number) => number) {
    this.#descriptor = descriptor;
    this.#numberOf = numberOf;
  }

  #announce(what: Request<Link>, link: Link): void {
    for (const { listens, queue } of this.#sockets.values()) if (listens) queue.push(datagram(what, link));
  }

  /** What a request is answered with, other than with success. */
  #answerRoute(namespace: number, message: Message): Uint8Array[] | undefined {
    const { type, flags, seq } = message;
    switch (type) {
      case getLink.type: {
        const { index, ifname } = bodyOf(getLink, message);
        const found = this.#links.find(
          ({ namespace: its, link }) => its === namespace && (link.index === index || link.ifname === ifname),
        );
        return [found === undefined ? answer(message, ENODEV) : datagram(newLink, found.link, seq)];
      }
      case newLink.type:
        if (flags & NLM_F_CREATE) this.#make(namespace, bodyOf(newLink, message));
        // The container's end is set up, so that the host's passes packets.
        else if (namespace !== HOST) this.#announce(newLink, this.#links.at(-1)!.link);
        return undefined;
      case delLink.type: {
        const { index } = bodyOf(delLink, message);
        for (const { link } of this.#links) if (link.index === index) this.#announce(delLink, link);
        this.#links = this.#links.filter(({ link }) => link.index !== index);
        return undefined;
      }
      case newAddr.type:
        if (namespace === HOST) this.#addresses.push(bodyOf(newAddr, message));
        return undefined;
      case getAddr.type: {
        const { family } = bodyOf(getAddr, message);
        const found = this.#addresses.filter((each) => namespace === HOST && each.family === family);
        return listOf(message, newAddr, found);
      }
      case getRoute.type:
        return [datagram(newRoute, { type: RTN_LOCAL }, seq)];
      default:
        return undefined;
    }
  }

  #answerNetfilter(message: Message): Uint8Array[] | undefined {
    const { type, seq } = message;
    switch (type) {
      case getChain.type:
        return [datagram(newChain, { name: "any", use: 2 }, seq)];
      case getRule.type:
        return listOf(message, newRule, [{ chain: "any" }]);
      case getGen.type:
        return [datagram(getGen, { id: 1 }, seq)];
      case newSetElem.type:
        for (const element of bodyOf(newSetElem, message).elements!)
          this.#elements.set(String(element.key?.value), element);
        return undefined;
      case getSetElem.type: {
        const key = bodyOf(getSetElem, message).elements?.[0]?.key?.value;
        const element = this.#elements.get(String(key));
        if (element === undefined) return [answer(message, ENOENT)];
        return [datagram(newSetElem, { elements: [element] }, seq)];
      }
      default:
        return undefined;
    }
  }

  /** Makes a link, and the container's end of a pair first. */
  #make(namespace: number, { linkinfo, ...made }: Link): void {
    const index = ++this.#indexes;
    if (linkinfo?.kind === "veth") {
      const { netNsFd, ...peer } = linkinfo.data!.peer!;
      this.#links.push({ namespace: this.#numberOf(netNsFd!), link: { ...peer, index, link: index } });
    }
    const { slaveinfo: _, ...link } = made; // its attribute is that of `linkinfo`
    const address = made.address ?? new Uint8Array([2, 0, 0, 0, 0, index]);
    const common = { ...link, index, link: index, address, operstate: IF_OPER_UP };
    this.#links.push({ namespace, link: { ...common, linkinfo: { kind: linkinfo!.kind } } });
  }

  readonly calls = {
    socket: (netns, _family, _type, protocol) => {
      const fd = this.#descriptor();
      const namespace = netns === OWN_NETNS ? HOST : this.#numberOf(netns);
      const netfilter = protocol === NETLINK_NETFILTER;
      this.#sockets.set(fd, { namespace, netfilter, queue: [], listens: false });
      return fd;
    },
    bind: (fd) => {
      this.#sockets.get(fd)!.listens = true;
      return 0;
    },
    setsockopt: () => 0,
    /** SO_NETNS_COOKIE. */
    getsockopt: (fd) => new Uint8Array([this.#sockets.get(fd)!.namespace + 1, 0, 0, 0, 0, 0, 0, 0]),
    ifindex: (fd, ifname) => {
      const { namespace } = this.#sockets.get(fd)!;
      const found = this.#links.find(
        ({ namespace: its, link }) => its === namespace && link.ifname === ifname,
      );
      return found?.link.index ?? -ENODEV;
    },
    send: (fd, bytes) => {
      const { namespace, netfilter, queue } = this.#sockets.get(fd)!;
      for (const message of readMessages(bytes)) {
        const answers = netfilter ? this.#answerNetfilter(message) : this.#answerRoute(namespace, message);
        if (answers !== undefined) queue.push(...answers);
        else if (message.flags & NLM_F_ACK) queue.push(answer(message));
      }
      return bytes.length;
    },
    sendAside: (fd, message): number => this.calls.send(fd, message),
    endAside: () => 0,
    recv: (fd) => this.#sockets.get(fd)!.queue.shift() ?? -ETIMEDOUT,
    sendFromChild: (fd, message) => {
      this.calls.send(fd, message);
      return this.#descriptor();
    },
    poll: () => 0,
  } satisfies Partial<Host>;
}
