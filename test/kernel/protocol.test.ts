// The protocol as a runtime meets it, with the built executables: bad input, streams, and what the reference says to
// the same. Everything runs on a simulated node, so that a plugin that wrongly goes on harms nothing.

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatResult } from "../../src/cni/format-result.ts";
import { parseResult } from "../../src/cni/result.ts";
import { DIST, REFERENCE } from "../support/executables.ts";
import type { Conf, PluginCall } from "../support/node.ts";
import { checkResultText } from "../support/result-schema.ts";
import { Sandbox } from "../support/sandbox.ts";

const NAMES = ["bridge", "host-local"];
const VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
/** Nothing may wait for what does not come; a busy machine is slow over twenty megabytes. */
const PROMPT_MS = 30_000;

const good = {
  cniVersion: "1.1.0",
  name: "net1",
  type: "bridge",
  bridge: "br1",
  isGateway: true,
  ipam: { type: "host-local", subnet: "10.31.0.0/24" },
};
const conf = (changes: object): Conf => ({ ...good, ...changes });
const unset = (...names: string[]) => ({ env: Object.fromEntries(names.map((name) => [name, undefined])) });

interface Case {
  readonly what: string;
  readonly verb?: string;
  readonly conf?: Conf;
  readonly call?: PluginCall;
  readonly code: number;
  /** What of our answer equals the reference's. */
  readonly asReference?: "code" | "msg";
}

const cases: readonly Case[] = [
  { what: "empty standard input", conf: "", code: 6, asReference: "code" },
  { what: "no JSON", conf: "bridge", code: 6, asReference: "code" },
  { what: "half a document", conf: '{"name":"net1"', code: 6, asReference: "code" },
  { what: "two documents", conf: `${JSON.stringify(good)} {}`, code: 6, asReference: "code" },
  { what: "trailing garbage", conf: `${JSON.stringify(good)} x`, code: 6, asReference: "code" },
  { what: "a byte order mark", conf: `\uFEFF${JSON.stringify(good)}`, code: 6, asReference: "code" },
  { what: "an array", conf: "[]", code: 6, asReference: "code" },
  { what: "a text", conf: '"x"', code: 6, asReference: "code" },
  { what: "null", conf: "null", code: 6 },
  { what: "ten million brackets", conf: "[".repeat(1e7), code: 6, asReference: "code" },
  { what: "nesting that ends", conf: `{"name":"net1","x":${"[".repeat(1e6)}${"]".repeat(1e6)}}`, code: 6 },
  { what: "20 MB of white space", conf: new Uint8Array(20e6).fill(32), code: 6, asReference: "code" },
  { what: "a name that is a number", conf: conf({ name: 5 }), code: 6, asReference: "code" },
  { what: "a version that is a number", conf: conf({ cniVersion: 1.0 }), code: 6, asReference: "code" },
  { what: "no name", conf: conf({ name: undefined }), code: 7, asReference: "msg" },
  { what: "an empty name", conf: conf({ name: "" }), code: 7, asReference: "msg" },
  { what: "the name ../x", conf: conf({ name: "../x" }), code: 7, asReference: "msg" },
  { what: "a name with a newline", conf: conf({ name: "ab\n" }), code: 7, asReference: "msg" },
  { what: "an unknown version", conf: conf({ cniVersion: "1.2.0" }), code: 1, asReference: "msg" },
  { what: "the version 0.4", conf: conf({ cniVersion: "0.4" }), code: 1, asReference: "msg" },
  { what: "the version v1.0.0", conf: conf({ cniVersion: "v1.0.0" }), code: 1, asReference: "msg" },
  {
    what: "DEL at an unknown version",
    verb: "DEL",
    conf: conf({ cniVersion: "9.9.9" }),
    code: 1,
    asReference: "msg",
  },
  { what: "CHECK at 0.3.1", verb: "CHECK", conf: conf({ cniVersion: "0.3.1" }), code: 1, asReference: "msg" },
  { what: "CHECK at 9.9.9", verb: "CHECK", conf: conf({ cniVersion: "9.9.9" }), code: 1, asReference: "msg" },
  { what: "CHECK at foo", verb: "CHECK", conf: conf({ cniVersion: "foo" }), code: 6, asReference: "code" },
  { what: "GC at 1.0.0", verb: "GC", conf: conf({ cniVersion: "1.0.0" }), code: 1, asReference: "msg" },
  {
    what: "STATUS at 1.0.0",
    verb: "STATUS",
    conf: conf({ cniVersion: "1.0.0" }),
    code: 1,
    asReference: "msg",
  },
  { what: "an unknown verb", verb: "NOPE", code: 4, asReference: "msg" },
  { what: "a verb in lower case", verb: "add", code: 4, asReference: "msg" },
  { what: "no container ID", call: unset("CNI_CONTAINERID"), code: 4, asReference: "msg" },
  { what: "an empty container ID", call: { containerId: "" }, code: 4, asReference: "msg" },
  { what: "no CNI_NETNS", call: unset("CNI_NETNS"), code: 4, asReference: "msg" },
  { what: "an empty CNI_NETNS", call: { netns: "" }, code: 4, asReference: "msg" },
  {
    what: "three variables missing",
    call: unset("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"),
    code: 4,
    asReference: "msg",
  },
  {
    what: "DEL without two",
    verb: "DEL",
    call: unset("CNI_CONTAINERID", "CNI_IFNAME"),
    code: 4,
    asReference: "msg",
  },
  { what: "GC without CNI_PATH", verb: "GC", call: unset("CNI_PATH"), code: 4, asReference: "msg" },
  ...["../x", "a/b", ".a", "-a", "a b", "é", "a\n"].map((containerId) => ({
    what: `the container ID ${JSON.stringify(containerId)}`,
    call: { containerId },
    code: 4,
    asReference: "code" as const,
  })),
  ...["../x", "a/b", ".", "..", "a b", "a:b", "x".repeat(16)].map((ifname) => ({
    what: `the interface ${JSON.stringify(ifname)}`,
    call: { ifname },
    code: 4,
    asReference: "code" as const,
  })),
  {
    what: "DEL of a hostile container ID",
    verb: "DEL",
    call: { containerId: "../x" },
    code: 4,
    asReference: "code",
  },
];

