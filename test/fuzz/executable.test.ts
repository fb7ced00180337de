// Hostile input to the executable as it ships: whatever a configuration, an environment variable, a file of the data
// directory or a delegate says, it ends soon, with status 0 or 1, and with one error object where it failed.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  mutateBytes,
  mutateJson,
  mutateText,
  pick,
  type Random,
  randomFrom,
  seedsOf,
} from "../support/mutation.ts";
import type { Conf, PluginCall, PluginEnded } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";

/** Runs for each seed; a run is a few milliseconds. */
const RUNS = Number(process.env.FUZZ_RUNS ?? 1000);
const AT_ONCE = 4;
const SEEDS = [1, 20_261_122, 925_300_717];

const BRIDGE = {
  cniVersion: "1.1.0",
  name: "net",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  isDefaultGateway: true,
  forceAddress: false,
  ipMasq: true,
  ipMasqBackend: "nftables",
  mtu: 1400,
  hairpinMode: true,
  macspoofchk: true,
  vlan: 0,
  vlanTrunk: [],
  preserveDefaultVlan: false,
  groupFwdMask: 8,
  hostInterfacePrefix: "veth",
  dns: { nameservers: ["10.1.0.1"], domain: "d", search: ["s"], options: ["o"] },
  args: { cni: { ips: ["10.1.0.9"], mac: "02:00:00:00:00:01" } },
  runtimeConfig: { mac: "02:00:00:00:00:02", ips: ["10.1.0.8/16"] },
  ipam: {
    type: "host-local",
    ranges: [
      [{ subnet: "10.1.0.0/16", rangeStart: "10.1.0.5", rangeEnd: "10.1.2.9", gateway: "10.1.0.1" }],
      [{ subnet: "fd00:1::/64" }],
    ],
    routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1", mtu: 1300, priority: 5, table: 100 }],
    resolvConf: "/run/resolv.conf",
    dataDir: "/var/lib/cni/fuzz",
    exclude: ["10.1.0.7", "10.1.1.0/30"],
    cooldown: 5,
    sticky: true,
  },
  prevResult: {
    cniVersion: "1.1.0",
    interfaces: [
      { name: "br0", mac: "02:00:00:00:00:03" },
      { name: "veth0", mac: "02:00:00:00:00:04" },
      { name: "eth0", mac: "02:00:00:00:00:02", sandbox: "/run/netns/fuzz" },
    ],
    ips: [{ interface: 2, address: "10.1.0.8/16", gateway: "10.1.0.1" }],
    routes: [{ dst: "0.0.0.0/0" }],
    dns: {},
  },
  "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "eth0" }],
};
/** The same without what this kernel may not have, so that a good part of the ADDs succeed. */
const { vlanTrunk: _, ...PLAIN } = BRIDGE;
const RESOLV_CONF = "nameserver 10.1.0.1\nsearch a b\ndomain d\noptions ndots:2 # x\n; y\n";
const ANSWER = {
  cniVersion: "1.1.0",
  ips: [{ address: "10.1.0.8/16", gateway: "10.1.0.1" }],
  routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }],
  dns: { nameservers: ["10.1.0.1"] },
};
const FAILURE = { cniVersion: "1.1.0", code: 11, msg: "later", details: "x" };

const ENTRY = {
  containerId: "c1",
  ifname: "eth0",
  boot: "b",
  machine: "m",
  netns: "/run/netns/fuzz",
  netnsCookie: "1",
  homeCookie: "2",
  leases: [{ name: "10.1.0.5", ino: 1, mtimeMs: 2 }],
  mtimeMs: 3,
  swept: true,
};

interface Input {
  readonly plugin: string;
  readonly verb: string;
  readonly conf: Conf;
  readonly call: PluginCall;
}

let node: Sandbox;
let runs = 0;
let successes = 0;
beforeAll(async () => {
  node = await Sandbox.create({ empty: ["/opt/cni/bin"] });
  node.addNetns("fuzz");
  node.must("tee", ["/run/resolv.conf"], { input: RESOLV_CONF });
  // A configuration may name any data directory; none but the node's own can be written.
  node.sh("mount -o remount,ro,bind / && mkdir -p /run/bin");
});
afterAll(async () => {
  console.log(`${runs} runs of the executable, ${successes} without an error`);
  await node?.dispose();
});

