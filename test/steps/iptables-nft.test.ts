// Who changes the chain between our look and our transaction, and kernels without nf_tables; the rest, with rules that
// iptables itself has written, is in test/kernel/{iptables-backend,upgrade-masquerade}.test.ts.

import { describe, expect, it } from "vitest";
import { EBUSY, EINVAL, ENOENT, EPERM, EPROTONOSUPPORT } from "../../src/errno.ts";
import { families } from "../../src/kernel/iptables-chain.ts";
import { removeFromNft } from "../../src/kernel/iptables-nft.ts";
import { canMasquerade } from "../../src/kernel/masquerade.ts";
import { removeReferenceRules } from "../../src/kernel/reference-masquerade.ts";
import { Session } from "../../src/kernel/session.ts";
import { parseIp } from "../../src/net/ip.ts";
import type { Message } from "../../src/netlink/message.ts";
import { delChain, delRule, getChain, newChain, newRule, type Rule } from "../../src/netlink/nf-tables.ts";
import { datagram, errorOf, fakeNetlink, listOf } from "../support/fake-netlink.ts";

const CHAIN = "CNI-x";

/** A jump as iptables-nft writes it, without comment and counter. */
const jump = (handle: bigint, source: string): Rule => ({
  table: "nat",
  chain: "POSTROUTING",
  handle,
  expressions: [
    { kind: "payload", data: { dreg: 1, base: 1, offset: 12, len: 4 } },
    { kind: "cmp", data: { sreg: 1, op: 0, data: { value: parseIp(source)! } } },
    { kind: "immediate", data: { dreg: 0, data: { verdict: { code: -3, chain: CHAIN } } } },
  ],
});
const referenceRule = (handle: bigint): Rule => {
  // The reference's vectors of network "unit-test", interface "eth0", container "one".
  const text = "6fd94d501e58f0aa-287fc69eff0574a2, net: unit-test, if: eth0, id: one\0";
  const userdata = new Uint8Array([0, text.length, ...Buffer.from(text)]);
  return { table: "cni_plugins_masquerade", chain: "masq_checks", handle, userdata };
};

/** One look at the kernel, and what it says to the transaction that follows. */
interface Round {
  /** Undefined: there is no chain. */
  readonly rules?: readonly Rule[];
  readonly errno?: number;
  /** The transaction; undefined where none may follow. */
  readonly changes?: readonly string[];
}

function play(rounds: readonly Round[], run: (session: Session) => void): void {
  let at = 0;
  const changesOf = (batch: readonly Message[]) =>
    batch.slice(1, -1).map(({ type, bytes, start, end }) => {
      if (type === delChain.type) return `chain ${delChain.codec.read(bytes, start, end).name}`;
      const { chain, handle } = delRule.codec.read(bytes, start, end);
      return `${chain} ${handle ?? "all"}`;
    });
  const host = fakeNetlink({
    answer: (messages) => {
      const first = messages[0]!;
      const { rules, errno = 0, changes } = rounds[at]!;
      if (first.type === getChain.type)
        return [rules === undefined ? errorOf(first, ENOENT) : datagram(newChain, {}, first.seq)];
      if (messages.length === 1) return listOf(first, newRule, rules ?? []);
      expect(changesOf(messages)).toEqual(changes);
      at++;
      return [errorOf(messages.at(-2)!, errno)];
    },
  });
  run(new Session(host, undefined));
  expect(at).toBe(rounds.filter(({ changes }) => changes !== undefined).length);
}

describe("removeFromNft", () => {
  const a = jump(7n, "10.1.0.5");
  const b = jump(8n, "10.1.0.6");
  const whole = ["POSTROUTING 7", `${CHAIN} all`, `chain ${CHAIN}`];
  it.each<[string, readonly Round[]]>([
    ["no chain: nothing is listed", [{}]],
    ["the only jump goes with the chain", [{ rules: [a], changes: whole }]],
    ["a chain without a jump goes, too", [{ rules: [], changes: whole.slice(1) }]],
    ["another's jump keeps the chain", [{ rules: [a, b], changes: ["POSTROUTING 7"] }, { rules: [b] }]],
    [
      "the other's DEL at the same time leaves the chain to us",
      [
        { rules: [a, b], changes: ["POSTROUTING 7"] },
        { rules: [], changes: whole.slice(1) },
      ],
    ],
    [
      "a jump that is made meanwhile keeps the chain",
      [
        { rules: [a], errno: EBUSY, changes: whole },
        { rules: [a, b], changes: ["POSTROUTING 7"] },
        { rules: [b] },
      ],
    ],
    ["what vanishes meanwhile is looked for again", [{ rules: [a], errno: ENOENT, changes: whole }, {}]],
    [
      "an old kernel lists other chains as well",
      [{ rules: [{ ...a, chain: "OTHER" }, { ...a, table: "filter" }, a], changes: whole }],
    ],
  ])("%s", (_name, rounds) => {
    const isOwn = ({ ip }: { ip: Uint8Array }) => ip[3] === 5;
    play(rounds, (session) => removeFromNft(session, families[0]!, CHAIN, isOwn));
  });

  it("tells what the kernel refuses", () => {
    const rounds = [{ rules: [a], errno: EPERM, changes: whole }];
    expect(() => play(rounds, (session) => removeFromNft(session, families[0]!, CHAIN, () => true))).toThrow(
      /^cannot remove chain CNI-x of table nat \(iptables\): EPERM/,
    );
  });
});

describe("removeReferenceRules", () => {
  const owner = { network: "unit-test", containerId: "one", ifname: "eth0" };
  const other = { ...referenceRule(3n), userdata: new Uint8Array([0, 4, ...Buffer.from("6fd\0")]) };
  it.each<[string, readonly Round[]]>([
    ["nothing there: no transaction", [{ rules: [] }]],
    ["only another's: no transaction", [{ rules: [other] }]],
    [
      "its own rules, nobody else's",
      [{ rules: [other, referenceRule(4n), referenceRule(5n)], changes: ["masq_checks 4", "masq_checks 5"] }],
    ],
    [
      "one that vanishes meanwhile",
      [
        {
          rules: [referenceRule(4n), referenceRule(5n)],
          errno: ENOENT,
          changes: ["masq_checks 4", "masq_checks 5"],
        },
        { rules: [referenceRule(5n)], changes: ["masq_checks 5"] },
      ],
    ],
  ])("%s", (_name, rounds) => play(rounds, (session) => removeReferenceRules(session, owner)));
});

describe("canMasquerade", () => {
  it("is false where the kernel has no netfilter sockets", () => {
    const host = { ...fakeNetlink({ answer: () => [] }), socket: () => -EPROTONOSUPPORT };
    expect(canMasquerade(new Session(host, undefined))).toBe(false);
  });

  it("is false where they know no nf_tables", () => {
    const host = fakeNetlink({ answer: ([first]) => [errorOf(first!, EINVAL)] });
    expect(canMasquerade(new Session(host, undefined))).toBe(false);
  });
});
