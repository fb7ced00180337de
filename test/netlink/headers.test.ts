// The numbers of src/netlink/ against the C headers, through gcc. A table row names its constant in a comment, on its
// own line or on the one above: the comment is checked, so a row without one, or with another row's, fails.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Codec, encode } from "../../src/netlink/codec.ts";
import * as ifAddr from "../../src/netlink/if-addr.ts";
import * as ifBridge from "../../src/netlink/if-bridge.ts";
import * as ifLink from "../../src/netlink/if-link.ts";
import type { Request } from "../../src/netlink/message.ts";
import * as nft from "../../src/netlink/nf-tables.ts";
import * as rtnetlink from "../../src/netlink/rtnetlink.ts";

const headers = [
  "sys/socket.h",
  "linux/if.h",
  "linux/if_addr.h",
  "linux/if_bridge.h",
  "linux/if_link.h",
  "linux/ip.h",
  "linux/net_namespace.h",
  "linux/netfilter.h",
  "linux/netfilter/nf_nat.h",
  "linux/netfilter/nf_tables.h",
  "linux/netfilter/nfnetlink.h",
  "linux/netfilter_bridge.h",
  "linux/netlink.h",
  "linux/rtnetlink.h",
  "linux/veth.h",
];

/** What the headers of Linux 4.15 (Ubuntu 18.04) do not have yet, with the version that brought it. */
const newer: Readonly<Record<string, string>> = {
  IFLA_BRPORT_ISOLATED: "4.18",
  NETLINK_GET_STRICT_CHK: "4.20",
  IFLA_ALT_IFNAME: "5.5",
  IFLA_PROP_LIST: "5.5",
  RTM_NEWLINKPROP: "5.5",
  NFTA_BITWISE_OP: "5.6",
  NFTA_TABLE_USERDATA: "5.10",
  NFTA_CHAIN_USERDATA: "5.10",
  SO_NETNS_COOKIE: "5.14",
};

/** Constants of our own, which no header has. */
const ours = ["ANSWER_TIMEOUT_MS", "DUMP_TRIES", "ROOM"];

interface Claim {
  /** A C expression. */
  readonly name: string;
  readonly number: number;
  /** The row's key, where it is a row. */
  readonly key?: string;
}

