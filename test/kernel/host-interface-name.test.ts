// The host's end under a configured name. Oracles: ip, and ping.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { attachment, resultOf, SILENT } from "../support/network.ts";
import type { PluginCall } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";

const CONF = {
  cniVersion: "1.1.0",
  name: "net",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  ipMasq: true,
  macspoofchk: true,
  ipam: { type: "host-local", subnet: "10.40.0.0/24" },
};
const NAMED = { ...CONF, hostInterfaceName: "web0" };

let node: Sandbox;
const add = (conf: object, id = "c1") => resultOf(node.plugin("bridge", "ADD", conf, attachment(id)));
const del = (conf: object, id = "c1", more: PluginCall = {}) =>
  expect(node.plugin("bridge", "DEL", conf, attachment(id, more))).toMatchObject(SILENT);
const veths = (): string[] =>
  node
    .json("ip -j link show type veth")
    .map(({ ifname }: { ifname: string }) => ifname)
    .sort();
const snapshot = () => node.snapshot({ exceptMemory: true });

beforeEach(async () => {
  node = await Sandbox.create();
  for (const id of ["c1", "c2"]) node.addNetns(id);
  // Bridge, tables and chains, which stay.
  add(CONF, "c2");
  del(CONF, "c2");
});
afterEach(() => node?.dispose());

const sources: readonly { name: string; conf: object; expected: RegExp }[] = [
  { name: "hostInterfaceName", conf: NAMED, expected: /^web0$/ },
  {
    name: "args.cni.hostInterfaceName over it",
    conf: { ...NAMED, args: { cni: { hostInterfaceName: "web1" } } },
    expected: /^web1$/,
  },
  {
    name: "runtimeConfig.hostInterfaceName over both",
    conf: {
      ...NAMED,
      args: { cni: { hostInterfaceName: "web1" } },
      runtimeConfig: { hostInterfaceName: "fifteen-letters" },
    },
    expected: /^fifteen-letters$/,
  },
  {
    name: "hostInterfacePrefix",
    conf: { ...CONF, hostInterfacePrefix: "tenant-a" },
    expected: /^tenant-a[0-9a-z]{7}$/,
  },
  { name: "a short prefix", conf: { ...CONF, hostInterfacePrefix: "v" }, expected: /^v[0-9a-z]{11}$/ },
  {
    name: "a name rather than a prefix",
    conf: { ...NAMED, hostInterfacePrefix: "tenant" },
    expected: /^web0$/,
  },
];

describe("the host's end", () => {
  it.each(sources)("is named by $name, connects, passes CHECK and goes again", ({ conf, expected }) => {
    const before = snapshot();
    const result = add(conf);
    const [port] = node
      .json("bridge -j link show")
      .filter(({ master }: { master: string }) => master === "br0");
    expect(port.ifname).toMatch(expected);
    expect(result.interfaces[1].name).toBe(port.ifname);
    expect(node.pings("c1", "10.40.0.1")).toBe(true);
    const checked = node.plugin("bridge", "CHECK", { ...conf, prevResult: result }, attachment("c1"));
    expect(checked, checked.stdout).toMatchObject({ status: 0 });
    del(conf);
    expect(veths()).toEqual([]);
    expect(snapshot()).toEqual(before);
  });

  it("is another for each container, with a prefix", () => {
    const conf = { ...CONF, hostInterfacePrefix: "tenant-a" };
    add(conf, "c1");
    add(conf, "c2");
    expect(new Set(veths()).size).toBe(2);
    for (const name of veths()) expect(name).toMatch(/^tenant-a/);
    del(conf, "c1");
    expect(veths()).toHaveLength(1);
  });

  it("shows the derived name beside its own", () => {
    add(NAMED);
    const [record] = node.sh("ls /run/cni-bridge/net").trim().split("\n");
    expect(record).toMatch(/^veth[0-9a-z]{11}$/);
    expect(node.json("ip -j link show dev web0")[0].altnames).toEqual([record]);
  });

  it("is told by CHECK when it is gone", () => {
    const result = add(NAMED);
    node.sh("ip link del web0");
    expect(
      node.plugin("bridge", "CHECK", { ...NAMED, prevResult: result }, attachment("c1")).json,
    ).toMatchObject({
      code: 102,
      msg: expect.stringContaining("eth0"),
    });
  });

  it("does not let a second ADD of the same interface pass", () => {
    add(NAMED);
    const before = snapshot();
    expect(node.plugin("bridge", "ADD", NAMED, attachment("c1")).json).toMatchObject({
      code: 100,
      msg: 'interface "eth0" of this container already exists',
      details: expect.stringContaining("web0"),
    });
    expect(snapshot()).toEqual(before);
  });
});

