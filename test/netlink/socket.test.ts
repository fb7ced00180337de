import { constants } from "node:os";
import { describe, expect, it } from "vitest";
import { EBUSY, EEXIST, EINVAL, ENOBUFS, ENODEV, EPERM } from "../../src/errno.ts";
import { HostError, NetlinkError } from "../../src/errors.ts";
import { OWN_NETNS } from "../../src/host.ts";
import { attrs, body } from "../../src/netlink/attributes.ts";
import { struct, u8, u32 } from "../../src/netlink/codec.ts";
import { type Request, request } from "../../src/netlink/message.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE, Socket } from "../../src/netlink/socket.ts";
import { caughtAs } from "../support/caught.ts";
import { acknowledges, datagram, done, fakeKernel, message, type Sent } from "../support/fake-kernel.ts";

interface Thing {
  readonly index?: number;
  readonly size?: number;
}
const codec = body(struct({ index: u32 }), attrs({ size: [1, u8] }));
const newThing: Request<Thing> = request("NEWTHING", 0x20, codec);
const getThing: Request<Thing> = request("GETTHING", 0x22, codec);

const MULTI = 0x2;
const DUMP_INTR = 0x10;
const thing = (seq: number, index: number, flags = 0) => message(0x20, flags, seq, [index, 0, 0, 0]);

/** A socket whose kernel says this, and the kernel. */
function opened(
  answer: (sent: Sent, round: number) => readonly (Uint8Array | number)[],
  options: Parameters<typeof fakeKernel>[1] = {},
) {
  let round = 0;
  const kernel = fakeKernel((messages) => answer(messages[0]!, round++), options);
  return { kernel, socket: Socket.open(kernel, OWN_NETNS, NETLINK_ROUTE) };
}

describe("Socket.open", () => {
  it("opens a raw netlink socket in the namespace and asks for extended answers", () => {
    const kernel = fakeKernel(() => []);
    const { fd } = Socket.open(kernel, 7, NETLINK_NETFILTER);
    expect(kernel.sockets.get(fd)).toMatchObject({ netns: 7, domain: 16, type: 3, protocol: 12 });
    // SOL_NETLINK, NETLINK_EXT_ACK
    expect(kernel.sockets.get(fd)!.options).toEqual([[270, 11, 1]]);
  });

  it("asks once for strict checks before it dumps", () => {
    const { kernel, socket } = opened(({ seq }) => [done(seq)]);
    const { options } = kernel.sockets.get(socket.fd)!;
    socket.get("get", newThing, {}, []);
    expect(options).toHaveLength(1);
    for (let dump = 0; dump < 2; dump++) socket.dump("list", newThing, {});
    // NETLINK_GET_STRICT_CHK
    expect(options.slice(1)).toEqual([[270, 12, 1]]);
  });

  it("works on a kernel that has none of these options", () => {
    const { socket } = opened(({ seq }) => [acknowledges(seq)], { fails: { setsockopt: -92 } });
    expect(socket.try(newThing, {})).toEqual({ errno: 0 });
  });

  it("throws where no socket can be had", () => {
    const kernel = fakeKernel(() => [], { fails: { socket: -EPERM } });
    const error = caughtAs(HostError, () => Socket.open(kernel, OWN_NETNS, NETLINK_ROUTE));
    expect(error.message).toBe("socket netlink 0: EPERM (operation not permitted)");
  });

  it("closes what it opened", () => {
    const { kernel, socket } = opened(() => []);
    socket.close();
    expect(kernel.sockets.get(socket.fd)!.closed).toBe(true);
  });
});

describe("netnsCookie", () => {
  it("is the number in full", () => {
    const cookie = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    expect(opened(() => [], { getsockopt: cookie }).socket.netnsCookie()).toBe("18446744073709551615");
  });

  it("is undefined where the kernel has none", () => {
    expect(opened(() => [], { getsockopt: -92 }).socket.netnsCookie()).toBeUndefined();
  });
});

