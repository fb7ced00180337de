import { describe, expect, it } from "vitest";
import { maxConfigBytes, readNetworkConfig } from "../../src/cni/network-config.ts";
import { caught } from "../support/caught.ts";
import { type FakeProcessOptions, fakeProcess } from "../support/fake-process.ts";

const read = (stdin: FakeProcessOptions["stdin"], chunk?: number) =>
  readNetworkConfig(fakeProcess({ ...(stdin !== undefined && { stdin }), ...(chunk && { chunk }) }));

describe("readNetworkConfig", () => {
  it.each([undefined, 1, 7])("keeps the very bytes, whatever pieces they come in (%s)", (chunk) => {
    const text = ' {"name":"n1", "x":"\\u003c é"}\n';
    const { stdin, json } = read(text, chunk);
    expect(new TextDecoder().decode(stdin)).toBe(text);
    expect(json).toEqual({ name: "n1", x: "< é" });
  });

  it.each([
    ["nothing", "", "it is empty"],
    ["white space", " \n\t", "it is empty"],
    ["no JSON", "bridge", "it is not one JSON value"],
    ["half a document", '{"name":"n1"', "it is not one JSON value"],
    ["two documents", "{} {}", "it is not one JSON value"],
    ["trailing garbage", "{} x", "it is not one JSON value"],
    ["a byte order mark", "\uFEFF{}", "it starts with a byte order mark"],
    ["a trailing NUL", "{}\0", "it is not one JSON value"],
    ["an array", "[]", "it is not a JSON object"],
    ["a text", '"x"', "it is not a JSON object"],
    ["null", "null", "it is not a JSON object"],
    ["deep nesting", "[".repeat(1e7), "it is not one JSON value"],
  ])("refuses %s", (_, text, words) => {
    expect(caught(() => read(text))).toMatchObject({
      code: 6,
      message: `cannot decode the network configuration on standard input: ${words}`,
    });
  });

  it("stops reading what has no end", () => {
    const host = fakeProcess({ stdin: new Uint8Array(maxConfigBytes * 2).fill(32) });
    expect(caught(() => readNetworkConfig(host))).toMatchObject({
      code: 6,
      message: expect.stringContaining("longer"),
    });
    expect(host.reads).toBeLessThan((maxConfigBytes / 65536) * 1.1);
  });

  it("takes what is just short enough", () => {
    const bytes = new Uint8Array(maxConfigBytes).fill(32);
    bytes.set([123, 125]);
    expect(read(bytes).json).toEqual({});
  });

  it("says why standard input cannot be read", () => {
    expect(caught(() => read(-9))).toMatchObject({
      code: 5,
      message: "cannot read the network configuration: read standard input: EBADF (bad file descriptor)",
    });
  });

  it("replaces bytes that are no UTF-8, as Go does", () => {
    expect(read(Uint8Array.of(123, 34, 97, 34, 58, 34, 255, 34, 125)).json).toEqual({ a: "\uFFFD" });
  });
});
