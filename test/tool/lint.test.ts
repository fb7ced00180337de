// The findings that the rules promise, each by its place. What the plugins refuse is tested where they do; that the
// kernel refuses what lint says it does is in test/kernel/lint.test.ts.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import runTool from "../../src/tool/command.ts";
import { lintTexts } from "../../src/tool/lint.ts";
import { fakeProcess } from "../support/fake-process.ts";

const EXAMPLES = new URL("../../conf.d-examples/", import.meta.url);
const examples = readdirSync(EXAMPLES)
  .filter((file) => file !== "README.md")
  .map((file) => [file, readFileSync(new URL(file, EXAMPLES), "utf8")] as const);

const ipam = { type: "host-local", subnet: "10.1.0.0/24" };
const conf = { cniVersion: "1.1.0", name: "net", type: "bridge", ipam };
const list = { cniVersion: "1.1.0", name: "net", plugins: [{ type: "bridge", ipam }] };

/** Findings as `level path: message`. */
function lint(
  value: unknown,
  file = "plugins" in (value as object) ? "a.conflist" : "a.conf",
  reference = false,
) {
  const findings = lintTexts(fakeProcess(), [[file, JSON.stringify(value)]], reference);
  return findings.map(({ level, path, message }) => `${level} ${path}: ${message}`);
}