describe("DEL finds it", () => {
  const withoutSecondName = () =>
    node.sh('ip link property del dev web0 altname "$(ls /run/cni-bridge/net)"');
  const withoutRecord = () => node.sh("rm -r /run/cni-bridge/net");
  const cases: readonly { name: string; lose: () => void; conf: object; more?: PluginCall }[] = [
    { name: "without CNI_NETNS", lose: () => {}, conf: NAMED, more: { netns: "" } },
    {
      name: "although the configuration has another name now",
      lose: () => {},
      conf: CONF,
      more: { netns: "" },
    },
    { name: "without its second name", lose: withoutSecondName, conf: CONF, more: { netns: "" } },
    { name: "without record", lose: withoutRecord, conf: CONF, more: { netns: "" } },
    {
      name: "without either, by the container's end",
      lose: () => {
        withoutSecondName();
        withoutRecord();
      },
      conf: CONF,
    },
  ];

  it.each(cases)("$name", ({ lose, conf, more }) => {
    const before = snapshot();
    add(NAMED);
    lose();
    del(conf, "c1", more);
    expect(veths()).toEqual([]);
    expect(snapshot()).toEqual(before);
  });

  it("and GC too, without its second name", () => {
    add(NAMED);
    withoutSecondName();
    const gc = { ...CONF, "cni.dev/valid-attachments": [] };
    expect(node.plugin("bridge", "GC", gc)).toMatchObject({ status: 0, stderr: "" });
    expect(veths()).toEqual([]);
  });
});

describe("a name that is taken", () => {
  const fails = (conf: object, id = "c1") => {
    const ended = node.plugin("bridge", "ADD", conf, attachment(id));
    expect(ended.json).toMatchObject({
      code: 100,
      msg: expect.stringContaining('host interface "web0" already exists'),
    });
  };

  it("by another container stays that one's, whatever is deleted", () => {
    const first = add(NAMED, "c1");
    const before = snapshot();
    fails(NAMED, "c2");
    expect(snapshot()).toEqual(before);
    // A runtime cleans up after a failed ADD.
    del(NAMED, "c2");
    del(NAMED, "c2", { netns: "" });
    expect(veths()).toEqual(["web0"]);
    expect(node.plugin("bridge", "CHECK", { ...NAMED, prevResult: first }, attachment("c1"))).toMatchObject({
      status: 0,
    });
  });

  it("by an interface of the host stays as it is, and nothing is made", () => {
    node.sh("ip link add web0 type veth peer name web0-peer");
    const before = snapshot();
    fails({ ...NAMED, bridge: "br9" });
    expect(snapshot()).toEqual(before);
    del({ ...NAMED, bridge: "br9" });
    expect(snapshot()).toEqual(before);
  });

  it("after the container's own end has gone is no longer its own", () => {
    add(NAMED);
    node.sh("ip link del web0; ip link add web0 type veth peer name web0-peer");
    del(NAMED, "c1", { netns: "" });
    expect(veths()).toEqual(["web0", "web0-peer"]);
  });
});

it.each([
  { hostInterfaceName: "sixteen-letters-" },
  { hostInterfaceName: "a/b" },
  { hostInterfaceName: "web%d" },
  { hostInterfaceName: "br0" },
  { hostInterfacePrefix: "nine-char" },
  { hostInterfacePrefix: "" },
  { hostInterfacePrefix: "a b" },
])("refuses %o", (more) => {
  expect(node.plugin("bridge", "ADD", { ...CONF, ...more }, attachment("c1")).json).toMatchObject({
    code: 7,
    msg: expect.stringContaining(`${Object.keys(more)[0]}: "${Object.values(more)[0]}"`),
  });
});
