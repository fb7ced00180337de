// STATUS tells whether an ADD could work now, with code 50 and the reason where it could not, and changes nothing. The
// ADD that follows is the oracle: it must do what STATUS says.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { attachment, dualStack, SILENT } from "../support/network.ts";
import type { PluginCall } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";

const CONF = dualStack(57, { macspoofchk: true });

let node: Sandbox;
const status = (conf: object = CONF, call: PluginCall = {}) => node.plugin("bridge", "STATUS", conf, call);
const add = (conf: object = CONF, call: PluginCall = {}) =>
  node.plugin("bridge", "ADD", conf, attachment("c1", call));

beforeEach(async () => {
  node = await Sandbox.create();
  node.addNetns("c1");
});
afterEach(() => node?.dispose());

describe("STATUS is well, and makes nothing,", () => {
  it.each([
    ["on a fresh node", CONF],
    ["of a network without ipam", { ...CONF, ipam: {}, ipMasq: false }],
    ["of a network with every default", { cniVersion: "1.1.0", name: "net", type: "bridge" }],
  ])("%s", (_name, conf) => {
    const before = node.snapshot();
    const rest = () => node.sh("ls -A /var/lib/cni /run; cat /proc/net/ip_tables_names 2>/dev/null || true");
    const restBefore = rest();
    expect(status(conf)).toMatchObject(SILENT);
    expect(
      status(conf, { env: { CNI_CONTAINERID: "", CNI_NETNS: "", CNI_IFNAME: "", CNI_ARGS: "" } }),
    ).toMatchObject(SILENT);
    expect(node.snapshot()).toEqual(before);
    expect(rest()).toBe(restBefore);
  });

  it("while containers run", () => {
    expect(add()).toMatchObject({ status: 0 });
    const before = node.snapshot();
    expect(status()).toMatchObject(SILENT);
    expect(node.snapshot()).toEqual(before);
  });

  it("although the pool is full, as that is no fault of the node", () => {
    const ipam = { type: "host-local", ranges: [[{ subnet: "10.57.0.0/30" }]] };
    expect(add({ ...CONF, ipam })).toMatchObject({ status: 0 });
    expect(status({ ...CONF, ipam })).toMatchObject(SILENT);
  });
});

describe("STATUS is code 50 where", () => {
  interface Case {
    readonly name: string;
    readonly says: RegExp;
    /** What breaks it, and what mends it, as shell. */
    readonly script?: string;
    readonly repair?: string;
    readonly conf?: object;
    readonly call?: PluginCall;
  }
  const cases: readonly Case[] = [
    {
      name: "the plugin may not make links",
      says: /CAP_NET_ADMIN/,
      call: { under: ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"] },
    },
    { name: "the IPAM plugin is not there", says: /absent/, conf: { ipam: { type: "absent" } } },
    {
      name: "another kind of link has the bridge's name",
      says: /"br0" already exists but is not a bridge/,
      script: "ip link add br0 type veth peer name br0p",
      repair: "ip link del br0",
    },
    {
      name: "the leases cannot be written",
      says: /EROFS|read-only/,
      script: "mkdir -p /var/lib/cni/networks/net; mount -o remount,ro /var/lib/cni",
      repair: "mount -o remount,rw /var/lib/cni",
    },
    {
      name: "the directory of leases is a file",
      says: /networks/,
      script: ": >/var/lib/cni/networks",
      repair: "rm /var/lib/cni/networks",
    },
  ];

  it.each(cases)("$name, and ADD fails too", ({ says, script = ":", repair = ":", conf = {}, call = {} }) => {
    node.sh(script);
    const before = node.snapshot();
    const ended = status({ ...CONF, ...conf }, call);
    expect(ended).toMatchObject({ status: 1, json: { cniVersion: "1.1.0", code: 50 } });
    expect(ended.json.msg).toMatch(says);
    expect(node.snapshot()).toEqual(before);
    expect(add({ ...CONF, ...conf }, call)).toMatchObject({ status: 1 });
    node.sh(repair);
    expect(status()).toMatchObject(SILENT);
    expect(add()).toMatchObject({ status: 0 });
  });

  it("the IPAM plugin says so, with its own code", () => {
    const install = (script: string) =>
      node.sh("mkdir -p /run/bin; cat >/run/bin/fake; chmod +x /run/bin/fake", {
        input: `#!/bin/sh\ncat >/run/bin/stdin\n${script}\n`,
      });
    const text = '{"cniVersion":"1.1.0","name":"net",  "type":"bridge","ipam":{"type":"fake"}}\n';
    install("exit 0");
    const call = { path: "/run/bin" };
    expect(node.plugin("bridge", "STATUS", text, call)).toMatchObject(SILENT);
    expect(node.sh("cat /run/bin/stdin")).toBe(text);
    install(`echo '{"code":51,"msg":"half dead"}'; exit 1`);
    expect(node.plugin("bridge", "STATUS", text, call)).toMatchObject({
      status: 1,
      json: { code: 51, msg: "half dead" },
    });
  });
});

it.each([
  ["vlan", { vlan: 99_999 }],
  ["hairpinMode with promiscMode", { hairpinMode: true, promiscMode: true }],
  ["a range", { ipam: { type: "host-local", subnet: "10.57.0.1/24" } }],
])("STATUS is code 7 where the configuration is wrong: %s", (_name, more) => {
  expect(status({ ...CONF, ...more })).toMatchObject({ status: 1, json: { code: 7 } });
});
