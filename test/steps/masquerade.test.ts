// Putting back an element while others change the same table: the kernel's answers in an order that a real one gives
// once in a thousand runs. With a real kernel: test/kernel/bridge-flush.test.ts.

import { describe, expect, it } from "vitest";
import { EPERM, ERESTART } from "../../src/errno.ts";
import { ownerComment } from "../../src/kernel/element-owner.ts";
import { type MasqueradeStep, restore } from "../../src/kernel/masquerade.ts";
import { Session } from "../../src/kernel/session.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../../src/netlink/message.ts";
import {
  batchBegin,
  delSetElem,
  type Element,
  getChain,
  getGen,
  getRule,
  getSetElem,
  newChain,
  newRule,
  newSetElem,
} from "../../src/netlink/nf-tables.ts";
import { datagram, errorOf, fakeNetlink, listOf } from "../support/fake-netlink.ts";

const address = new Uint8Array([10, 1, 0, 5]);
const step: MasqueradeStep = {
  kind: "masquerade",
  address: "10.1.0.5/24",
  owner: { network: "net", containerId: "one", ifname: "eth0" },
  exclude: [],
  randomFully: false,
};

type Owner = "nobody" | "one" | "two";
interface Round {
  /** Whose the element is when it is looked up. */
  readonly found: Owner;
  /** What the kernel says to the transaction; undefined where none may follow. */
  readonly errno?: number;
}

/** Plays the rounds; the transactions' changes by round. */
function play(rounds: readonly Round[]): string[][] {
  const transactions: string[][] = [];
  let round = -1;
  const host = fakeNetlink({
    answer: (messages) => {
      const [first] = messages;
      switch (first!.type) {
        case getChain.type:
          return [datagram(newChain, { name: "any", use: 2 }, first!.seq)];
        case getRule.type:
          return listOf(first!, newRule, [{ chain: "any" }]);
        case getGen.type:
          round++;
          return [datagram(getGen, { id: 100 + round }, first!.seq)];
        case getSetElem.type: {
          const { found } = rounds[round]!;
          if (found === "nobody") return [errorOf(first!, 2)];
          const userdata = ownerComment(host, { ...step.owner, containerId: found });
          const element: Element = { key: { value: address }, userdata };
          return [datagram(newSetElem, { elements: [element] }, first!.seq)];
        }
        case batchBegin.type: {
          const { genid } = batchBegin.codec.read(first!.bytes, first!.start, first!.end);
          expect(genid).toBe(100 + round);
          const changes = messages.slice(1, -1);
          transactions.push(
            changes.map(({ type, flags }) => {
              if (type === delSetElem.type) return "delete";
              expect(type).toBe(newSetElem.type);
              expect(flags & (NLM_F_CREATE | NLM_F_EXCL)).toBe(NLM_F_CREATE | NLM_F_EXCL);
              return "add";
            }),
          );
          return [errorOf(messages.at(-2)!, rounds[round]!.errno!)];
        }
        default:
          throw new Error(`unexpected message ${first!.type}`);
      }
    },
  });
  restore(new Session(host, undefined), step);
  expect(round).toBe(rounds.length - 1);
  return transactions;
}

describe("restore", () => {
  it.each<[string, readonly Round[], string[][]]>([
    ["adds what is gone", [{ found: "nobody", errno: 0 }], [["add"]]],
    ["replaces its own that leads elsewhere", [{ found: "one", errno: 0 }], [["delete", "add"]]],
    ["leaves the address's next holder alone", [{ found: "two" }], []],
    [
      "leaves it alone too where it came between the look and the change",
      [{ found: "nobody", errno: ERESTART }, { found: "two" }],
      [["add"]],
    ],
    [
      "looks again where somebody else changed something",
      [
        { found: "one", errno: ERESTART },
        { found: "nobody", errno: 0 },
      ],
      [["delete", "add"], ["add"]],
    ],
  ])("%s", (_, rounds, transactions) => {
    expect(play(rounds)).toEqual(transactions);
  });

  it("tells what the kernel refuses", () => {
    expect(() => play([{ found: "nobody", errno: EPERM }])).toThrow(/^cannot masquerade 10.1.0.5\/24: EPERM/);
  });
});
