// The kernel as one run of the plugin sees it: its own network namespace ("host") and the container's, each through a
// route socket that is opened when first needed and stays inside its namespace.

import { ENODEV, EPROTONOSUPPORT } from "../errno.ts";
import { CniError, Code, HostError } from "../errors.ts";
import { type Host, OWN_NETNS, ok } from "../host.ts";
import {
  AF_UNSPEC,
  type Device,
  getDevice,
  getLink,
  getLinkHead,
  type Link,
  type LinkQuery,
  RTNLGRP_LINK,
} from "../netlink/if-link.ts";
import type { Request } from "../netlink/message.ts";
import { getNsid } from "../netlink/rtnetlink.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE, Socket } from "../netlink/socket.ts";

export type Where = "host" | "container";

function vanished(where: Where, ifname: string): never {
  throw new CniError(Code.tryAgainLater, `${ifname} was deleted by another (${where})`);
}

export class Session {
  readonly host: Host;
  /** What was refused although the attachment works without it. */
  readonly warnings: string[] = [];
  /** A table of ours or its rules had to be made: the first use since boot, or somebody flushed the ruleset. */
  rulesWereFlushed = false;
  readonly #netns: number | undefined;
  readonly #routes: { [W in Where]?: Socket } = {};
  #netfilter: Socket | undefined;
  #announcements: Socket | undefined;
  readonly #links = new Map<string, Device>();
  readonly #indexes = new Map<string, number>();

  /** `netns`: descriptor of the container's namespace; undefined where it is gone. */
  constructor(host: Host, netns: number | undefined) {
    this.host = host;
    this.#netns = netns;
  }

  get hasContainer(): boolean {
    return this.#netns !== undefined;
  }

  /** The descriptor of a namespace, OWN_NETNS for the host's. */
  netns(where: Where): number {
    if (where === "host") return OWN_NETNS;
    if (this.#netns === undefined) throw new Error("there is no container namespace");
    return this.#netns;
  }

  /** The route socket inside a namespace. */
  route(where: Where): Socket {
    this.#routes[where] ??= Socket.open(this.host, this.netns(where), NETLINK_ROUTE);
    return this.#routes[where];
  }

  /** The netfilter socket in the host's namespace. Left open to the end: closing it waits for what was deleted. */
  netfilter(): Socket {
    this.#netfilter ??= Socket.open(this.host, OWN_NETNS, NETLINK_NETFILTER);
    return this.#netfilter;
  }

  /** Opens the netfilter socket; false where the kernel has none, so that there is nothing to find or to remove. */
  openNetfilter(): boolean {
    try {
      this.netfilter();
      return true;
    } catch (error) {
      if (error instanceof HostError && error.errno === EPROTONOSUPPORT) return false;
      throw error;
    }
  }

  /**
   * Has a child process send a request in the host's namespace and wait for its answer; returns the pipe on which that
   * arrives, or a negative errno. The child keeps the netfilter socket open too: its last close is what waits for
   * deleted rules to be freed.
   */
  sendFromChild<T>(what: Request<T>, value: T): number {
    const socket = Socket.open(this.host, OWN_NETNS, NETLINK_ROUTE);
    const keep = this.#netfilter === undefined ? [] : [this.#netfilter.fd];
    const pipe = this.host.sendFromChild(socket.fd, socket.encode(what, value), keep);
    socket.close();
    return pipe;
  }

  /** What the host's namespace announces of its links from the first call on. */
  announcements(): Socket {
    this.#announcements ??= Socket.listen(this.host, OWN_NETNS, NETLINK_ROUTE, RTNLGRP_LINK);
    return this.#announcements;
  }

  /** The link of that name, or undefined. */
  findLink(where: Where, ifname: string): Link | undefined {
    return this.#find(where, ifname, getLink);
  }

  /** The same as far as a bridge is concerned: read in half the time. */
  findDevice(where: Where, ifname: string): Device | undefined {
    return this.#find(where, ifname, getDevice);
  }

  #find<L extends Device>(where: Where, ifname: string, what: Request<LinkQuery, L>): L | undefined {
    const request = { family: AF_UNSPEC, ifname };
    const link = this.route(where).get(`look up ${ifname} (${where})`, what, request, [ENODEV]);
    const key = `${where} ${ifname}`;
    if (link === undefined) {
      this.#links.delete(key);
      this.#indexes.delete(key);
    } else {
      this.#links.set(key, link);
      this.#indexes.set(key, link.index!);
    }
    return link;
  }

  findLinkByIndex(where: Where, index: number): Link | undefined {
    return this.route(where).get(`look up link ${index} (${where})`, getLink, { index }, [ENODEV]);
  }

  /** The number by which the host's namespace knows the container's (IFLA_LINK_NETNSID); negative: not at all. */
  containerNsid(): number {
    const request = { fd: this.netns("container") };
    return this.route("host").get("look up the namespace's id", getNsid, request, [])?.nsid ?? -1;
  }

  /** The link of that name, which must be there, as it was when last looked up: its index and kind do not change. */
  link(where: Where, ifname: string): Device {
    return this.#links.get(`${where} ${ifname}`) ?? this.findDevice(where, ifname) ?? vanished(where, ifname);
  }

  /** The link of that name, which must be there, as it is now and with all that is read of links. */
  wholeLink(where: Where, ifname: string): Link {
    return this.findLink(where, ifname) ?? vanished(where, ifname);
  }

  /** The index of the link of that name, which must be there: the same by a shorter way. */
  index(where: Where, ifname: string): number {
    const key = `${where} ${ifname}`;
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    const index = this.host.ifindex(this.route(where).fd, ifname);
    if (index === -ENODEV) vanished(where, ifname);
    this.#indexes.set(key, ok(index, `look up (${where})`, ifname));
    return index;
  }

  /** Operational state of the link of that name, or undefined where there is none. */
  findOperstate(where: Where, ifname: string): number | undefined {
    const request = { family: AF_UNSPEC, ifname };
    return this.route(where).get(`look up ${ifname} (${where})`, getLinkHead, request, [ENODEV])?.operstate;
  }
}