describe("try", () => {
  it("sends NLM_F_REQUEST, NLM_F_ACK and the flags it is given, in one datagram", () => {
    const { kernel, socket } = opened(({ seq }) => [acknowledges(seq)]);
    socket.try(newThing, { index: 5, size: 6 }, 0x600);
    expect(kernel.sends).toEqual([
      [{ type: 0x20, flags: 0x605, seq: 1, body: Uint8Array.of(5, 0, 0, 0, 5, 0, 1, 0, 6, 0, 0, 0) }],
    ]);
  });

  it("numbers its requests", () => {
    const { kernel, socket } = opened(({ seq }) => [acknowledges(seq)]);
    for (let times = 0; times < 3; times++) socket.try(newThing, {});
    expect(kernel.sends.map(([sent]) => sent!.seq)).toEqual([1, 2, 3]);
    expect(socket.nextSeq).toBe(4);
  });

  it("returns the kernel's refusal and its words", () => {
    const { socket } = opened(({ seq }) => [acknowledges(seq, EINVAL, "Invalid MTU")]);
    expect(socket.try(newThing, {})).toEqual({ errno: EINVAL, extack: "Invalid MTU" });
  });

  it("waits for its own answer among those to other numbers", () => {
    const { socket } = opened(({ seq }) => [
      acknowledges(seq - 1, EPERM),
      datagram(thing(0, 1), acknowledges(seq + 1, EPERM), acknowledges(seq, EEXIST)),
    ]);
    expect(socket.try(newThing, {})).toEqual({ errno: EEXIST });
  });

  it("does not take what comes before the answer for it", () => {
    const { socket } = opened(({ seq }) => [
      datagram(thing(seq, 9), message(0x20, 0, seq, [])),
      acknowledges(seq),
    ]);
    expect(socket.try(newThing, {})).toEqual({ errno: 0 });
  });

  it("throws where the kernel does not answer within a minute", () => {
    const { kernel, socket } = opened(() => []);
    expect(caughtAs(HostError, () => socket.try(newThing, {})).message).toBe(
      "recv netlink: ETIMEDOUT (connection timed out)",
    );
    expect(kernel.timeouts).toEqual([60_000]);
  });

  it("throws where nothing can be sent, and names the request", () => {
    const { socket } = opened(() => [], { fails: { send: -ENOBUFS } });
    expect(caughtAs(HostError, () => socket.try(newThing, {}))).toMatchObject({
      errno: ENOBUFS,
      call: "send",
      target: "NEWTHING",
    });
  });

  it("throws where the kernel dropped the answer", () => {
    const { socket } = opened(() => [-ENOBUFS]);
    expect(caughtAs(HostError, () => socket.try(newThing, {})).errno).toBe(ENOBUFS);
  });

  it.each([
    ["a datagram cut inside a header", Uint8Array.of(1, 2, 3)],
    ["a datagram cut inside a body", acknowledges(1).subarray(0, 18)],
    ["an answer without errno", message(2, 0, 1, [0, 0])],
  ])("throws on %s", (_name, bytes) => {
    const { socket } = opened(() => [bytes]);
    expect(() => socket.try(newThing, {})).toThrow(/^recv netlink: .*: EBADMSG/);
  });
});

describe("begin", () => {
  it("lets the caller go on, and gives the kernel's answer when it is asked for", () => {
    const { kernel, socket } = opened(({ seq }) => [acknowledges(seq, EEXIST)]);
    const end = socket.begin(newThing, { index: 1 }, 0x600);
    expect(kernel.sends).toEqual([]);
    expect(end()).toMatchObject({ errno: EEXIST });
    expect(kernel.sends).toMatchObject([[{ type: 0x20, flags: 0x605 }]]);
  });

  it("sends at once where there can be no thread", () => {
    const { kernel, socket } = opened(({ seq }) => [acknowledges(seq)], { fails: { sendAside: -EBUSY } });
    const end = socket.begin(newThing, { index: 1 });
    expect(kernel.sends).toHaveLength(1);
    expect(end()).toEqual({ errno: 0 });
  });

  it("comes before whatever else is asked", () => {
    const { kernel, socket } = opened(({ seq }) => [acknowledges(seq, seq === 1 ? EEXIST : 0)]);
    const end = socket.begin(newThing, { index: 1 });
    expect(socket.try(newThing, { index: 2 })).toEqual({ errno: 0 });
    expect(end()).toMatchObject({ errno: EEXIST });
    expect(kernel.sends.map(([sent]) => sent!.seq)).toEqual([1, 2]);
  });

  it("throws where nothing could be sent, and names the request", () => {
    const { socket } = opened(() => [], { fails: { endAside: -EPERM } });
    const error = caughtAs(HostError, () => socket.begin(newThing, { index: 1 })());
    expect(error).toMatchObject({ errno: EPERM, message: expect.stringContaining("NEWTHING") });
  });
});

