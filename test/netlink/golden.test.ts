// Our attribute tables against the bytes of ip, bridge and nft (scripts/capture-golden.sh). A request must decode to
// what its command says, and that value must encode to the same bytes, or, where the tool orders its attributes in
// another way, does not mark nests, or sends more than we do, to bytes that decode to the same.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decode, encode } from "../../src/netlink/codec.ts";
import * as ifAddr from "../../src/netlink/if-addr.ts";
import * as ifBridge from "../../src/netlink/if-bridge.ts";
import * as ifLink from "../../src/netlink/if-link.ts";
import { NLM_F_REQUEST, type Request, readMessages } from "../../src/netlink/message.ts";
import * as nft from "../../src/netlink/nf-tables.ts";
import * as rtnetlink from "../../src/netlink/rtnetlink.ts";
import { fromHex, golden, goldenNames, toHex } from "../support/golden.ts";
import { nftRequests } from "./captured-nf-tables.ts";
import { rtnetlinkRequests } from "./captured-rtnetlink.ts";
import { answers, bodyOf, NFT_MSG_NEWGEN, RTM_NEWNSID, requestIn } from "./captures.ts";

const requests = [...rtnetlinkRequests, ...nftRequests];

describe("requests of ip, bridge and nft", () => {
  it.each(requests.map((each) => ({ ...each, command: golden(each.name).command })))("$command", ({
    name,
    what,
    value,
    flags,
    same,
    adds,
  }) => {
    const message = requestIn(name);
    expect({ type: message.type, flags: message.flags }).toEqual({
      type: what.type,
      flags: NLM_F_REQUEST | flags,
    });
    const theirs = bodyOf(message);
    const ours = encode(what.codec, value);
    expect(decode(what.codec, theirs)).toMatchObject(value as object);
    expect(decode(what.codec, theirs)).toEqual({ ...(decode(what.codec, ours) as object), ...adds });
    if (same) expect(toHex(ours)).toEqual(toHex(theirs));
    else expect(toHex(ours)).not.toEqual(toHex(theirs));
  });

  it("has a case for each capture", () => {
    const captured = goldenNames.filter((name) => !/answer$|^refusal/.test(name));
    expect(requests.map(({ name }) => name).sort()).toEqual(captured.sort());
  });
});

describe("attribute tables", () => {
  // No capture holds them: ip sets nothing of IPv4 with a link, and nft 1.0.6 binds no batch to a generation. The kernel
  // takes both (test/kernel/netlink-nft.test.ts, test/kernel/plan.test.ts).
  const elsewhere = ["arpNotify", "inet", "conf", "genid"];

  it("has every row in a capture", () => {
    const directory = new URL("../../src/netlink/", import.meta.url);
    const rows = new Set(
      readdirSync(directory)
        .filter((file) => /^(if-|nf-tables|rtnetlink)/.test(file))
        .flatMap((file) => [...readFileSync(new URL(file, directory), "utf8").matchAll(/(\w+): \[\s*\d+,/g)])
        .map(([, key]) => key!),
    );
    expect(rows.size).toBeGreaterThan(50);
    const tables = [ifAddr, ifBridge, ifLink, nft, rtnetlink].flatMap((table) => Object.values(table));
    const known = tables.filter((each): each is Request<unknown> => Object.hasOwn(Object(each), "codec"));
    const seen = new Set<string>();
    const visit = (value: unknown) => {
      if (typeof value !== "object" || value === null || value instanceof Uint8Array) return;
      for (const [key, inner] of Object.entries(value)) {
        seen.add(key);
        visit(inner);
      }
    };
    for (const { name, what } of requests) visit(decode(what.codec, bodyOf(requestIn(name))));
    for (const name of goldenNames.filter((each) => each.endsWith("-answer"))) {
      for (const message of readMessages(golden(name).bytes)) {
        const what = known.find(({ type }) => type === message.type);
        if (what !== undefined) visit(decode(what.codec, bodyOf(message)));
      }
    }
    visit(answers("list-table-answer", nft.getGen, NFT_MSG_NEWGEN));
    visit(answers("nsid-get-answer", rtnetlink.getNsid, RTM_NEWNSID));
    expect([...rows].filter((key) => !seen.has(key))).toEqual(elsewhere);
  });
});

describe("fromHex", () => {
  it("reads what toHex writes", () => {
    expect(toHex(fromHex("00 01\nff2345"))).toEqual(["00 01 ff 23", "45"]);
  });
});