const withIpam = (keys: object) => ({ ...conf, ipam: { ...ipam, ...keys } });
const cases: readonly (readonly [string, object, readonly RegExp[]])[] = [
  ["nothing wrong", conf, []],
  ["a list without fault", list, []],
  ["a wrong type", { ...conf, mtu: "1500" }, [/^error mtu: must be an integer or "auto", not "1500"/]],
  ["a misspelt key", { ...conf, isGatway: true }, [/^warning isGatway: .*did you mean isGateway\?/]],
  ["a key of ipam beside it", { ...conf, subnet: "10.1.0.0/24" }, [/^warning subnet: .*belongs into ipam/]],
  ["a misspelt key of ipam", withIpam({ gatway: "10.1.0.1" }), [/^warning ipam.gatway: .*mean gateway\?/]],
  ["a key of a plugin in the list", { ...list, ipMasq: true }, [/^warning ipMasq: .*element of plugins/]],
  [
    "a misspelt key of a list",
    { ...list, disableChek: true },
    [/^warning disableChek: .*mean disableCheck\?/],
  ],
  ["keys of runtimes", { ...list, nerdctlID: "x", "cni.dev/x": 1, $schema: "y" }, []],
  ["a version that is none", { ...conf, cniVersion: "1.0" }, [/^error cniVersion: "1.0".*mean 1\.0\.0\?/]],
  ["no version", { ...conf, cniVersion: undefined }, [/^warning cniVersion: is missing: 0\.1\.0 is assumed/]],
  ["no name", { ...conf, name: "" }, [/^error name: /]],
  ["a name with a slash", { ...conf, name: "a/b" }, [/^error name: "a\/b" is no network name/]],
  ["a list in a .conf", { ...list, file: "x" }, [/^warning file/]],
  ["a list without plugins", { ...list, plugins: [] }, [/^error plugins: the list has no plugin/]],
  ["a plugin that is no object", { ...list, plugins: [1] }, [/^error plugins\[0\]: must be an object/]],
  [
    "a plugin without a type",
    { ...list, plugins: [{}] },
    [/^error plugins\[0\].type: the plugin has no type/],
  ],
  [
    "a capability that is no boolean",
    { ...list, plugins: [{ type: "tuning", capabilities: { mac: "yes" } }] },
    [/^error plugins\[0\].capabilities.mac: must be true or false/],
  ],
  [
    "portmap without ports",
    { ...list, plugins: [{ type: "bridge", ipam }, { type: "portmap" }] },
    [/^warning plugins\[1\].type: portmap does nothing/],
  ],
  [
    "a capability that nobody reads",
    { ...conf, capabilities: { portMappings: true, mac: true, ips: true } },
    [/^warning capabilities.portMappings: nothing here reads/],
  ],
  [
    "runtimeConfig without its capability",
    { ...conf, runtimeConfig: { mac: "02:00:00:00:00:01" } },
    [/^warning runtimeConfig.mac: .*"capabilities" has "mac": true/],
  ],
  [
    "a gateway without addresses",
    { ...conf, ipam: undefined, isGateway: true },
    [/^warning isGateway: .*without ipam/],
  ],
  [
    "options of masquerading without it",
    { ...conf, masqExclude: [] },
    [/^warning masqExclude: .*without ipMasq/],
  ],
  ["a small MTU", { ...conf, mtu: 60 }, [/^error mtu: .*below 68/]],
  [
    "a small MTU for IPv6",
    { ...withIpam({ subnet: "fd00::/64" }), mtu: 1279 },
    [/^error mtu: IPv6 needs .*1280/],
  ],
  ["an IPv6 key without IPv6", { ...conf, enabledad: true }, [/^warning enabledad: .*without an IPv6 range/]],
  ["an exact name", { ...conf, hostInterfaceName: "x" }, [/^warning hostInterfaceName: only one container/]],
  [
    "layer 2 in a version that needs an address",
    { ...conf, ipam: undefined, cniVersion: "0.2.0" },
    [/^error : a result of version 0\.2\.0 must hold an address/],
  ],
  ["no ranges", withIpam({ subnet: "" }), [/^error ipam: no IP ranges specified/]],
  [
    "ranges from the runtime",
    { ...withIpam({ subnet: "" }), capabilities: { ipRanges: true } },
    [/^note ipam: the ranges come from the runtime/],
  ],
  [
    "all addresses excluded",
    withIpam({ exclude: ["10.1.0.0/24"] }),
    [/^error ipam: no address can be given out/],
  ],
  [
    "a next hop out of reach",
    withIpam({ routes: [{ dst: "0.0.0.0/0", gw: "10.2.0.1" }] }),
    [/^error ipam.routes\[0\].gw: .*ENETUNREACH/],
  ],
  [
    "a next hop of the other family",
    withIpam({ routes: [{ dst: "::/0", gw: "10.1.0.1" }] }),
    [/^error ipam.routes\[0\].gw: 10\.1\.0\.1 is of another family/],
  ],
  [
    "a destination by two gateways",
    withIpam({ routes: [{ dst: "10.9.0.0/16" }, { dst: "10.9.0.0/16", gw: "10.1.0.9" }] }),
    [/^warning ipam.routes\[1\].dst: the same destination as routes\[0\]/],
  ],
  [
    "a resolv.conf that is not there",
    withIpam({ resolvConf: "/x" }),
    [/^warning ipam.resolvConf: there is no \/x/],
  ],
  ["a relative dataDir", withIpam({ dataDir: "x" }), [/^warning ipam.dataDir: x is relative/]],
  ["an IPAM type with a slash", { ...conf, ipam: { type: "a/b" } }, [/^error ipam.type: .*no slash/]],
];

