// Delegation with real programs: what an IPAM plugin of CNI_PATH is given, how its answers are read, and what is left
// when it fails. The plugin is a script that records each of its calls.

import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DIST } from "../support/executables.ts";
import type { Conf, PluginCall } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";

let node: Sandbox;
let netns: string;
let directory: string;
let records: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "delegation-"));
  records = join(directory, "records");
  mkdirSync(join(directory, "empty"));
  node = await Sandbox.create();
  netns = node.addNetns("t1");
});
afterAll(async () => {
  await node.dispose();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  rmSync(records, { recursive: true, force: true });
  mkdirSync(records);
});

/** Installs a plugin that records environment and standard input of each call, then runs `script`. */
function install(name: string, script: string): void {
  const record = `n=$(ls ${records} | wc -l)\nr=${records}/$n\nmkdir $r\nenv >$r/env\ncat >$r/stdin\n`;
  writeFileSync(join(directory, name), `#!/bin/sh\n${record}${script}\n`);
  chmodSync(join(directory, name), 0o755);
}

/** The recorded calls in order. */
function calls() {
  return readdirSync(records)
    .toSorted((a, b) => Number(a) - Number(b))
    .map((number) => {
      const lines = readFileSync(join(records, number, "env"), "utf8")
        .trimEnd()
        .split("\n");
      const env = Object.fromEntries(
        lines.map((line) => [line.split("=", 1)[0]!, line.slice(line.indexOf("=") + 1)]),
      );
      return { env, stdin: readFileSync(join(records, number, "stdin"), "utf8") };
    });
}
const verbsSeen = () => calls().map(({ env }) => env.CNI_COMMAND);

const conf = (type: string, cniVersion = "1.1.0") =>
  `{ "type":"bridge","cniVersion":"${cniVersion}", "name":"net1", "bridge":"br1",  "ipam":{"type":"${type}","x":"\\u003c é"}}\n`;
const bridge = (verb: string, configuration: Conf, call: PluginCall = {}) =>
  node.plugin("bridge", verb, configuration, {
    containerId: "c1",
    netns,
    path: `${directory}/empty:${directory}`,
    bin: DIST,
    ...call,
  });
const answer = '{"cniVersion":"1.1.0","ips":[{"address":"10.31.0.5/24","gateway":"10.31.0.1"}]}';
const onAdd = (script: string) => `[ $CNI_COMMAND != ADD ] || { ${script}; }`;