let node: Sandbox;
let netns: string;
beforeAll(async () => {
  node = await Sandbox.create();
  netns = node.addNetns("t1");
});
afterAll(() => node.dispose());

const call = (name: string, { verb = "ADD", conf = good, call = {} }: Partial<Case>, bin = DIST) =>
  node.plugin(name, verb, conf, { containerId: "c1", netns, bin, timeoutMs: PROMPT_MS, ...call });

/** Runs a line of shell on the node; "$0" is the executable, called as a plugin. */
function shell(name: string, script: string, env: Record<string, string> = {}) {
  return node.run("bash", ["-c", script, `${DIST}/${name}`], {
    env: { CNI_CONTAINERID: "c1", CNI_NETNS: netns, CNI_IFNAME: "eth0", CNI_PATH: DIST, ...env },
    timeoutMs: PROMPT_MS,
  });
}

describe.each(NAMES)("%s", (name) => {
  it("refuses bad input with one error object, and changes nothing", () => {
    const before = node.snapshot();
    for (const each of cases) {
      const ended = call(name, each);
      const seen = { what: each.what, status: ended.status, code: ended.json?.code, stderr: ended.stderr };
      expect(seen).toEqual({ what: each.what, status: 1, code: each.code, stderr: "" });
      expect(ended.json, each.what).toEqual({
        cniVersion: expect.stringMatching(/^[01]\.\d\.\d$/),
        code: each.code,
        msg: expect.stringMatching(/^[^\n]+$/),
        ...("details" in ended.json && { details: expect.stringMatching(/./) }),
      });
    }
    expect(node.snapshot()).toEqual(before);
  });

  it.each(
    cases.filter(({ asReference }) => asReference !== undefined),
  )("answers $what as the reference does", (each) => {
    const ours = call(name, each).json;
    const theirs = call(name, each, REFERENCE).json;
    expect(ours.code).toBe(theirs.code);
    if (each.asReference === "msg") expect(ours.msg).toBe(theirs.msg);
  });

  it("answers VERSION as the reference does, to the letter", () => {
    const theirs = call(name, { verb: "VERSION", conf: "" }, REFERENCE);
    expect(call(name, { verb: "VERSION", conf: "" })).toEqual(theirs);
    expect(
      call(name, { verb: "VERSION", conf: "", call: unset("CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH") }),
    ).toEqual(theirs);
  });

  it("answers VERSION while nobody writes to its standard input", async () => {
    const child = node.start(`${DIST}/${name}`, [], { env: { CNI_COMMAND: "VERSION" } });
    const [status] = await once(child, "exit", { signal: AbortSignal.timeout(PROMPT_MS) });
    expect(status).toBe(0);
  });

  it("says what it is without CNI_COMMAND, as the reference does but for the version", () => {
    const about = (bin: string) => {
      const { status, stdout, stderr } = node.run(`${bin}/${name}`, [], { timeoutMs: PROMPT_MS });
      return { status, stdout, stderr: stderr.replace(/plugin .*/, "plugin") };
    };
    expect(about(DIST)).toEqual(about(REFERENCE));
  });

  it("needs neither PATH nor HOME, and takes no notice of words on the command line", () => {
    const env = { PATH: undefined, CNI_COMMAND: "VERSION" };
    expect(node.run(`${DIST}/${name}`, ["junk", "--help"], { env }).stdout).toContain("supportedVersions");
  });

  it.each([
    ["closed", "<&-", [5, 6]],
    ["a directory", "</", [5]],
    ["empty", "</dev/null", [6]],
  ])("refuses a standard input that is %s", (_, redirection, codes) => {
    const { status, stdout } = shell(name, `exec "$0" ${redirection}`, { CNI_COMMAND: "ADD" });
    expect(status).toBe(1);
    expect(codes).toContain(JSON.parse(stdout).code);
  });

  it("fails when its answer cannot be written, and says so on stderr", () => {
    for (const CNI_COMMAND of ["VERSION", "ADD"]) {
      const full = shell(name, 'exec "$0" </dev/null >/dev/full', { CNI_COMMAND });
      expect(full.status).toBe(1);
      expect(full.stderr).toContain("ENOSPC");
    }
  });

  it("lives when its reader has gone", () => {
    const gone = shell(name, '{ sleep 0.2; "$0" </dev/null; echo $? >&2; } | true', {
      CNI_COMMAND: "VERSION",
    });
    expect(gone.stderr).toContain("EPIPE");
    expect(gone.stderr).toMatch(/^1$/m);
  });
});

