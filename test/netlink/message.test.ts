// Layouts by hand from include/uapi/linux/netlink.h; captured ones are in golden-answers.test.ts.

import { describe, expect, it } from "vitest";
import { attrs, body } from "../../src/netlink/attributes.ts";
import { struct, u8, u32, written } from "../../src/netlink/codec.ts";
import {
  isAgreement,
  type Message,
  NLM_F_ACK,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  readAnswer,
  readMessages,
  request,
  writeMessage,
} from "../../src/netlink/message.ts";
import { fromHex, toHex } from "../support/golden.ts";
import fc from "../support/properties.ts";

const ping = request("PING", 0x1234, body(struct({ index: u32 }), attrs({ one: [1, u8] })));

describe("writeMessage", () => {
  it("writes length, type, flags, sequence number and port 0 before the body", () => {
    const flags = NLM_F_REQUEST | NLM_F_ACK;
    const bytes = written((into) => writeMessage(into, 0, ping, flags, 0x01020304, { index: 9 }));
    expect(toHex(bytes)).toEqual(["14 00 00 00", "34 12 05 00", "04 03 02 01", "00 00 00 00", "09 00 00 00"]);
  });

  it("puts messages behind each other, aligned, each with its own length", () => {
    const short = request("SHORT", 1, struct({ only: u8 }));
    const bytes = written((into) => {
      const at = writeMessage(into, 0, short, 0, 1, { only: 7 });
      return writeMessage(into, at, ping, 0, 2, { index: 1, one: 2 });
    });
    expect(toHex(bytes)).toEqual([
      ...["11 00 00 00", "01 00 00 00", "01 00 00 00", "00 00 00 00", "07 00 00 00"],
      ...["1c 00 00 00", "34 12 00 00", "02 00 00 00", "00 00 00 00", "01 00 00 00"],
      ...["05 00 01 00", "02 00 00 00"],
    ]);
    expect(readMessages(bytes).map(({ seq }) => seq)).toEqual([1, 2]);
  });
});

describe("readMessages", () => {
  const first = "11000000 02000300 05000000 07000000 aa000000";
  const second = "10000000 03000200 06000000 07000000";

  it("gives type, flags, sequence number and where the body lies", () => {
    const messages = readMessages(fromHex(first + second));
    expect(messages).toMatchObject([
      { type: 2, flags: 3, seq: 5, start: 16, end: 17 },
      { type: 3, flags: 2, seq: 6, start: 36, end: 36 },
    ]);
  });

  it("reads a datagram that lies somewhere in a buffer", () => {
    const [message] = readMessages(fromHex(`ffffffff ${first} ffff`).subarray(4, 24));
    expect(message!.bytes[message!.start]).toBe(0xaa);
  });

  it("may end without the last message's padding", () => {
    expect(readMessages(fromHex("11000000 02000300 05000000 07000000 aa"))).toHaveLength(1);
  });

  it("finds none in an empty datagram", () => {
    expect(readMessages(new Uint8Array())).toEqual([]);
  });

  it.each([
    ["a length of 0", "00000000 02000300 05000000 07000000", "nlmsg_len 0 is out of range [16, 16]"],
    ["a length below the header's", "0f000000 02000300 05000000 07000000", "nlmsg_len 15"],
    ["a length beyond the end", "11000000 02000300 05000000 07000000", "nlmsg_len 17"],
    ["the largest length", "ffffffff 02000300 05000000 07000000", "nlmsg_len 4294967295"],
    ["a length that is negative as an int", "f0ffffff 02000300 05000000 07000000", "nlmsg_len 4294967280"],
    ["a piece of a header", "10000000 02000300 05000000", "out of range [16, 12]"],
    ["garbage behind a message", `${second} 01020304`, "out of range [16, 4]"],
  ])("refuses %s", (_name, hex, message) => {
    expect(() => readMessages(fromHex(hex))).toThrow(RangeError);
    expect(() => readMessages(fromHex(hex))).toThrow(message);
  });

  it("gives spans inside the datagram, or a RangeError, for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => {
        let messages: Message[];
        try {
          messages = readMessages(noise);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          return;
        }
        for (const { start, end } of messages) {
          expect(start).toBeLessThanOrEqual(end);
          expect(end).toBeLessThanOrEqual(noise.length);
        }
      }),
    );
  });
});

describe("isAgreement", () => {
  /** NLMSG_ERROR, NLM_F_CAPPED, number 5; errno 0; the header of the request. */
  const success = "24000000 02000001 05000000 07000000 00000000 24000000 10000506 05000000 00000000";

  it("knows a mere acknowledgement of its request", () => {
    expect(isAgreement(fromHex(success), 5)).toBe(true);
    expect(isAgreement(fromHex(success), 4)).toBe(false);
  });

  it.each([
    ["an errno", 16, 0xef],
    ["an errno's last byte", 19, 0xff],
    ["attributes, by NLM_F_ACK_TLVS", 7, 3],
    ["another type", 4, 3],
    ["another length", 0, 0x20],
    ["the number of another by its last byte", 11, 1],
  ])("leaves %s to be read", (_name, at, byte) => {
    const bytes = fromHex(success);
    bytes[at] = byte;
    expect(isAgreement(bytes, 5)).toBe(false);
  });

  it("leaves what is longer or shorter to be read", () => {
    expect(isAgreement(fromHex(`${success} 10000000 03000200 05000000 07000000`), 5)).toBe(false);
    for (let length = 0; length < 36; length++) {
      expect(isAgreement(fromHex(success).subarray(0, length), 5), `${length}`).toBe(false);
    }
  });
});

