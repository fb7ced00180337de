// The attack on the netlink decoder: captures of real messages, mutated, given to every message that the plugin knows.
// What comes of it is summed up, so that two engines can be compared. Runs in Node and, bundled, in the shipped engine:
// nothing of Node here.

import { decode } from "../../src/netlink/codec.ts";
import * as ifAddr from "../../src/netlink/if-addr.ts";
import * as ifBridge from "../../src/netlink/if-bridge.ts";
import * as ifLink from "../../src/netlink/if-link.ts";
import { type Request, readAnswer, readMessages } from "../../src/netlink/message.ts";
import * as nfTables from "../../src/netlink/nf-tables.ts";
import * as rtnetlink from "../../src/netlink/rtnetlink.ts";
import { mutateBytes, randomFrom } from "./mutation.ts";

function isRequest(value: unknown): value is Request<unknown> {
  return typeof value === "object" && value !== null && "codec" in value && "type" in value;
}

/** Every message of src/netlink/, in an order that no bundler changes. */
export const requests = [ifAddr, ifBridge, ifLink, nfTables, rtnetlink].flatMap((module) =>
  Object.entries(module)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, value]) => value)
    .filter(isRequest),
);

/** What is read of them, and of the answers to them. */
const readers = [...new Set(requests.flatMap(({ codec, answer }) => [codec, answer]))];

/** Length of a message's header. */
const HEADER = 16;

function textOf(value: unknown): string {
  const text = JSON.stringify(value, (_, each) => {
    if (typeof each === "bigint") return `${each}n`;
    return each instanceof Uint8Array ? [...each] : each;
  });
  return text ?? "undefined";
}

export class DecoderAttack {
  values = 0;
  refusals = 0;
  /** FNV-1a of all that was decoded, in order. */
  checksum = 0x811c9dc5;

  #note(text: string): void {
    for (let at = 0; at < text.length; at++)
      this.checksum = Math.imul(this.checksum ^ text.charCodeAt(at), 0x01000193) >>> 0;
  }

  /** Anything but a value or RangeError is a defect, and thrown on. */
  #attempt(action: () => unknown): void {
    try {
      this.#note(textOf(action()));
      this.values++;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#note("refused");
      this.refusals++;
    }
  }

  /** Decodes these bytes as each of the messages, framed and bare. */
  on(bytes: Uint8Array): void {
    this.#attempt(() => {
      for (const message of readMessages(bytes)) {
        this.#attempt(() => readAnswer(message));
        for (const reader of readers)
          this.#attempt(() => reader.read(message.bytes, message.start, message.end));
      }
    });
    for (const reader of readers) this.#attempt(() => decode(reader, bytes));
  }

  /** Decodes mutations of every capture, `rounds` of each. */
  mutated(captures: readonly Uint8Array[], seed: number, rounds: number): void {
    const random = randomFrom(seed);
    for (let round = 0; round < rounds; round++) {
      for (const capture of captures) {
        const bytes = mutateBytes(random, capture);
        this.on(bytes);
        this.on(bytes.subarray(HEADER));
      }
    }
  }
}