describe("bridge", () => {
  it.each([
    ["that does not exist", "/run/netns/none"],
    ["that is a plain file", "/etc/passwd"],
    ["that is a directory", "/etc"],
    ["of another kind", "/proc/self/ns/mnt"],
    ["that is the host's own", "/proc/self/ns/net"],
  ])("refuses a CNI_NETNS %s before it changes anything", (_, path) => {
    const before = node.snapshot();
    expect(call("bridge", { call: { netns: path } })).toMatchObject({ status: 1, json: { code: 4 } });
    expect(node.snapshot()).toEqual(before);
  });

  it("touches nothing on a DEL in the host's own namespace", () => {
    node.sh("ip link add eth0 type veth peer name eth0p");
    const before = node.snapshot();
    call("bridge", { verb: "DEL", call: { netns: "/proc/self/ns/net" } });
    expect(node.snapshot()).toEqual(before);
    node.sh("ip link del eth0");
  });
});

describe("cni-bridge", () => {
  it("tells a runtime that calls it by the wrong name which names to use", () => {
    const { status, stdout } = shell("cni-bridge", 'exec "$0" </dev/null', { CNI_COMMAND: "ADD" });
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ code: 4, msg: expect.stringContaining("host-local") });
  });
});

// The reference's static plugin prints any result we like in every version's shape: the oracle for both directions.
describe("formatResult", () => {
  const addresses = {
    ipv4: [{ address: "10.1.0.5/16", gateway: "10.1.0.1" }],
    ipv6: [{ address: "fd00::5/64" }],
    both: [
      { address: "10.1.0.5/16", gateway: "10.1.0.1" },
      { address: "fd00::5/64", gateway: "fd00::1" },
      { address: "10.2.0.5/24" },
    ],
  };
  const routes = [
    { dst: "0.0.0.0/0" },
    { dst: "::/0", gw: "fd00::1" },
    { dst: "192.168.0.0/24", gw: "10.1.0.9", mtu: 1400, advmss: 1360, priority: 100, table: 0, scope: 0 },
  ];
  const dns = { nameservers: ["10.1.0.53"], domain: "example.org", search: ["a", "b"], options: ["ndots:2"] };
  const ipams = {
    "addresses only": (ips: object) => ({ addresses: ips }),
    everything: (ips: object) => ({ addresses: ips, routes, dns }),
  };
  const matrix = Object.keys(addresses).flatMap((family) =>
    Object.keys(ipams).flatMap((kind) => VERSIONS.map((version) => ({ family, kind, version }))),
  );

  it.each(matrix)("writes $family, $kind, at $version as the reference does", ({ family, kind, version }) => {
    // Up to 0.2.0 the plugin itself refuses a second address of a family.
    const ips = addresses[family as keyof typeof addresses].slice(0, version < "0.3.0" ? 2 : undefined);
    const ipam = { type: "static", ...ipams[kind as keyof typeof ipams](ips) };
    const env = {
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: "c1",
      CNI_NETNS: "/none",
      CNI_IFNAME: "eth0",
      CNI_PATH: REFERENCE,
    };
    const input = JSON.stringify({ cniVersion: version, name: "n1", type: "static", ipam });
    const theirs = spawnSync(`${REFERENCE}/static`, { env, input, encoding: "utf8" });
    expect(theirs.status, theirs.stdout).toBe(0);
    checkResultText(theirs.stdout, version);
    expect(formatResult(parseResult(JSON.parse(theirs.stdout), version, "static"), version)).toBe(
      theirs.stdout,
    );
  });
});