describe("readAnswer", () => {
  const CAPPED = 0x100;
  const ACK_TLVS = 0x200;

  /** The message of a type, with flags, whose body is this. */
  function message(type: number, flags: number, hex: string): Message {
    const { length } = fromHex(hex);
    // Not at the start of its buffer, and with more behind it.
    const bytes = fromHex(`ffffffffffffffff ${hex} 41424344 ffffffff`);
    return { type, flags, seq: 1, bytes, start: 8, end: 8 + length };
  }

  const eexist = "efffffff";
  const echoedHeader = "24000000 10000506 01000000 00000000";
  const echoedBody = "00000000 00000000 07000000 00000000 00000000";
  /** NLMSGERR_ATTR_MSG "no", after NLMSGERR_ATTR_OFFS 20. */
  const attributes = "08000200 14000000 07000100 6e6f0000";

  it("reads success", () => {
    expect(readAnswer(message(NLMSG_ERROR, CAPPED, `00000000 ${echoedHeader}`))).toEqual({ errno: 0 });
    expect(readAnswer(message(NLMSG_DONE, 0, "00000000"))).toEqual({ errno: 0 });
  });

  it("reads an errno as a positive number", () => {
    expect(readAnswer(message(NLMSG_ERROR, CAPPED, `${eexist} ${echoedHeader}`))).toEqual({ errno: 17 });
    expect(readAnswer(message(NLMSG_DONE, 0, "fcffffff"))).toEqual({ errno: 4 });
  });

  it.each([
    ["behind the header of a capped request", CAPPED | ACK_TLVS, `${eexist} ${echoedHeader} ${attributes}`],
    ["behind a whole request", ACK_TLVS, `${eexist} ${echoedHeader} ${echoedBody} ${attributes}`],
    [
      "behind a whole request with padding",
      ACK_TLVS,
      `${eexist} 11000000 10000506 01000000 00000000 07000000 ${attributes}`,
    ],
  ])("finds the kernel's sentence %s", (_name, flags, hex) => {
    expect(readAnswer(message(NLMSG_ERROR, flags, hex))).toEqual({ errno: 17, extack: "no" });
  });

  it("finds it behind the errno of a dump's end", () => {
    expect(readAnswer(message(NLMSG_DONE, ACK_TLVS, `${eexist} ${attributes}`))).toEqual({
      errno: 17,
      extack: "no",
    });
  });

  it("gives a success's warning", () => {
    const hex = `00000000 ${echoedHeader} ${attributes}`;
    expect(readAnswer(message(NLMSG_ERROR, CAPPED | ACK_TLVS, hex))).toEqual({ errno: 0, extack: "no" });
  });

  it("does not look for a sentence without NLM_F_ACK_TLVS", () => {
    const hex = `${eexist} ${echoedHeader} ${attributes}`;
    expect(readAnswer(message(NLMSG_ERROR, CAPPED, hex))).toEqual({ errno: 17 });
  });

  it("has none where the attributes hold none", () => {
    const hex = `${eexist} ${echoedHeader} 08000200 14000000`;
    expect(readAnswer(message(NLMSG_ERROR, CAPPED | ACK_TLVS, hex))).toEqual({ errno: 17 });
    const bare = `${eexist} ${echoedHeader}`;
    expect(readAnswer(message(NLMSG_ERROR, CAPPED | ACK_TLVS, bare))).toEqual({ errno: 17 });
  });

  it.each([0, 1, 3])("does not take %d bytes for success", (length) => {
    const hex = "00".repeat(length);
    for (const type of [NLMSG_ERROR, NLMSG_DONE]) {
      expect(() => readAnswer(message(type, 0, hex))).toThrow(RangeError);
    }
  });

  it.each([
    ["the echoed request longer than the message", `${eexist} ffff0000 10000506 01000000 00000000`],
    ["no echoed request", eexist],
  ])("keeps the errno with %s", (_name, hex) => {
    expect(readAnswer(message(NLMSG_ERROR, ACK_TLVS, hex))).toEqual({ errno: 17 });
  });

  it("gives an answer or a RangeError for any bytes", () => {
    const octets = fc.uint8Array({ maxLength: 60 });
    fc.assert(
      fc.property(octets, fc.constantFrom(NLMSG_ERROR, NLMSG_DONE), fc.nat(0x3ff), (noise, type, flags) => {
        try {
          readAnswer({ type, flags, seq: 1, bytes: noise, start: 0, end: noise.length });
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});
