// GC removes what belongs to attachments of its network that the runtime does not list, and nothing else. Oracles: ip,
// nft, ping, the files, an IPAM plugin that records its calls.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { attachment, dualStack, SILENT } from "../support/network.ts";
import type { PluginCall } from "../support/node.ts";
import { Outside } from "../support/outside.ts";
import { Sandbox } from "../support/sandbox.ts";

const CONF = dualStack(55, { macspoofchk: true });
const SECOND = {
  ...CONF,
  name: "second",
  bridge: "br1",
  isDefaultGateway: false,
  macspoofchk: false,
  ipam: { type: "host-local", subnet: "10.56.0.0/24" },
};
const VALID = "cni.dev/valid-attachments";
const OLD = "cni.dev/attachments";
const IDS = ["c1", "c2", "c3"];

let node: Sandbox;
const call = (id: string, ifname = "eth0") => attachment(id, { ifname });
const must = (verb: string, conf: object, more: PluginCall) => {
  const ended = node.plugin("bridge", verb, conf, more);
  expect(ended.status, `${verb}: ${ended.stdout} ${ended.stderr}`).toBe(0);
  return ended.json;
};
const gc = (more: object, conf: object = CONF, options: PluginCall = {}) =>
  node.plugin("bridge", "GC", { ...conf, ...more }, options);

beforeAll(async () => {
  node = await Sandbox.create();
});
afterAll(() => node?.dispose());
beforeEach(() => {
  for (const id of IDS) node.addNetns(id);
});
afterEach(() => {
  node.sh(`
    for each in $(ls /run/netns); do ip netns del $each; done
    for each in $(ls /sys/class/net | grep -v lo); do ip link del $each 2>/dev/null || true; done
    while ip -br link show type veth | grep -q .; do sleep 0.02; done
    chattr -R -i /run/cni-bridge 2>/dev/null || true
    rm -rf /run/cni-bridge /var/lib/cni/* /run/bin; nft flush ruleset
  `);
});

/** Whose host ends these are. */
const owners = new Map<string, string>();

function add(conf: { name: string }, id: string, ifname = "eth0"): void {
  const { interfaces } = must("ADD", conf, call(id, ifname));
  owners.set(interfaces[1].name, `${conf.name} ${id} ${ifname}`);
}

/** Everything that belongs to an attachment, as "network id ifname what". */
function traces(): string[] {
  const find = (directory: string, test: string, print: string) =>
    node
      .sh(`[ ! -d ${directory} ] || find ${directory} -type f ${test} -exec ${print} {} ';'`)
      .split("\n")
      .filter(Boolean);
  const leases = find(
    "/var/lib/cni/networks",
    "-name '[1f][0d]*'",
    `sh -c 'printf "%s " $0; tr -d "\\r" <$0 | tr "\\n" " "; echo'`,
  );
  const records = find("/run/cni-bridge", "", "head -qn 1").map((text) => JSON.parse(text));
  const links: { ifname: string }[] = node.json("ip -j link show type veth");
  const rules = node.sh("nft list ruleset");
  const found = [
    ...leases.map((line) => line.split(/[ /]/)).map((words) => `${words[5]} ${words[7]} ${words[8]} lease`),
    ...records.map(({ network, containerId, ifname }) => `${network} ${containerId} ${ifname} record`),
    ...links.flatMap(({ ifname }) => (owners.has(ifname) ? [`${owners.get(ifname)} link`] : [])),
    ...[...rules.matchAll(/net: (\S+), if: (\S+), id: (\w+)/g)].map(
      ([, net, ifname, id]) => `${net} ${id} ${ifname} element`,
    ),
    ...[...rules.matchAll(/macspoofchk-(\w+)-(\w+)/g)].map(
      ([, id, ifname]) => `net ${id} ${ifname} spoof check`,
    ),
  ];
  return [...new Set(found)].sort();
}

/** All that an attachment has. */
function whole(network: string, id: string, ifname = "eth0"): string[] {
  const kinds = ["element", "lease", "link", "record", ...(network === "net" ? ["spoof check"] : [])];
  return kinds.map((kind) => `${network} ${id} ${ifname} ${kind}`);
}

