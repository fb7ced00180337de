// Which addresses are masqueraded, towards what, and how: ipMasqFamilies, masqExclude, ipMasqRandomFully. Oracles: nft,
// and a host outside that tells which address it sees.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { attachment, dualStack, resultOf, SILENT } from "../support/network.ts";
import { Outside } from "../support/outside.ts";
import { Sandbox } from "../support/sandbox.ts";

const ATTACHMENT = attachment("c1");
const conf = (more: object = {}) => dualStack(40, more);

let node: Sandbox;
let outside: Outside;
const add = (config: object, call: object = ATTACHMENT) =>
  resultOf(node.plugin("bridge", "ADD", config, call));
const del = (config: object, call: object = ATTACHMENT) =>
  expect(node.plugin("bridge", "DEL", config, call)).toMatchObject(SILENT);
const check = (config: object, prevResult: object) =>
  node.plugin("bridge", "CHECK", { ...config, prevResult }, ATTACHMENT);
/** The container's own addresses, to which the outside host can answer. */
const addressesOf = (result: { ips: { address: string }[] }) => {
  const [v4, v6] = result.ips.map(({ address }) => address.replace(/\/.*/, "")) as [string, string];
  outside.routeTo(v4, "v4");
  outside.routeTo(v6, "v6");
  return { v4, v6 };
};
const seen = () => ({ v4: outside.sees("c1", "v4"), v6: outside.sees("c1", "v6") });
/** All rules of the node, of both backends. */
const rules = () => {
  const { nft, iptables } = node.snapshot().netns[""]!;
  return { nft, iptables };
};
const table = () => node.sh("nft list table inet cni-bridge");
/** The names of the chains that are not base chains. */
const chains = () => [...table().matchAll(/chain (net-\w+)/g)].map(([, name]) => name!).sort();
/** The rules of the chain that an address leads to, as nft writes them. */
const rulesFor = (address: string) => {
  const [, name] = new RegExp(`${address} .*?: goto (net-\\w+)`, "s").exec(table())!;
  const [, rules] = new RegExp(`chain ${name} \\{([^}]*)\\}`).exec(table())!;
  return rules!
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("comment"));
};

beforeEach(async () => {
  node = await Sandbox.create();
  outside = await Outside.connect(node);
  for (const id of ["c1", "c2"]) node.addNetns(id);
});
afterEach(async () => {
  await outside?.disconnect();
  await node?.dispose();
});

describe.each(["nftables", "iptables"])("ipMasqFamilies with %s", (ipMasqBackend) => {
  it.each([
    { families: ["ipv4"], hidden: ["v4"] },
    { families: ["ipv6"], hidden: ["v6"] },
    { families: ["ipv4", "ipv6"], hidden: ["v4", "v6"] },
    { families: [], hidden: [] },
  ] as const)("hides $hidden for $families", ({ families, hidden }) => {
    const config = conf({ ipMasqBackend, ipMasqFamilies: families });
    add(config);
    del(config);
    const before = rules();
    const result = add(config);
    const own = addressesOf(result);
    const expected: Record<string, string> = { ...own };
    for (const family of hidden) expected[family] = Outside.node[family];
    expect(seen()).toEqual(expected);
    expect(check(config, result)).toMatchObject({ status: 0 });
    del(config);
    expect(rules()).toEqual(before);
  });
});

describe("ipMasqFamilies", () => {
  it("is kept when masquerading is put back after a flush", () => {
    const config = conf({ ipMasqFamilies: ["ipv6"] });
    const own = addressesOf(add(config));
    node.sh("nft flush ruleset");
    add(config, attachment("c2"));
    expect(seen()).toEqual({ v4: own.v4, v6: Outside.node.v6 });
  });

  it("refuses another word", () => {
    const ended = node.plugin("bridge", "ADD", conf({ ipMasqFamilies: ["ipv4", "inet"] }), ATTACHMENT);
    expect(ended.json).toMatchObject({ code: 7, msg: expect.stringContaining("ipMasqFamilies[1]") });
  });
});

describe("masqExclude", () => {
  it("leaves a destination the container's own address, and hides it from all others", () => {
    const config = conf({ masqExclude: ["198.51.100.0/24", "192.0.2.1/32"] });
    const result = add(config);
    const own = addressesOf(result);
    expect(seen()).toEqual({ v4: own.v4, v6: Outside.node.v6 });
    expect(rulesFor(own.v4)).toEqual([
      "ip daddr 10.40.0.0/24 return",
      "ip daddr 224.0.0.0/4 return",
      "ip daddr 192.0.2.1 return",
      "ip daddr 198.51.100.0/24 return",
      "masquerade",
    ]);
    expect(rulesFor(own.v6)).toEqual([
      "ip6 daddr fd00:40::/64 return",
      "ip6 daddr ff00::/8 return",
      "masquerade",
    ]);
    expect(check(config, result)).toMatchObject({ status: 0 });
  });

  it("applies to the containers of its own configuration only", () => {
    const first = addressesOf(add(conf()));
    const changed = conf({ masqExclude: ["198.51.100.7/24"] });
    const second = add(changed, attachment("c2")).ips[0].address.replace(/\/.*/, "");
    outside.routeTo(second, "v4");
    expect(outside.sees("c1", "v4")).toBe(Outside.node.v4);
    expect(outside.sees("c2", "v4")).toBe(second);
    expect(rulesFor(first.v4)).not.toEqual(rulesFor(second));
  });

  it("is put back after a flush as it was", () => {
    const own = addressesOf(add(conf({ masqExclude: ["2001:db8::/32"] })));
    node.sh("nft flush ruleset");
    add(conf(), attachment("c2"));
    expect(seen()).toEqual({ v4: Outside.node.v4, v6: own.v6 });
  });

  it.each(["10.0.0.0", "10.0.0.0/33", "everything"])("refuses %s", (text) => {
    const ended = node.plugin("bridge", "ADD", conf({ masqExclude: [text] }), ATTACHMENT);
    expect(ended.json).toMatchObject({ code: 7, msg: expect.stringContaining("masqExclude[0]") });
  });
});

