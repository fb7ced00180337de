// Messages of ip, bridge and nft, and the kernel's answers to them, out of the captures of scripts/capture-golden.sh.

import { expect } from "vitest";
import { parseIp } from "../../src/net/ip.ts";
import { parseMac } from "../../src/net/mac.ts";
import { decode } from "../../src/netlink/codec.ts";
import { type Message, NLM_F_REQUEST, type Request, readMessages } from "../../src/netlink/message.ts";
import * as nft from "../../src/netlink/nf-tables.ts";
import { golden } from "../support/golden.ts";

export const mac = (text: string) => parseMac(text)!;
export const ip = (text: string) => parseIp(text)!;
/** The chain of a network's rules. */
export const net = "net-0123456789abcdef";
/** User data of a comment: type 0, length with the NUL, text, NUL (libnftnl/udata.h). */
export const comment = (text: string) => Uint8Array.of(0, text.length + 1, ...Buffer.from(`${text}\0`));

/** A message without its header. */
export function bodyOf({ bytes, start, end }: Message): Uint8Array {
  return bytes.subarray(start, end);
}

/** What nft sends in a batch stands between two frames. */
export function requestIn(name: string): Message {
  const messages = readMessages(golden(name).bytes);
  if (messages.length === 1) return messages[0]!;
  expect(messages.map(({ type }) => type)).toEqual([
    nft.batchBegin.type,
    expect.any(Number),
    nft.batchEnd.type,
  ]);
  for (const frame of [messages[0]!, messages[2]!]) {
    expect(decode(nft.batchBegin.codec, bodyOf(frame))).toEqual({ family: 0, version: 0, resId: 10 });
    expect(frame.flags).toBe(NLM_F_REQUEST);
  }
  return messages[1]!;
}

/** Bodies of every message of one type among the answers, decoded. */
export function answers<T, A>(name: string, what: Request<T, A>, answerType: number): A[] {
  return readMessages(golden(name).bytes)
    .filter(({ type }) => type === answerType)
    .map((message) => decode(what.answer, bodyOf(message)));
}

export const NFT_MSG_NEWGEN = 10 * 256 + 15;
export const RTM_NEWNSID = 88;

/** What a captured request says, in the words of our tables. */
export interface Case {
  readonly name: string;
  readonly what: Request<unknown>;
  readonly value: unknown;
  /** Besides NLM_F_REQUEST. */
  readonly flags: number;
  /** The tool's bytes are exactly ours. */
  readonly same: boolean;
  /** What the tool sends besides, of what we know. */
  readonly adds: object;
}

/** A case; checks the type of `value` where the case is written. */
export function sends<T>(
  name: string,
  what: Request<T>,
  value: T,
  flags: number,
  bytes: "same" | "alike",
  adds: object = {},
): Case {
  return { name, what: what as Request<unknown>, value, flags, same: bytes === "same", adds };
}