describe("ack", () => {
  it("returns nothing where the kernel agrees, a warning included", () => {
    const { socket } = opened(({ seq }) => [acknowledges(seq, 0, "ignored")]);
    expect(socket.ack("set it up", newThing, {})).toBeUndefined();
  });

  it("throws what was tried, the errno and the kernel's words", () => {
    const { socket } = opened(({ seq }) => [acknowledges(seq, EINVAL, "Invalid MTU")]);
    const error = caughtAs(NetlinkError, () => socket.ack("set it up", newThing, {}));
    expect(error.message).toBe("cannot set it up: EINVAL (invalid argument) (Invalid MTU)");
    expect(error).toMatchObject({ errno: EINVAL, extack: "Invalid MTU" });
  });
});

describe("get", () => {
  it("asks without NLM_F_ACK, so that the object is all that comes", () => {
    const { kernel, socket } = opened(({ seq }) => [thing(seq, 7)]);
    expect(socket.get("look", getThing, { index: 7 }, [ENODEV])).toEqual({ index: 7 });
    expect(kernel.sends[0]![0]!.flags).toBe(1);
    expect(kernel.timeouts).toHaveLength(1);
  });

  it("is undefined where there is none, and throws any other refusal", () => {
    const { socket } = opened(({ seq }, round) => [acknowledges(seq, round === 0 ? ENODEV : EPERM)]);
    expect(socket.get("look", getThing, {}, [ENODEV])).toBeUndefined();
    expect(caughtAs(NetlinkError, () => socket.get("look", getThing, {}, [ENODEV])).message).toBe(
      "cannot look: EPERM (operation not permitted)",
    );
  });

  it("does not take the late answer to an earlier request", () => {
    const { socket } = opened(({ seq }) => [datagram(thing(seq - 1, 1), thing(seq, 2))]);
    expect(socket.get("look", getThing, {}, [])).toEqual({ index: 2 });
  });
});

describe("dump", () => {
  it("collects from datagram to datagram until the end", () => {
    const { kernel, socket } = opened(({ seq }) => [
      datagram(thing(seq, 1, MULTI), thing(seq, 2, MULTI)),
      thing(seq, 3, MULTI),
      done(seq),
    ]);
    expect(socket.dump("list", getThing, {})).toEqual([{ index: 1 }, { index: 2 }, { index: 3 }]);
    expect(kernel.sends[0]![0]!.flags).toBe(0x301);
  });

  it("takes an end in the last datagram, and no objects at all", () => {
    const { socket } = opened(({ seq }, round) => [
      round === 0 ? datagram(thing(seq, 1, MULTI), done(seq)) : done(seq),
    ]);
    expect(socket.dump("list", getThing, {})).toEqual([{ index: 1 }]);
    expect(socket.dump("list", getThing, {})).toEqual([]);
  });

  it("ends with an object that is no part of a series", () => {
    const { socket } = opened(({ seq }) => [thing(seq, 1)]);
    expect(socket.dump("list", getThing, {})).toEqual([{ index: 1 }]);
  });

  it("leaves out what is another request's", () => {
    const { socket } = opened(({ seq }) => [
      datagram(thing(seq + 1, 8, MULTI), thing(seq, 1, MULTI), done(seq - 1)),
      done(seq),
    ]);
    expect(socket.dump("list", getThing, {})).toEqual([{ index: 1 }]);
  });

  it.each([
    ["an object", (seq: number) => [thing(seq, 1, MULTI | DUMP_INTR), thing(seq, 1, MULTI), done(seq)]],
    ["its end", (seq: number) => [thing(seq, 1, MULTI), done(seq, 0, DUMP_INTR)]],
  ])("is read again whole where %s says that it was interrupted", (_name, interrupted) => {
    const { kernel, socket } = opened(({ seq }, round) =>
      round < 2 ? interrupted(seq) : [thing(seq, 2, MULTI), done(seq)],
    );
    expect(socket.dump("list", getThing, {})).toEqual([{ index: 2 }]);
    expect(kernel.sends.map(([sent]) => sent!.seq)).toEqual([1, 2, 3]);
  });

  it("gives up after five times", () => {
    const { kernel, socket } = opened(({ seq }) => [done(seq, 0, DUMP_INTR)]);
    const error = caughtAs(NetlinkError, () => socket.dump("list links", getThing, {}));
    expect(error).toMatchObject({ errno: EBUSY, request: "cannot list links" });
    expect(kernel.sends).toHaveLength(5);
  });

  it("is empty where the kernel has no such thing, and throws any other refusal", () => {
    const absent = opened(({ seq }) => [acknowledges(seq, ENODEV)]);
    expect(absent.socket.dump("list", getThing, {}, [ENODEV])).toEqual([]);
    const refused = opened(({ seq }) => [acknowledges(seq, EINVAL, "no")]);
    expect(caughtAs(NetlinkError, () => refused.socket.dump("list", getThing, {}, [ENODEV]))).toMatchObject({
      errno: EINVAL,
      extack: "no",
    });
  });

  it("throws the errno that its end carries", () => {
    const { socket } = opened(({ seq }) => [thing(seq, 1, MULTI), done(seq, constants.errno.EINTR)]);
    expect(caughtAs(NetlinkError, () => socket.dump("list", getThing, {})).errno).toBe(constants.errno.EINTR);
  });

  it("can be asked again after a reply that did not fit", () => {
    const { socket } = opened(({ seq }, round) =>
      round === 0
        ? [datagram(message(0x20, MULTI, seq, [1]), done(seq))]
        : [datagram(thing(seq, 1, MULTI), done(seq))],
    );
    expect(() => socket.dump("list", getThing, {})).toThrow("1 bytes where a header of 4 was expected");
    expect(socket.dump("list", getThing, {})).toEqual([{ index: 1 }]);
  });
});

