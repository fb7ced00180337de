// The reference's dns_test.go (D1–D3).
import { describe, expect, it } from "vitest";
import { fields } from "../../src/host-local/fields.ts";
import { parseResolvConf } from "../../src/host-local/resolv-conf.ts";

describe("parseResolvConf", () => {
  it.each<[string, string, object]>([
    [
      "D1 reads nameservers, indented or not",
      "\n\tnameserver 192.0.2.0\n nameserver 192.0.2.1\n",
      { nameservers: ["192.0.2.0", "192.0.2.1"] },
    ],
    [
      "D2 skips comments",
      "\nnameserver 192.0.2.0\n;nameserver 192.0.2.1\n#nameserver 192.0.2.2\n",
      { nameservers: ["192.0.2.0"] },
    ],
    [
      "D3 reads all fields, search and options over several lines",
      "# first comment\n; second comment\n\nnameserver 192.0.2.0\nnameserver 192.0.2.2\ndomain example.com\nsearch example.net example.org\nsearch example.gov\noptions one two three\noptions four\n",
      {
        nameservers: ["192.0.2.0", "192.0.2.2"],
        domain: "example.com",
        search: ["example.net", "example.org", "example.gov"],
        options: ["one", "two", "three", "four"],
      },
    ],
    ["lets the last domain win", "domain a\ndomain b\n", { domain: "b" }],
    ["skips a keyword without value and one it does not know", "nameserver\nsortlist 1.2.3.4\n", {}],
    [
      "reads a last line without end, and carriage returns",
      "nameserver 1.1.1.1\r\nsearch\ta",
      { nameservers: ["1.1.1.1"], search: ["a"] },
    ],
    ["makes nothing of nothing", "", {}],
  ])("%s", (_, text, expected) => {
    expect(parseResolvConf(text)).toEqual(expected);
  });
});

describe("fields", () => {
  it.each<[string, string[]]>([
    ["", []],
    [" \t ", []],
    ["a", ["a"]],
    ["  a\tb  c\n", ["a", "b", "c"]],
  ])("of %j are %j", (text, expected) => {
    expect(fields(text)).toEqual(expected);
  });
});
