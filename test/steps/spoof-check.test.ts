// Who changes the rules between our look and our transaction; the rest is in test/kernel/spoof-check.test.ts.

import { describe, expect, it } from "vitest";
import { EBUSY, EEXIST, ENOENT } from "../../src/errno.ts";
import { Session } from "../../src/kernel/session.ts";
import { apply, remove } from "../../src/kernel/spoof-check.ts";
import { type Message, NLM_F_DUMP_INTR } from "../../src/netlink/message.ts";
import {
  batchBegin,
  delChain,
  delRule,
  getChain,
  getRule,
  newChain,
  newRule,
  newTable,
  type Rule,
} from "../../src/netlink/nf-tables.ts";
import { datagram, errorOf, fakeNetlink, listOf } from "../support/fake-netlink.ts";

const owner = { network: "net", containerId: "c1", ifname: "eth0" };
const step = { kind: "spoof-check", owner, hostName: "veth0", mac: "02:00:00:00:00:01" } as const;
const userdata = (text: string) => new Uint8Array([0, text.length + 1, ...Buffer.from(`${text}\0`)]);
const jump = (handle: bigint, of = "c1-eth0"): Rule => ({ handle, userdata: userdata(`macspoofchk-${of}`) });

/** One look at the kernel, and what it says to the transaction that follows. */
interface Round {
  /** Undefined: nobody looks before this transaction. */
  readonly jumps?: readonly Rule[];
  /** The listing was interrupted by others' changes. */
  readonly torn?: true;
  readonly answer?: { readonly errno: number };
  /** Names of the messages of the transaction, and the handles that it deletes. */
  readonly changes?: readonly string[];
}

const names = new Map(
  [newTable, newChain, newRule, delChain, delRule].map(({ type, name }) => [type, name.slice(8)]),
);
const ADDED = ["NEWTABLE", ...Array(3).fill("NEWCHAIN"), ...Array(4).fill("NEWRULE")];
const CHAINS = ["DELCHAIN", "DELCHAIN"];

function play(rounds: readonly Round[], run: (session: Session) => void): void {
  let at = 0;
  const changesOf = (batch: readonly Message[]) =>
    batch.slice(1, -1).map(({ type, bytes, start, end }) => {
      const { handle } = type === delRule.type ? delRule.codec.read(bytes, start, end) : {};
      return handle === undefined ? names.get(type) : `${names.get(type)} ${handle}`;
    });
  const host = fakeNetlink({
    answer: (messages) => {
      const [first] = messages;
      const { jumps, torn, answer = { errno: 0 }, changes } = rounds[at]!;
      if (first!.type === getChain.type) {
        return jumps === undefined ? [errorOf(first!, ENOENT)] : [datagram(newChain, {}, first!.seq)];
      }
      if (first!.type === getRule.type)
        return listOf(first!, newRule, jumps!, torn === true ? NLM_F_DUMP_INTR : 0);
      expect(first!.type).toBe(batchBegin.type);
      expect(changesOf(messages)).toEqual(changes);
      at++;
      return [errorOf(messages.at(-2)!, answer.errno)];
    },
  });
  run(new Session(host, undefined));
  expect(rounds.slice(at).filter(({ changes }) => changes !== undefined)).toEqual([]);
}

describe("apply of spoof-check", () => {
  it.each<[string, readonly Round[]]>([
    ["nothing there: one transaction, no look", [{ changes: ADDED }]],
    [
      "leftovers: replaced in one transaction",
      [
        { answer: { errno: EEXIST }, changes: ADDED },
        {
          jumps: [jump(3n, "c2-eth0"), jump(4n), jump(5n)],
          changes: ["DELRULE 4", "DELRULE 5", ...CHAINS, ...ADDED],
        },
      ],
    ],
    [
      "leftovers that somebody removes meanwhile",
      [
        { answer: { errno: EEXIST }, changes: ADDED },
        { jumps: [jump(4n)], answer: { errno: ENOENT }, changes: ["DELRULE 4", ...CHAINS, ...ADDED] },
        { changes: ADDED },
      ],
    ],
  ])("%s", (_name, rounds) => play(rounds, (session) => apply(session, step)));

  it("gives up when the name stays taken by something else", () => {
    const rounds = [
      { answer: { errno: EEXIST }, changes: ADDED },
      { answer: { errno: EEXIST }, changes: ADDED },
    ];
    expect(() => play(rounds, (session) => apply(session, step))).toThrow(
      /^cannot set up the MAC spoof check of veth0/,
    );
  });
});

describe("remove of spoof-check", () => {
  it.each<[string, readonly Round[]]>([
    ["nothing there: no transaction", [{}]],
    [
      "its jumps and chains, nobody else's",
      [{ jumps: [jump(3n, "c2-eth0"), jump(4n)], changes: ["DELRULE 4", ...CHAINS] }],
    ],
    ["a comment that only begins like ours", [{ jumps: [jump(3n, "c1-eth01")], changes: CHAINS }]],
    [
      "a jump that a torn listing missed: looks again",
      [
        { jumps: [], torn: true, answer: { errno: EBUSY }, changes: CHAINS },
        { jumps: [jump(4n)], torn: true, changes: ["DELRULE 4", ...CHAINS] },
      ],
    ],
    [
      "somebody else removed it meanwhile: content",
      [{ jumps: [jump(4n)], answer: { errno: ENOENT }, changes: ["DELRULE 4", ...CHAINS] }, {}],
    ],
  ])("%s", (_name, rounds) => play(rounds, (session) => remove(session, owner)));

  it("gives up when the chain stays in use", () => {
    const rounds = Array(100).fill({ jumps: [], answer: { errno: EBUSY }, changes: CHAINS });
    expect(() => play(rounds, (session) => remove(session, owner))).toThrow(
      "cannot remove the MAC spoof check of eth0 of c1: EBUSY",
    );
  });
});
