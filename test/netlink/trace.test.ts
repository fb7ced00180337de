// What a traced host tells, of answers that the kernel gave to ip(8) (test/golden) and of messages that are odd.

import { describe, expect, it } from "vitest";
import { EEXIST } from "../../src/errno.ts";
import { OWN_NETNS } from "../../src/host.ts";
import { AF_BRIDGE, setBridgePort } from "../../src/netlink/if-bridge.ts";
import { getLink, newLink } from "../../src/netlink/if-link.ts";
import type { Message } from "../../src/netlink/message.ts";
import { getGen } from "../../src/netlink/nf-tables.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE, Socket } from "../../src/netlink/socket.ts";
import { type TraceLine, traced } from "../../src/netlink/trace.ts";
import { datagram, errorOf, fakeNetlink, listOf } from "../support/fake-netlink.ts";

/** A traced socket to a kernel of our making, and what is told. */
function open(
  answer: (messages: readonly Message[]) => Uint8Array[],
  protocol = NETLINK_ROUTE,
  netns = OWN_NETNS,
) {
  const lines: TraceLine[] = [];
  const host = traced(fakeNetlink({ answer }), (line) => lines.push(line));
  return { socket: Socket.open(host, netns, protocol), lines };
}

describe("traced", () => {
  it("tells of a request before it is sent, with flags and body", () => {
    let toldBefore = 0;
    const { socket, lines } = open(() => {
      toldBefore = lines.length;
      return [];
    });
    expect(() =>
      socket.try(newLink, { ifname: "br0", mtu: 1400, address: Uint8Array.of(2, 0, 0, 0, 0, 1) }),
    ).toThrow();
    expect(toldBefore).toBe(1);
    expect(lines[0]).toMatchObject({
      netns: "own",
      direction: "send",
      message: "RTM_NEWLINK",
      seq: 1,
      flags: ["REQUEST", "ACK"],
      body: { ifname: "br0", mtu: 1400, address: "020000000001" },
    });
  });

  it("tells of a refusal by name, with the time since its request", () => {
    const { socket, lines } = open(([query]) => [errorOf(query!, EEXIST)]);
    expect(socket.try(newLink, { ifname: "br0" }).errno).toBe(EEXIST);
    expect(lines[1]).toMatchObject({
      direction: "receive",
      message: "ANSWER to RTM_NEWLINK",
      seq: 1,
      errno: expect.stringMatching(/^EEXIST/),
      afterMs: expect.any(Number),
    });
  });

  it("tells of each part of a list, and of its end", () => {
    const { socket, lines } = open(([query]) => listOf(query!, newLink, [{ ifname: "a" }, { ifname: "b" }]));
    expect(socket.dump("list links", getLink, {}).map(({ ifname }) => ifname)).toEqual(["a", "b"]);
    expect(lines[0]!.flags).toEqual(["REQUEST", "DUMP"]);
    expect(lines.slice(1)).toMatchObject([
      { message: "RTM_NEWLINK", flags: ["MULTI"], body: { ifname: "a" } },
      { message: "RTM_NEWLINK", flags: ["MULTI"], body: { ifname: "b" } },
      { message: "DONE to RTM_GETLINK", errno: "0" },
    ]);
  });

  it("tells links and bridge ports apart, which share a message type", () => {
    const { socket, lines } = open(([query]) => [errorOf(query!, 0)]);
    socket.ack("x", setBridgePort, { family: AF_BRIDGE, index: 5, protinfo: { mode: 1 } });
    expect(lines[0]).toMatchObject({ message: "RTM_SETLINK", body: { protinfo: { mode: 1 } } });
  });

  it("tells the namespace and the protocol's own messages", () => {
    const { socket, lines } = open(
      ([query]) => [datagram(getGen, { id: 7 }, query!.seq)],
      NETLINK_NETFILTER,
      9,
    );
    expect(socket.get("x", getGen, {}, [])).toMatchObject({ id: 7 });
    expect(lines).toMatchObject([
      { netns: "other", message: "NFT_MSG_GETGEN" },
      { netns: "other", body: { id: 7 } },
    ]);
  });

  it("tells of a body that cannot be decoded, and passes it on as it is", () => {
    const torn = (seq: number) => {
      const whole = datagram(newLink, { ifname: "br0" }, seq);
      const view = new DataView(whole.buffer);
      view.setUint16(32, 60_000, true);
      return whole;
    };
    const { socket, lines } = open(([query]) => [torn(query!.seq)]);
    expect(() => socket.get("x", getLink, {}, [])).toThrow(/EBADMSG/);
    expect(lines[1]).toMatchObject({ body: expect.stringMatching(/^cannot be decoded: nla_len 60000/) });
  });
});