describe("ipMasqRandomFully", () => {
  it("chooses source ports at random", () => {
    const config = conf({ ipMasqRandomFully: true });
    const result = add(config);
    const own = addressesOf(result);
    for (const address of [own.v4, own.v6]) expect(rulesFor(address).at(-1)).toBe("masquerade fully-random");
    expect(seen()).toEqual(Outside.node);
    expect(check(config, result)).toMatchObject({ status: 0 });
  });
});

it.each([
  { masqExclude: ["10.0.0.0/8"] },
  { ipMasqRandomFully: true },
])("refuses %o with iptables", (more) => {
  const ended = node.plugin("bridge", "ADD", conf({ ipMasqBackend: "iptables", ...more }), ATTACHMENT);
  expect(ended.json).toMatchObject({
    code: 7,
    msg: expect.stringContaining(`${Object.keys(more)[0]}: needs ipMasqBackend "nftables"`),
  });
  expect(node.run("ip", ["link", "show", "dev", "br0"]).status).not.toBe(0);
});

describe("CHECK of masquerading", () => {
  it("tells that the chain is another than the configuration's", () => {
    const result = add(conf());
    const ended = check(conf({ ipMasqRandomFully: true }), result);
    expect(ended.json).toMatchObject({
      code: 102,
      msg: expect.stringMatching(/expected goto net-\w+, found net-/),
    });
  });

  it("tells that rules were flushed", () => {
    const result = add(conf());
    node.sh("nft flush table inet cni-bridge");
    expect(check(conf(), result).json).toMatchObject({ code: 102, msg: expect.stringContaining("flushed") });
  });

  it("tells that the chain was emptied", () => {
    const result = add(conf());
    node.sh(`nft flush chain inet cni-bridge ${chains()[0]}`);
    expect(check(conf(), result).json).toMatchObject({ code: 102, msg: expect.stringContaining("flushed") });
  });
});

describe("GC", () => {
  const gc = (valid: readonly string[], config: object) =>
    node.plugin("bridge", "GC", {
      ...config,
      "cni.dev/valid-attachments": valid.map((containerID) => ({ containerID, ifname: "eth0" })),
    });

  it("removes the chains of its network that nothing leads to, and no other", () => {
    const changed = conf({ ipMasqRandomFully: true });
    const other = {
      ...conf(),
      name: "net-2",
      bridge: "br1",
      ipam: { type: "host-local", subnet: "10.41.0.0/24" },
    };
    const call = attachment("c2");
    add(conf());
    add(changed, call);
    add(other, { ...call, ifname: "eth1" });
    const all = chains();
    expect(all).toHaveLength(5);
    del(conf());
    del(other, { ...call, ifname: "eth1" });
    expect(chains()).toEqual(all);
    expect(gc(["c2"], changed)).toMatchObject(SILENT);
    // The two in use, and the other network's.
    expect(chains()).toHaveLength(3);
    expect(outside.sees("c2", "v4")).toBe(Outside.node.v4);
    add(conf());
    expect(seen()).toEqual(Outside.node);
  });

  it("does not disturb ADDs that need the chains meanwhile", async () => {
    const ids = Array.from({ length: 4 }, (_, index) => `p${index}`);
    for (const id of ids) node.addNetns(id);
    let running = ids.length;
    const worker = async (id: string) => {
      const call = attachment(id);
      for (let round = 0; round < 25; round++) {
        const added = await node.pluginAsync("bridge", "ADD", conf(), call);
        expect(added, added.stdout).toMatchObject({ status: 0 });
        const gone = await node.pluginAsync("bridge", "DEL", conf(), call);
        expect(gone, gone.stdout).toMatchObject({ status: 0 });
      }
      running--;
    };
    const sweeper = async () => {
      while (running > 0) {
        const ended = await node.pluginAsync("bridge", "GC", {
          ...conf(),
          "cni.dev/valid-attachments": ids.map((containerID) => ({ containerID, ifname: "eth0" })),
        });
        expect(ended, ended.stdout).toMatchObject({ status: 0 });
      }
    };
    await Promise.all([...ids.map(worker), sweeper()]);
  });
});
