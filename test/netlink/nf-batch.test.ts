// What the kernel answers a batch follows nfnetlink_rcv_batch in net/netfilter/nfnetlink.c: every message that fails
// has an answer of its own, the one that asks for it has one in any case, and what ends the whole batch (a generation
// that is past, no permission, no memory) is an answer to the first message.

import { describe, expect, it } from "vitest";
import { EEXIST, EINVAL, ENOENT, EPERM, ERESTART } from "../../src/errno.ts";
import { HostError } from "../../src/errors.ts";
import { OWN_NETNS } from "../../src/host.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../../src/netlink/message.ts";
import { Batch } from "../../src/netlink/nf-batch.ts";
import { getGen, NFPROTO_INET, newChain, newSet, newTable } from "../../src/netlink/nf-tables.ts";
import { NETLINK_NETFILTER, Socket } from "../../src/netlink/socket.ts";
import { acknowledges, datagram, fakeKernel, message, type Sent } from "../support/fake-kernel.ts";

const NLM_F_ACK = 0x4;

/** A socket whose kernel answers batches like this; other requests are acknowledged. */
function opened(answer: (sent: readonly Sent[]) => readonly (Uint8Array | number)[]) {
  const kernel = fakeKernel((sent) => (sent.length > 1 ? answer(sent) : [acknowledges(sent[0]!.seq)]));
  return { kernel, socket: Socket.open(kernel, OWN_NETNS, NETLINK_NETFILTER) };
}

function changes(): Batch {
  return new Batch()
    .add(newTable, { family: NFPROTO_INET, name: "t" }, NLM_F_CREATE | NLM_F_EXCL)
    .add(newSet, { family: NFPROTO_INET, table: "t", name: "s" }, NLM_F_CREATE)
    .add(newChain, { family: NFPROTO_INET, table: "t", name: "c" }, NLM_F_CREATE);
}

const last = (sent: readonly Sent[]) => sent.at(-2)!.seq;

describe("Batch", () => {
  it("frames its changes and asks for the answer to the last", () => {
    const { kernel, socket } = opened((sent) => [acknowledges(last(sent))]);
    expect(changes().commit(socket)).toMatchObject({ errno: 0 });
    const [sent] = kernel.sends;
    expect(sent!.map(({ type, flags, seq }) => ({ type, flags, seq }))).toEqual([
      { type: 16, flags: 1, seq: 1 },
      { type: 0xa00, flags: 0x601, seq: 2 },
      { type: 0xa09, flags: 0x401, seq: 3 },
      { type: 0xa03, flags: 0x401 | NLM_F_ACK, seq: 4 },
      { type: 17, flags: 1, seq: 5 },
    ]);
    // struct nfgenmsg with NFNL_SUBSYS_NFTABLES in network order
    for (const frame of [sent![0]!, sent![4]!]) expect(frame.body).toEqual(Uint8Array.of(0, 0, 0, 10));
  });

  it("is bound to a generation by NFNL_BATCH_GENID, in network order", () => {
    const { kernel, socket } = opened((sent) => [acknowledges(last(sent))]);
    changes().commit(socket, 0x01020304);
    expect(kernel.sends[0]![0]!.body).toEqual(Uint8Array.of(0, 0, 0, 10, 8, 0, 1, 0, 1, 2, 3, 4));
  });

  it("goes on numbering behind the frame", () => {
    const { kernel, socket } = opened((sent) => [acknowledges(last(sent))]);
    changes().commit(socket);
    socket.try(getGen, {});
    changes().commit(socket);
    expect(kernel.sends.map(([first]) => first!.seq)).toEqual([1, 6, 7]);
  });

  it("names the change that was refused", () => {
    const { socket } = opened((sent) => [
      datagram(acknowledges(sent[2]!.seq, ENOENT, "no such table"), acknowledges(last(sent))),
    ]);
    expect(changes().commit(socket)).toMatchObject({
      errno: ENOENT,
      extack: "no such table",
      of: "NFT_MSG_NEWSET",
    });
  });

  it("reports the first of several refusals, in one datagram or many", () => {
    for (const join of [(...all: Uint8Array[]) => [datagram(...all)], (...all: Uint8Array[]) => all]) {
      const { socket } = opened((sent) =>
        join(
          acknowledges(sent[1]!.seq, EEXIST),
          acknowledges(sent[2]!.seq, ENOENT),
          acknowledges(sent[3]!.seq, EINVAL),
        ),
      );
      expect(changes().commit(socket)).toMatchObject({ errno: EEXIST, of: "NFT_MSG_NEWTABLE" });
    }
  });

  it("reports a refusal of the last", () => {
    const { socket } = opened((sent) => [acknowledges(last(sent), EINVAL)]);
    expect(changes().commit(socket)).toMatchObject({ errno: EINVAL, of: "NFT_MSG_NEWCHAIN" });
  });

  it.each([
    ["a generation that is past", ERESTART],
    ["no permission", EPERM],
  ])("takes the refusal of the first message for the whole: %s", (_name, errno) => {
    const { kernel, socket } = opened(([first]) => [acknowledges(first!.seq, errno)]);
    expect(changes().commit(socket, 1)).toMatchObject({ errno, of: "commit" });
    expect(kernel.timeouts).toHaveLength(1);
  });

  it("is not misled later by what it did not wait for", () => {
    let round = 0;
    // A commit that fails: the whole is refused, and yet the last change has its answer.
    const { socket } = opened((sent) =>
      round++ === 0
        ? [acknowledges(sent[0]!.seq, EINVAL), acknowledges(last(sent))]
        : [acknowledges(sent[1]!.seq, EEXIST), acknowledges(last(sent))],
    );
    expect(changes().commit(socket)).toMatchObject({ errno: EINVAL, of: "commit" });
    expect(changes().commit(socket)).toMatchObject({ errno: EEXIST, of: "NFT_MSG_NEWTABLE" });
    expect(socket.try(getGen, {})).toEqual({ errno: 0 });
  });

  it("passes over what is no answer to it", () => {
    const { socket } = opened((sent) => [
      message(0xa00, 0, 0, [1, 0, 0, 0]),
      acknowledges(sent[0]!.seq - 1, EPERM),
      acknowledges(last(sent)),
    ]);
    expect(changes().commit(socket)).toMatchObject({ errno: 0 });
  });

  it("grows beyond the first buffer", () => {
    const { kernel, socket } = opened((sent) => [acknowledges(last(sent))]);
    const batch = new Batch();
    const names = Array.from({ length: 200 }, (_, index) => `chain-${index}`);
    for (const name of names) batch.add(newChain, { family: NFPROTO_INET, table: "t", name }, NLM_F_CREATE);
    batch.commit(socket);
    const sent = kernel.sends[0]!.slice(1, -1);
    expect(sent.map(({ body }) => Buffer.from(body).toString("latin1"))).toEqual(
      names.map((name) => expect.stringContaining(`${name}\0`)),
    );
  });

  it("throws where no answer comes", () => {
    const { socket } = opened(() => []);
    expect(() => changes().commit(socket)).toThrow(HostError);
  });
});