describe("an IPAM plugin of CNI_PATH", () => {
  it("is given standard input to the byte and our environment but for the verb", () => {
    install("recorder", onAdd(`echo '${answer}'; echo a line >&2`));
    const env = { EXTRA: "kept", CNI_ARGS: "IgnoreUnknown=1;K=V" };
    const added = bridge("ADD", conf("recorder"), { env });
    expect(added).toMatchObject({ status: 0, json: { ips: [{ address: "10.31.0.5/24", interface: 2 }] } });
    expect(added.stderr).toContain("a line\n");
    expect(bridge("DEL", conf("recorder"), { env }).status).toBe(0);
    expect(verbsSeen()).toEqual(["ADD", "DEL"]);
    for (const { env: seen, stdin } of calls()) {
      expect(stdin).toBe(conf("recorder"));
      expect(seen).toMatchObject({
        CNI_CONTAINERID: "c1",
        CNI_NETNS: netns,
        CNI_IFNAME: "eth0",
        CNI_PATH: `${directory}/empty:${directory}`,
        ...env,
      });
    }
  });

  it.each([
    ["0.2.0", '{"cniVersion":"0.2.0","ip4":{"ip":"10.31.0.5/24","gateway":"10.31.0.1"}}'],
    [
      "0.4.0",
      '{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.31.0.5/24","gateway":"10.31.0.1"}]}',
    ],
    ["1.0.0", '{"cniVersion":"1.0.0","ips":[{"address":"10.31.0.5/24","gateway":"10.31.0.1"}]}'],
    ["no version", '{"ips":[{"address":"10.31.0.5/24","gateway":"10.31.0.1"}]}'],
  ])("may answer in the form of %s", (_, text) => {
    install("recorder", onAdd(`echo '${text}'`));
    expect(bridge("ADD", conf("recorder"))).toMatchObject({
      status: 0,
      json: { cniVersion: "1.1.0", ips: [{ address: "10.31.0.5/24", gateway: "10.31.0.1" }] },
    });
    expect(bridge("DEL", conf("recorder")).status).toBe(0);
  });

  it.each([
    ["its own error", `echo '{"code":42,"msg":"no lease","details":"why"}'; exit 1`, 42],
    ["an error without JSON", "echo boom; exit 3", 103],
    ["a word on stderr", "echo boom >&2; exit 3", 103],
    ["silence", "exit 3", 103],
    ["a signal", "kill -9 $$", 103],
    ["no JSON although it succeeds", "echo boom", 6],
    ["an answer of an unknown version", `echo '{"cniVersion":"7.0.0"}'`, 6],
    ["no address", `echo '{"cniVersion":"1.1.0"}'`, 103],
  ])("that fails with %s makes ADD fail, is told DEL, and leaves nothing", (_, script, code) => {
    const before = node.snapshot();
    install("recorder", onAdd(script));
    expect(bridge("ADD", conf("recorder"))).toMatchObject({ status: 1, json: { code } });
    expect(verbsSeen()).toEqual(["ADD", "DEL"]);
    const after = node.snapshot();
    expect(after.netns.t1).toEqual(before.netns.t1);
    expect(after.files).toEqual(before.files);
  });

  it("that fails DEL makes DEL fail, after the interface is gone", () => {
    install(
      "recorder",
      `case $CNI_COMMAND in ADD) echo '${answer}';; DEL) echo '{"code":11,"msg":"later"}'; exit 1;; esac`,
    );
    expect(bridge("ADD", conf("recorder")).status).toBe(0);
    expect(bridge("DEL", conf("recorder"))).toMatchObject({ status: 1, json: { code: 11, msg: "later" } });
    expect(node.run("ip", ["link", "show", "eth0"], { netns: "t1" }).status).not.toBe(0);
  });

  it("hears of every verb", () => {
    install("recorder", onAdd(`echo '${answer}'`));
    const added = bridge("ADD", conf("recorder"));
    const withResult = { ...JSON.parse(conf("recorder")), prevResult: added.json };
    expect(bridge("CHECK", withResult)).toMatchObject({ status: 0, stdout: "" });
    expect(bridge("STATUS", conf("recorder"))).toMatchObject({ status: 0, stdout: "" });
    expect(bridge("DEL", withResult)).toMatchObject({ status: 0, stdout: "" });
    expect(bridge("GC", { ...JSON.parse(conf("recorder")), "cni.dev/valid-attachments": [] })).toMatchObject({
      status: 0,
      stdout: "",
    });
    expect(verbsSeen()).toEqual(["ADD", "CHECK", "STATUS", "DEL", "GC"]);
  });

  it("decides over STATUS", () => {
    install("recorder", `echo '{"code":51,"msg":"half dead"}'; exit 1`);
    expect(bridge("STATUS", conf("recorder"))).toMatchObject({ status: 1, json: { code: 51 } });
    expect(bridge("STATUS", conf("absent"))).toMatchObject({ status: 1, json: { code: 50 } });
  });

  it.each([
    ["absent", {}, 103],
    ["../recorder", {}, 7],
    ["recorder", { env: { CNI_PATH: undefined } }, 4],
  ])("that cannot be found (%s) changes nothing", (type, call, code) => {
    install("recorder", "");
    const before = node.snapshot({ exceptMemory: true });
    expect(bridge("ADD", conf(type), call)).toMatchObject({ status: 1, json: { code } });
    expect(calls()).toEqual([]);
    expect(node.snapshot({ exceptMemory: true }).netns.t1).toEqual(before.netns.t1);
  });
});