/** One JSON object where it failed; where it did not, one or nothing. Never anything else. */
function expectSound(ended: PluginEnded, input: Input, seed: number, index: number): void {
  const text =
    typeof input.conf === "string" ? input.conf : Buffer.from(input.conf as Uint8Array).toString("latin1");
  const label = `seed ${seed}, run ${index}: ${input.plugin} ${input.verb} ${JSON.stringify(input.call)} ${text.slice(0, 3000)}`;
  expect([0, 1], `${label}\n${ended.stdout}${ended.stderr}`).toContain(ended.status);
  if (ended.status === 0) successes++;
  if (ended.status === 0 && ended.stdout === "") return;
  expect(ended.json, `${label}\n${ended.stdout}`).toBeTypeOf("object");
  if (ended.status === 0) return;
  expect(ended.json, label).toMatchObject({
    cniVersion: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    code: expect.any(Number),
    msg: expect.stringMatching(/./),
  });
  // Our own defects: nothing that input says may be one.
  expect(ended.json.code, `${label}\n${ended.stdout}`).not.toBe(999);
}

async function bombard(seed: number, make: (random: Random) => Input): Promise<void> {
  const random = randomFrom(seed);
  const inputs = Array.from({ length: RUNS }, () => make(random));
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < inputs.length; index = next++) {
      const input = inputs[index]!;
      const hung = setTimeout(() => {
        throw new Error(`hangs: seed ${seed}, run ${index}`);
      }, 60_000);
      const ended = await node.pluginAsync(input.plugin, input.verb, input.conf, input.call);
      clearTimeout(hung);
      runs++;
      expectSound(ended, input, seed, index);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

const verbs = ["ADD", "DEL", "CHECK", "GC", "STATUS"];
const call = (random: Random): PluginCall => ({
  containerId: `c${random(4)}`,
  netns: pick(random, ["/run/netns/fuzz", "/run/netns/none", "/dev/null"]),
});
const anyConf = (random: Random, document: unknown): Conf => {
  const text = mutateJson(random, document);
  return random(4) === 0 ? mutateBytes(random, new TextEncoder().encode(text)) : text;
};

/** What is attacked: a name, and how to make one input. `plant` puts files into the node before. */
const targets: readonly (readonly [string, (random: Random) => Input])[] = [
  [
    "the configuration, prevResult and valid attachments",
    (random) => ({
      plugin: pick(random, ["bridge", "host-local"]),
      verb: pick(random, verbs),
      conf: anyConf(random, pick(random, [BRIDGE, PLAIN, PLAIN])),
      call: call(random),
    }),
  ],
  [
    "the environment",
    (random) => {
      const hostile = (text: string) =>
        random(2) === 0 ? text : mutateText(random, text).replaceAll("\0", "");
      return {
        plugin: pick(random, ["bridge", "host-local"]),
        verb: pick(random, [...verbs, "VERSION", "add", "x".repeat(100)]),
        conf: JSON.stringify({ ...PLAIN, args: {}, runtimeConfig: {} }),
        call: {
          containerId: hostile("c1"),
          ifname: hostile("eth0"),
          netns: hostile("/run/netns/fuzz"),
          args: hostile(
            "IgnoreUnknown=1;K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;IP=10.1.0.7;MAC=02:00:00:00:00:05",
          ),
          path: hostile("/run/bin:/opt/cni/bin"),
        },
      };
    },
  ],
];

describe.each(seedsOf(SEEDS))("seed %i", (seed) => {
  it.each(targets)("survives %s", async (_, make) => bombard(seed, make));

  it("survives lease files, index entries and resolv.conf", async () => {
    const random = randomFrom(seed);
    for (let round = 0; round < RUNS / 50; round++) {
      const lines: string[] = ["rm -rf /var/lib/cni/fuzz; : >/run/resolv.conf"];
      const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
      const bytes = (text: string) => mutateBytes(random, new TextEncoder().encode(text));
      const write = (name: string, text: string) =>
        lines.push(`echo ${base64(bytes(text))} | base64 -d >/var/lib/cni/fuzz/net/${name}`);
      node.must("sh", ["-euc", lines.join("\n")]);
      // Some good leases with their entries, which then are damaged.
      const conf = { ...BRIDGE, args: {}, runtimeConfig: {} };
      for (let id = 0; id < 3; id++)
        node.plugin("host-local", "ADD", conf, { containerId: `c${id}`, netns: "/x" });
      lines.length = 0;
      for (let file = 0; file < 4; file++)
        write(`10.1.0.${5 + random(4)}`, pick(random, ["c1\r\neth0", "c1", "c2\r\neth0\r\n", ""]));
      write("last_reserved_ip.0", "10.1.0.6");
      lines.push(`echo ${base64(bytes(RESOLV_CONF))} | base64 -d >/run/resolv.conf`);
      lines.push("cd /var/lib/cni/fuzz/net/.cni-bridge; names=(*)");
      for (let entry = 0; entry < 3; entry++) {
        // An entry is a link's target: without NUL, not empty, no longer than a path.
        const bad = mutateJson(random, ENTRY).replaceAll("'", "").slice(0, 1000) || "x";
        lines.push(`ln -sfn -- '${bad}' "\${names[${random(9)} % \${#names[@]}]}"`);
      }
      node.must("bash", ["--norc", "-euc", lines.join("\n")]);
      for (const verb of ["ADD", "CHECK", "STATUS", "DEL", "GC", "ADD"]) {
        const input: Input = {
          plugin: "host-local",
          verb,
          conf: JSON.stringify(conf),
          call: { containerId: `c${random(5)}`, netns: "/x" },
        };
        const ended = node.plugin("host-local", verb, input.conf, input.call);
        runs++;
        // A disk that says EIO or a directory in place of a file is code 5, not a defect.
        expectSound(ended, input, seed, round);
      }
    }
  });

  it("survives records, and the commands of a person survive both", () => {
    const random = randomFrom(seed);
    const ipam = { type: "host-local", ranges: [[{ subnet: "10.2.0.0/24" }]], dataDir: "/var/lib/cni/fuzz" };
    const conf = {
      ...PLAIN,
      name: "recorded",
      bridge: "br1",
      prevResult: undefined,
      args: {},
      runtimeConfig: {},
      ipam,
    };
    const calls = [0, 1].map(
      (id): PluginCall => ({ containerId: `r${id}`, ifname: `r${id}`, netns: "/run/netns/fuzz" }),
    );
    for (let round = 0; round < RUNS / 100; round++) {
      for (const each of calls)
        expect(node.plugin("bridge", "ADD", conf, each).stdout, `seed ${seed}, run ${round}`).toContain(
          '"ips"',
        );
      for (const path of node
        .sh("find /run/cni-bridge/recorded /var/lib/cni/fuzz/recorded/.cni-bridge -type f -o -type l")
        .split("\n")) {
        if (path === "" || random(2) === 0) continue;
        const isEntry = path.includes("/.cni-bridge/");
        const text = node.sh(isEntry ? `readlink ${path}` : `cat ${path}`).trim();
        // A record is two lines, each of them JSON.
        const lines = text.split("\n");
        const at = random(lines.length);
        lines[at] = mutateJson(random, JSON.parse(lines[at]!));
        const bad = lines.join("\n");
        if (!isEntry) node.must("tee", [path], { input: bad });
        else if (Buffer.byteLength(bad) < 4000) node.must("ln", ["-sfn", "--", bad || "x", path]);
      }
      for (const words of [
        ["ls"],
        ["ls", "--json"],
        ["why", "10.1.0.5"],
        ["doctor"],
        ["metrics"],
        ["gc"],
        ["repair"],
      ]) {
        const ended = node.run(`${node.bin}/cni-bridge`, words);
        runs++;
        const label = `seed ${seed}, run ${round}: cni-bridge ${words.join(" ")}\n${ended.stdout}${ended.stderr}`;
        // 2: doctor found something.
        expect([0, 1, 2], label).toContain(ended.status);
        expect(ended.stdout + ended.stderr, label).not.toMatch(/internal error|\n {4}at /);
      }
      const valid = { ...conf, "cni.dev/valid-attachments": [] };
      for (const verb of ["CHECK", "ADD", "GC", "DEL"]) {
        for (const each of calls) {
          const input: Input = { plugin: "bridge", verb, conf: JSON.stringify(valid), call: each };
          const ended = node.plugin("bridge", verb, input.conf, each);
          runs++;
          expectSound(ended, input, seed, round);
          if (verb === "DEL") expect(ended.status, `seed ${seed}, run ${round}: ${ended.stdout}`).toBe(0);
        }
      }
      // Whatever they said, nothing of the containers is left.
      const left =
        "ip -o link show type veth; nft list ruleset | grep -E '@(nh|ll)|goto cni' || true; ls /run/cni-bridge";
      expect(node.sh(left), `seed ${seed}, run ${round}`).toBe("");
    }
  });

  it("survives the answers of a delegate", async () => {
    const random = randomFrom(seed);
    for (let round = 0; round < RUNS / 20; round++) {
      const answer = anyConf(random, pick(random, [ANSWER, FAILURE]));
      const bytes = typeof answer === "string" ? new TextEncoder().encode(answer) : (answer as Uint8Array);
      node.must("tee", ["/run/answer"], { input: bytes });
      node.sh(
        `printf '#!/bin/sh\\ncat >/dev/null\\n[ "$CNI_COMMAND" != ADD ] || cat /run/answer\\nexit ${random(3)}\\n' >/run/bin/ipam; chmod +x /run/bin/ipam`,
      );
      const conf = JSON.stringify({ ...PLAIN, prevResult: undefined, ipam: { type: "ipam" } });
      for (const verb of ["ADD", "DEL"]) {
        const input: Input = {
          plugin: "bridge",
          verb,
          conf,
          call: { containerId: "d1", netns: "/run/netns/fuzz", path: "/run/bin" },
        };
        const ended = node.plugin("bridge", verb, conf, input.call);
        runs++;
        const delegated =
          ended.status === 1 &&
          ended.json?.code === 999 &&
          typeof answer === "string" &&
          answer.includes("999");
        if (!delegated) expectSound(ended, input, seed, round);
      }
    }
  });
});

describe("by its size and shape", () => {
  const big = 10 << 20;
  const head =
    '{"cniVersion":"1.1.0","name":"net","type":"bridge","ipam":{"type":"host-local","subnet":"10.1.0.0/16"},';
  const cases: readonly (readonly [string, Conf])[] = [
    ["10 MB of blanks", " ".repeat(big)],
    ["10 MB in one string", `${head}"x":"${"x".repeat(big)}"}`],
    ["10 MB in one key", `${head}"${"x".repeat(big)}":1}`],
    ["10 MB of small numbers", `${head}"x":[${"1,".repeat(big / 2)}1]}`],
    ["10 MB of small objects", `${head}"x":[${"{},".repeat(big / 3)}1]}`],
    ["10 MB of keys", `${head}${Array.from({ length: 600_000 }, (_, key) => `"k${key}":0`).join(",")}}`],
    ["10 MB of one key", `${head}${'"mtu":1500,'.repeat(900_000)}"mtu":1500}`],
    ["17 MB", `${head}"x":"${"x".repeat(17 << 20)}"}`],
    ["a million open arrays", "[".repeat(1_000_000)],
    ["a million open objects", '{"a":'.repeat(1_000_000)],
    ["10 000 nested arrays in prevResult", `${head}"prevResult":${"[".repeat(9_000)}${"]".repeat(9_000)}}`],
    ["a million routes", `${head}"routes":[${'{"dst":"1.0.0.0/8"},'.repeat(500_000)}{}]}`],
    ["invalid UTF-8", Buffer.from(`${head}"bridge":"br\xff\xfe"}`, "latin1")],
    ["a NUL in the text", `${head}"bridge":"br\0"}`],
    ["a NUL after the text", `${head}"bridge":"br0"}\0`],
    ["a byte order mark", `\ufeff${head}"bridge":"br0"}`],
    ["UTF-16", Buffer.from(`${head}"bridge":"br0"}`, "utf16le")],
    ["lone surrogates", `${head}"bridge":"\\ud800","name":"\\udfff"}`],
    ["a number past 2^53", `${head}"mtu":9007199254740993}`],
    ["a number past any", `${head}"mtu":1e999,"vlan":-1e999}`],
    ["a number of a million digits", `${head}"mtu":${"9".repeat(1_000_000)}}`],
    ["__proto__ as configuration", `${head}"__proto__":{"bridge":"evil0","ipMasq":true,"code":1}}`],
    ["two names", `${head}"name":"other","NAME":"third"}`],
    ["nothing", ""],
    ["two documents", `${head}"x":1}${head}"x":1}`],
  ];

  it.each(cases)("survives %s", (name, conf) => {
    for (const plugin of ["bridge", "host-local"]) {
      for (const verb of ["ADD", "DEL", "STATUS", "GC"]) {
        const input: Input = { plugin, verb, conf, call: { containerId: "big", netns: "/run/netns/none" } };
        const ended = node.plugin(plugin, verb, conf, { ...input.call, timeoutMs: 30_000 });
        runs++;
        expectSound(ended, { ...input, conf: name }, 0, 0);
      }
    }
  });

  it("takes nothing from __proto__", () => {
    const conf = `${head}"__proto__":{"bridge":"evil0"}}`;
    const ended = node.plugin("bridge", "ADD", conf, { containerId: "p1", netns: "/run/netns/fuzz" });
    expect(ended.status, ended.stdout).toBe(0);
    expect(ended.json.interfaces[0].name).toBe("cni0");
    expect(node.plugin("bridge", "DEL", conf, { containerId: "p1", netns: "/run/netns/fuzz" }).status).toBe(
      0,
    );
  });
});