const directory = new URL("../../src/netlink/", import.meta.url);
const sources = readdirSync(directory).map((file) => ({
  file,
  lines: readFileSync(new URL(file, directory), "utf8")
    // biome breaks a long row after its bracket; put the number back.
    .replace(/: \[\n\s*(\d+),/g, ": [$1,")
    .split("\n"),
}));

const isComment = (line: string | undefined) => /^\s*\/\/ /.test(line ?? "");

/** The rows of a file. A line with as many numbers as its comment has names gives one claim each. */
function rowsOf(file: string, lines: readonly string[]): Claim[] {
  return lines.flatMap((line, index) => {
    if (isComment(line)) return [];
    const [code, comment] = line.split(" // ");
    const numbers = [...code!.matchAll(/(?:(\w+): \[|list\()(\d+),|tagged\((\d+), (\d+),/g)].flatMap(
      ([, key, number, kind, data]) =>
        number === undefined
          ? [{ number: Number(kind) }, { number: Number(data) }]
          : [{ number: Number(number), ...(key !== undefined && { key }) }],
    );
    if (numbers.length === 0) return [];
    const words = comment ?? (isComment(lines[index - 1]) ? lines[index - 1]! : "");
    const names = words.match(/\b[A-Z][A-Z\d]*_[A-Z_\d]+\b/g) ?? [];
    expect(names, `${file}: one constant for each number of \`${line.trim()}\``).toHaveLength(numbers.length);
    return numbers.map((each, at) => ({ ...each, name: names[at]! }));
  });
}

const rows = sources.flatMap(({ file, lines }) => rowsOf(file, lines));

const constants: Claim[] = sources.flatMap(({ lines }) =>
  lines
    .map((line) => /^(?:export )?const ([A-Z][A-Z\d_]+) = ([-\w]+);/.exec(line))
    .filter((match) => match !== null)
    .map(([, name, number]) => ({
      // A complement, an int to C: of its bits those of a nla_type count.
      name: name === "NLA_TYPE_MASK" ? "(__u16)NLA_TYPE_MASK" : name!,
      number: Number(number!.replaceAll("_", "")),
    })),
);

function isRequest(value: unknown): value is Request<unknown> {
  return typeof value === "object" && value !== null && "codec" in value && "type" in value;
}

const requests: Claim[] = [ifAddr, ifBridge, ifLink, nft, rtnetlink]
  .flatMap((table) => Object.values(table) as unknown[])
  .filter(isRequest)
  .map(({ name, type }) => ({
    name: name.startsWith("NFT_MSG_") ? `NFNL_SUBSYS_NFTABLES << 8 | ${name}` : name,
    number: type,
  }));

const operstates: Claim[] = ifLink.operstates.map((word, number) => ({
  name: `IF_OPER_${word.replaceAll("-", "").toUpperCase()}`,
  number,
}));

/** The headers a message begins with, padded as the attributes behind them need. */
const structs: Claim[] = (
  [
    ["ifinfomsg", ifLink.link],
    ["ifinfomsg", ifBridge.bridgePort],
    ["ifaddrmsg", ifAddr.address],
    ["rtmsg", rtnetlink.route],
    ["rtgenmsg", rtnetlink.getNsid.codec],
    ["nfgenmsg", nft.getGen.codec],
  ] as readonly (readonly [string, Codec<unknown>])[]
).map(([name, codec]) => ({
  name: `NLMSG_ALIGN(sizeof(struct ${name}))`,
  number: encode(codec, {}).length,
}));

/** What the headers say of each name; a name that is in `newer` may be unknown to them. */
function askHeaders(names: readonly string[]): Map<string, number> {
  const work = mkdtempSync(join(tmpdir(), "headers-"));
  const executable = join(work, "headers");
  const env = { ...process.env, LC_ALL: "C" };
  const compile = (known: readonly string[]) =>
    spawnSync("gcc", ["-x", "c", "-", "-o", executable], {
      input: `#include <stdio.h>
${headers.map((header) => `#include <${header}>`).join("\n")}
int main(void) {
${known.map((name) => `  printf("%s\\t%lld\\n", "${name}", (long long)(${name}));`).join("\n")}
}
`,
      encoding: "utf8",
      env,
    });
  try {
    let known = names;
    let ended = compile(known);
    const unknown = [...ended.stderr.matchAll(/error: '(\w+)' undeclared/g)].map(([, name]) => name!);
    if (unknown.length > 0 && unknown.every((name) => Object.hasOwn(newer, name))) {
      known = names.filter((name) => !unknown.includes(name));
      ended = compile(known);
    }
    if (ended.status !== 0) throw new Error(`gcc: ${ended.error?.message ?? ended.stderr}`);
    const { stdout } = spawnSync(executable, { encoding: "utf8" });
    return new Map(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => line.split("\t"))
        .map(([name, number]) => [name!, Number(number)]),
    );
  } finally {
    rmSync(work, { recursive: true });
  }
}

const claims = [...rows, ...constants, ...requests, ...operstates, ...structs].filter(
  ({ name }) => !ours.includes(name),
);

describe("src/netlink/", () => {
  it("has enough to be worth comparing", () => {
    expect(rows.length).toBeGreaterThan(85);
    expect(constants.length).toBeGreaterThan(60);
    expect(requests.length).toBeGreaterThan(25);
    expect(constants.filter(({ number }) => Number.isNaN(number))).toEqual([]);
    expect(ours.filter((name) => constants.every((each) => each.name !== name))).toEqual([]);
  });

  it("has the headers' numbers", () => {
    const said = askHeaders([...new Set(claims.map(({ name }) => name))]);
    const names = [...said.keys(), ...Object.keys(newer)];
    expect(claims.filter(({ name }) => !names.includes(name))).toEqual([]);
    const compared = claims.filter(({ name }) => said.has(name));
    expect(compared.map(({ name, number }) => ({ name, number }))).toEqual(
      compared.map(({ name }) => ({ name, number: said.get(name) })),
    );
  });

  it("calls a row what its constant is called", () => {
    // Two rows share a number or a name with the struct before them.
    const exceptions: Readonly<Record<string, string>> = {
      flags32: "IFA_FLAGS",
      table32: "RTA_TABLE",
      slaveinfo: "IFLA_LINKINFO",
    };
    const wrong = rows.filter(({ key, name }) => {
      if (key === undefined || exceptions[key] === name) return false;
      const snake = key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
      return !name.endsWith(`_${snake}`);
    });
    expect(wrong).toEqual([]);
  });
});