describe("lint", () => {
  it.each(cases)("finds %s", (_what, value, wanted) => {
    const found = lint(value);
    expect(found).toHaveLength(wanted.length);
    for (const [index, pattern] of wanted.entries()) expect(found[index]).toMatch(pattern);
  });

  it("finds nothing in the examples, alone and together", () => {
    expect(lintTexts(fakeProcess(), examples, false)).toEqual([]);
  });

  it.each([
    ["a.conf", list, /ends in \.conflist/],
    ["a.conflist", conf, /holds a list/],
  ])("tells when %s is misnamed", (file, value, wanted) => {
    expect(lint(value, file)).toEqual([expect.stringMatching(wanted)]);
  });

  it("says where it is in the file", () => {
    const text = `{\n  "cniVersion": "1.1.0", "name": "a",\n  "plugins": [\n    { "type": "bridge",\n      "VLAN": 5000 }\n  ]\n}`;
    expect(lintTexts(fakeProcess(), [["a.conflist", text]], false)).toEqual([
      {
        file: "a.conflist",
        line: 5,
        column: 15,
        level: "error",
        path: "plugins[0].vlan",
        message: expect.stringContaining("5000"),
      },
    ]);
  });

  describe("between files", () => {
    const other = (keys: object) => ({ ...conf, name: "other", bridge: "br1", ...keys });
    const pair = (second: object) =>
      lintTexts(
        fakeProcess(),
        [
          ["1.conf", JSON.stringify(conf)],
          ["2.conf", JSON.stringify(second)],
        ],
        false,
      ).map(({ file, level, path, message }) => `${file} ${level} ${path}: ${message}`);

    it.each([
      [
        "the same subnet",
        other({}),
        /^2\.conf error ipam\.subnet: 10\.1\.0\.0\/24 is the subnet of network "net" \(1\.conf\)/,
      ],
      [
        "a subnet that holds the other",
        other({ ipam: { type: "host-local", ranges: [[{ subnet: "10.0.0.0/8" }]] } }),
        /^2\.conf error ipam\.ranges\[0\]\[0\]\.subnet: 10\.0\.0\.0\/8 overlaps with 10\.1\.0\.0\/24/,
      ],
      [
        "the same name",
        { ...conf, ipam: undefined },
        /^2\.conf warning name: network "net" is in 1\.conf too/,
      ],
    ])("finds %s", (_what, second, wanted) => {
      expect(pair(second)).toEqual([expect.stringMatching(wanted)]);
    });

    it("finds nothing in subnets side by side", () => {
      expect(pair(other({ ipam: { ...ipam, subnet: "10.1.1.0/24" } }))).toEqual([]);
    });
  });

  it("notes with --reference what the reference does otherwise", () => {
    const value = {
      ...conf,
      isDefaultGateway: true,
      mtu: "auto",
      uplink: "eth1",
      ipam: { ...ipam, cooldown: 5, routes: [{ dst: "0.0.0.0/0" }] },
    };
    expect(lint(value)).toEqual([]);
    const notes = lint(value, "a.conf", true);
    expect(notes.every((note) => note.startsWith("note "))).toBe(true);
    expect(notes.map((note) => note.split(" ")[1]).sort()).toEqual(
      ["ipam.cooldown:", "ipam.routes:", "mtu:", "uplink:"].sort(),
    );
  });

  describe("as a command", () => {
    function run(words: readonly string[], stdin: string) {
      const host = Object.create(fakeProcess({ argv: ["cni-bridge", "lint", ...words], stdin }), {
        readlinkat: { value: () => -2 },
        openat: { value: () => -2 },
      });
      return { status: runTool(host), stdout: host.stdout, stderr: host.stderr };
    }

    it.each([
      [0, [], conf],
      [0, [], { ...conf, isGatway: true }],
      [1, ["--strict"], { ...conf, isGatway: true }],
      [1, [], { ...conf, mtu: "x" }],
    ])("ends with %i for %j", (status, words, value) => {
      expect(run(["-", ...words], JSON.stringify(value)).status).toBe(status);
    });

    it("ends with 2 for a file that is not there", () => {
      expect(run(["/nowhere"], "")).toMatchObject({
        status: 2,
        stdout: "",
        stderr: expect.stringContaining("ENOENT"),
      });
    });

    it("prints file, line and column, and counts", () => {
      expect(run(["-"], '{\n"name": 5,\n}').stdout).toBe(
        '<stdin>:2:10: error: no JSON: no comma may stand before "}"\n1 file: 1 error, 0 warnings\n',
      );
    });

    it("prints JSON", () => {
      const { stdout } = run(["--json", "-"], JSON.stringify({ ...conf, mtu: "x" }));
      expect(JSON.parse(stdout)).toMatchObject({
        errors: 1,
        warnings: 0,
        findings: [{ path: "mtu", line: 1 }],
      });
    });
  });
});