describe("Socket.listen", () => {
  it("joins the group and sends nothing", () => {
    const kernel = fakeKernel(() => []);
    const { fd } = Socket.listen(kernel, 7, NETLINK_ROUTE, 9);
    const { bound, ...opened } = kernel.sockets.get(fd)!;
    expect(opened).toMatchObject({ netns: 7, domain: 16, type: 3, protocol: 0 });
    // struct sockaddr_nl: family, pad, port 0, the groups' bits
    expect(bound).toEqual(Uint8Array.of(16, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0));
    expect(kernel.sends).toEqual([]);
  });

  it("knows the last of the 32 groups", () => {
    const kernel = fakeKernel(() => []);
    const { fd } = Socket.listen(kernel, OWN_NETNS, NETLINK_ROUTE, 32);
    expect(kernel.sockets.get(fd)!.bound!.subarray(8)).toEqual(Uint8Array.of(0, 0, 0, 0x80));
  });

  it("throws where it may not", () => {
    const kernel = fakeKernel(() => [], { fails: { bind: -EPERM } });
    expect(caughtAs(HostError, () => Socket.listen(kernel, OWN_NETNS, NETLINK_ROUTE, 1)).message).toBe(
      "bind netlink group 1: EPERM (operation not permitted)",
    );
  });
});

describe("announced", () => {
  const listening = (...announced: (Uint8Array | number)[]) => {
    const kernel = fakeKernel(() => [], { announced });
    return { kernel, socket: Socket.listen(kernel, OWN_NETNS, NETLINK_ROUTE, 1) };
  };

  it("gives each announcement's messages", () => {
    const { socket } = listening(datagram(thing(0, 1), thing(0, 2)), thing(0, 3));
    expect(socket.announced(10)).toHaveLength(2);
    expect(socket.announced(10)).toMatchObject([{ type: 0x20, seq: 0 }]);
  });

  it("is undefined at the deadline, and never waits a negative time", () => {
    const { kernel, socket } = listening();
    expect(socket.announced(12.5)).toBeUndefined();
    expect(socket.announced(-3)).toBeUndefined();
    expect(kernel.timeouts).toEqual([12.5, 0]);
  });

  it("tells that announcements were lost, and goes on", () => {
    const { socket } = listening(-ENOBUFS, thing(0, 1));
    expect(socket.announced(10)).toBe("lost");
    expect(socket.announced(10)).toHaveLength(1);
  });

  it("throws any other failure", () => {
    expect(caughtAs(HostError, () => listening(-EPERM).socket.announced(10)).errno).toBe(EPERM);
  });
});