const ATTACHMENTS: readonly (readonly [string, string])[] = [
  ["c1", "eth0"],
  ["c2", "eth0"],
  ["c3", "eth0"],
  ["c3", "eth1"],
];
/** Of every attachment but those that GC removes. */
const allBut = (...gone: readonly string[]) =>
  [
    ...ATTACHMENTS.filter(([id, ifname]) => !gone.includes(`${id}/${ifname}`)).flatMap((each) =>
      whole("net", ...each),
    ),
    ...whole("second", "c1", "eth1"),
  ].sort();

describe("GC", () => {
  beforeEach(() => {
    owners.clear();
    for (const [id, ifname] of ATTACHMENTS)
      add(ifname === "eth1" ? { ...CONF, isDefaultGateway: false } : CONF, id, ifname);
    add(SECOND, "c1", "eth1");
    expect(traces()).toEqual(allBut());
  });

  const entry = (id: string, ifname = "eth0") => ({ containerID: id, ifname });
  const lists: readonly (readonly [string, object, readonly string[]])[] = [
    ["the stale ones", { [VALID]: [entry("c1"), entry("c3")] }, ["c2/eth0", "c3/eth1"]],
    [
      "by the pair and not by the id alone",
      { [VALID]: [entry("c1"), entry("c2"), entry("c3", "eth1")] },
      ["c3/eth0"],
    ],
    ["by the key of the tagged text", { [OLD]: [entry("c1")] }, ["c2/eth0", "c3/eth0", "c3/eth1"]],
    [
      "by the newer key where both are there",
      { [OLD]: [], [VALID]: [entry("c1"), entry("c2"), entry("c3")] },
      ["c3/eth1"],
    ],
    [
      "by the older key where the newer is null",
      { [OLD]: [entry("c1"), entry("c2"), entry("c3")], [VALID]: null },
      ["c3/eth1"],
    ],
    ["all where none is valid", { [VALID]: [] }, ["c1/eth0", "c2/eth0", "c3/eth0", "c3/eth1"]],
    [
      "nothing where all are valid, and others that never were",
      { [VALID]: [...ATTACHMENTS.map(([id, ifname]) => entry(id, ifname)), entry("x")] },
      [],
    ],
    ["nothing without a list", {}, []],
    ["nothing with null for a list", { [VALID]: null, [OLD]: null }, []],
  ];

  it.each(lists)("removes %s", (_name, list, gone) => {
    for (const _ of ["once", "again"]) {
      expect(gc(list)).toMatchObject(SILENT);
      expect(traces()).toEqual(allBut(...gone));
    }
  });

  it.each([
    ["a text"],
    [[{ containerID: 5, ifname: "eth0" }]],
    [[{ containerID: "c1" }]],
    [{}],
  ])("removes nothing with the list %j, and says so", (list) => {
    expect(gc({ [VALID]: list })).toMatchObject({ status: 1, json: { code: 7 } });
    expect(traces()).toEqual(allBut());
  });

  it("leaves the valid ones working", async () => {
    const outside = await Outside.connect(node);
    expect(gc({ [VALID]: [entry("c1")] })).toMatchObject(SILENT);
    for (const family of ["v4", "v6"] as const) expect(outside.sees("c1", family)).toBe(Outside.node[family]);
    for (const address of ["10.55.0.1", "fd00:55::1"]) expect(node.pings("c1", address)).toBe(true);
    await outside.disconnect();
  });

  it("removes what is left of containers whose namespace is gone", () => {
    node.sh("ip netns del c2; ip netns del c3");
    expect(gc({ [VALID]: [entry("c1")] })).toMatchObject(SILENT);
    expect(traces()).toEqual(allBut("c2/eth0", "c3/eth0", "c3/eth1"));
  });

  it.each([
    ["CNI_NETNS, CNI_IFNAME and CNI_CONTAINERID are unset", { CNI_IFNAME: undefined }],
    [
      "they are empty, as libcni sends them",
      { CNI_CONTAINERID: "", CNI_NETNS: "", CNI_IFNAME: "", CNI_ARGS: "" },
    ],
    ["they say something", { CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/c1" }],
  ])("works where %s", (_name, env) => {
    expect(gc({ [VALID]: [entry("c1")] }, CONF, { env })).toMatchObject(SILENT);
    expect(traces()).toEqual(allBut("c2/eth0", "c3/eth0", "c3/eth1"));
  });

  it("goes on after one that it cannot remove, says why, and finishes the next time", () => {
    node.sh("nft 'add chain bridge nat theirs; add rule bridge nat theirs jump cni-br-iface-c2-eth0'");
    const list = { [VALID]: [entry("c1")] };
    const ended = gc(list);
    expect(ended).toMatchObject({ status: 1, json: { msg: expect.stringMatching(/c2.*EBUSY/) } });
    expect(traces()).toEqual(
      [...allBut("c2/eth0", "c3/eth0", "c3/eth1"), "net c2 eth0 record", "net c2 eth0 spoof check"].sort(),
    );
    node.sh("nft delete chain bridge nat theirs");
    expect(gc(list)).toMatchObject(SILENT);
    expect(traces()).toEqual(allBut("c2/eth0", "c3/eth0", "c3/eth1"));
  });

  it("goes by the records where the configuration has changed since", () => {
    const changed = {
      cniVersion: "1.1.0",
      name: "net",
      type: "bridge",
      bridge: "br7",
      vlan: 9999,
      ipam: { type: "host-local" },
    };
    expect(gc({ [VALID]: [entry("c1")] }, changed).status).toBe(0);
    expect(traces()).toEqual(allBut("c2/eth0", "c3/eth0", "c3/eth1"));
  });

  it("removes no link, rule or lease of somebody else", () => {
    node.sh(`
      ip link add veththeirs type veth peer name vethpeer; ip link set veththeirs master br0
      mkdir /var/lib/cni/networks/third; printf 'c9\\r\\neth0' >/var/lib/cni/networks/third/10.99.0.2
      nft 'add table inet theirs; add chain inet theirs c2'
    `);
    expect(gc({ [VALID]: [] })).toMatchObject(SILENT);
    node.sh("ip link show veththeirs; nft list chain inet theirs c2; ip link del veththeirs");
    expect(traces()).toEqual(["third c9 eth0 lease", ...whole("second", "c1", "eth1")].sort());
  });
});

describe("GC of a network that has nothing", () => {
  it("makes nothing", () => {
    const before = node.snapshot();
    expect(gc({ [VALID]: [] })).toMatchObject(SILENT);
    expect(node.snapshot()).toEqual(before);
    expect(node.run("ls", ["/run/cni-bridge"]).status).not.toBe(0);
  });
});

describe("GC with an IPAM plugin of CNI_PATH", () => {
  const install = (script: string) =>
    node.sh("mkdir -p /run/bin; cat >/run/bin/fake; chmod +x /run/bin/fake", {
      input: `#!/bin/sh\nenv | grep ^CNI_COMMAND= >>/run/bin/log\ncat >/run/bin/stdin\n${script}\n`,
    });
  const text = `{"cniVersion":"1.1.0",  "name":"net","type":"bridge","ipam":{"type":"fake","x":"\\u00e9"},"${VALID}":[ ]}\n`;

  it("hands it the same bytes, in every case", () => {
    install("exit 0");
    expect(node.plugin("bridge", "GC", text, { path: "/run/bin" })).toMatchObject(SILENT);
    expect(node.sh("cat /run/bin/log /run/bin/stdin")).toBe(`CNI_COMMAND=GC\n${text}`);
    expect(node.plugin("bridge", "GC", text.replace("[ ]", "null"), { path: "/run/bin" })).toMatchObject(
      SILENT,
    );
    expect(node.sh("cat /run/bin/log")).toBe("CNI_COMMAND=GC\n".repeat(2));
  });

  it("removes its own part although that one fails, and passes the error on", () => {
    install(
      `[ $CNI_COMMAND != ADD ] || echo '{"ips":[{"address":"10.55.0.9/24"}]}'; [ $CNI_COMMAND != GC ] || { echo '{"code":123,"msg":"no"}'; exit 1; }`,
    );
    const conf = { ...CONF, ipam: { type: "fake" } };
    must("ADD", conf, attachment("c1", { path: "/run/bin" }));
    expect(gc({ [VALID]: [] }, conf, { path: "/run/bin" })).toMatchObject({
      status: 1,
      json: { code: 123, msg: "no" },
    });
    expect(traces()).toEqual([]);
    expect(node.json("ip -j link show type veth")).toEqual([]);
  });
});
