// ADD and DEL of bridge with host-local on a real kernel. Oracles: ip, bridge, nft, ping, and a host outside that
// tells which address it sees.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { attachment, resultOf, SILENT } from "../support/network.ts";
import { Outside } from "../support/outside.ts";
import { Sandbox } from "../support/sandbox.ts";
import { serveWhoAmI, whoAmI } from "../support/who-am-i.ts";

const ONE_QUEUE = { num_tx_queues: 1, num_rx_queues: 1 };

type Family = "v4" | "v6";
const ranges: Record<Family, readonly { subnet: string }[]> = {
  v4: [{ subnet: "10.40.0.0/24" }],
  v6: [{ subnet: "fd00:40::/64" }],
};
const gateway: Record<Family, string> = { v4: "10.40.0.1", v6: "fd00:40::1" };
const prefixLength: Record<Family, number> = { v4: 24, v6: 64 };
const anywhere: Record<Family, string> = { v4: "-4 route show default", v6: "-6 route show default" };

const cases: readonly { name: string; families: readonly Family[] }[] = [
  { name: "IPv4", families: ["v4"] },
  { name: "IPv6", families: ["v6"] },
  { name: "both families", families: ["v4", "v6"] },
];

function conf(families: readonly Family[], more: object = {}) {
  return {
    cniVersion: "1.0.0",
    name: "net",
    type: "bridge",
    bridge: "br0",
    isDefaultGateway: true,
    ipMasq: true,
    ipam: { type: "host-local", ranges: families.map((family) => ranges[family]) },
    ...more,
  };
}

describe.each(cases)("bridge with $name", ({ families }) => {
  const CONF = conf(families);
  let node: Sandbox;
  let outside: Outside;

  const add = (id: string, config: object = CONF) =>
    resultOf(node.plugin("bridge", "ADD", config, attachment(id)));
  const del = (id: string, netns = `/run/netns/${id}`, config: object = CONF) =>
    expect(node.plugin("bridge", "DEL", config, { containerId: id, netns })).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
      json: undefined,
    });
  /** The addresses of a result, in the order of `families`. */
  const addressesOf = (result: { ips: { address: string }[] }) =>
    result.ips.map(({ address }) => address.replace(/\/.*/, ""));
  /** What ip says of the addresses an interface has, link-local ones aside. */
  const addressesOn = (ifname: string, netns?: string): string[] =>
    node
      .json(`ip -j addr show dev ${ifname}`, netns === undefined ? {} : { netns })[0]
      .addr_info.filter(({ scope }: { scope: string }) => scope === "global")
      .map(({ local, prefixlen }: { local: string; prefixlen: number }) => `${local}/${prefixlen}`);

  beforeAll(async () => {
    node = await Sandbox.create();
    outside = await Outside.connect(node);
  });
  afterAll(async () => {
    await outside?.disconnect();
    await node?.dispose();
  });
  beforeEach(() => {
    for (const id of ["c1", "c2"]) node.addNetns(id);
  });
  afterEach(() => {
    for (const id of ["c1", "c2"]) {
      node.plugin("bridge", "DEL", CONF, attachment(id));
      node.run("ip", ["netns", "del", id]);
    }
  });

  it("reports the bridge, the host end and the container's interface as they are", () => {
    const result = add("c1");
    const [bridge] = node.json("ip -j link show dev br0");
    const [veth] = node.json("ip -j link show type veth master br0");
    const [eth0] = node.json("ip -j link show dev eth0", { netns: "c1" });
    expect(result.interfaces).toEqual([
      { name: "br0", mac: bridge.address },
      { name: veth.ifname, mac: veth.address },
      { name: "eth0", mac: eth0.address, sandbox: "/run/netns/c1" },
    ]);
    expect(veth).toMatchObject({ operstate: "UP", mtu: 1500 });
    expect(eth0).toMatchObject({ operstate: "UP", mtu: 1500 });
    expect(bridge.flags).toContain("UP");
  });

  it("makes a pair of one queue at each end, whatever the number of processors", () => {
    add("c1");
    const [veth] = node.json("ip -j -d link show type veth master br0");
    const [eth0] = node.json("ip -j -d link show dev eth0", { netns: "c1" });
    expect([veth, eth0]).toMatchObject([ONE_QUEUE, ONE_QUEUE]);
  });

  it("gives addresses, gateway and default route, as the result says", () => {
    const result = add("c1");
    expect(result.ips.map((ip: { interface: number }) => ip.interface)).toEqual(families.map(() => 2));
    expect(result.ips.map((ip: { gateway: string }) => ip.gateway)).toEqual(families.map((f) => gateway[f]));
    expect(addressesOn("eth0", "c1")).toEqual(result.ips.map((ip: { address: string }) => ip.address));
    expect(addressesOn("br0")).toEqual(
      families.map((family) => `${gateway[family]}/${prefixLength[family]}`),
    );
    for (const family of families) {
      expect(node.json(`ip -j ${anywhere[family]}`, { netns: "c1" })).toMatchObject([
        { dst: "default", gateway: gateway[family], dev: "eth0" },
      ]);
    }
  });

  it("has its IPv6 address usable at once", () => {
    add("c1");
    expect(node.sh("ip addr show dev eth0 scope global", { netns: "c1" })).not.toContain("tentative");
    expect(node.sh("ip addr show dev br0 scope global")).not.toContain("tentative");
  });

  it("connects containers with each other and with the gateway", () => {
    add("c1");
    const second = add("c2");
    for (const address of [...addressesOf(second), ...families.map((family) => gateway[family])]) {
      expect(node.pings("c1", address), address).toBe(true);
    }
  });

  it("shows the outside the node's address, with ipMasq", () => {
    add("c1");
    for (const family of families) expect(outside.sees("c1", family)).toBe(Outside.node[family]);
  });

  it("shows the outside the container's address, without ipMasq", () => {
    const result = add("c1", conf(families, { ipMasq: false }));
    for (const [index, family] of families.entries()) {
      const address = addressesOf(result)[index]!;
      outside.routeTo(address, family);
      expect(outside.sees("c1", family)).toBe(address);
    }
  });

  it("masquerades only what leaves the network", async () => {
    const [first, second] = [add("c1"), add("c2")];
    const endServer = await serveWhoAmI(node, "c2");
    const seen = addressesOf(second).map((address) => whoAmI(node, "c1", address));
    await endServer();
    expect(seen).toEqual(addressesOf(first));
  });

  it("keeps the other containers' traffic running after a DEL", () => {
    add("c1");
    const second = add("c2");
    del("c1");
    for (const family of families) {
      expect(node.pings("c2", gateway[family])).toBe(true);
      expect(outside.sees("c2", family)).toBe(Outside.node[family]);
    }
    expect(node.json("ip -j link show type veth master br0")).toHaveLength(1);
    expect(addressesOn("eth0", "c2")).toEqual(second.ips.map((ip: { address: string }) => ip.address));
  });

  it("does not lose the first packet after ADD, 50 times", () => {
    const lost: string[] = [];
    for (let round = 0; round < 50; round++) {
      add("c1");
      const family = families[round % families.length]!;
      if (!node.pings("c1", gateway[family])) lost.push(`${round}: ${family}`);
      del("c1");
    }
    expect(lost).toEqual([]);
  });

  describe("DEL", () => {
    /** A first attachment made what the network shares; after this, ADD and DEL must cancel out. */
    const prepared = () => {
      add("c2");
      del("c2");
      return node.snapshot({ exceptMemory: true });
    };
    const state = () => node.snapshot({ exceptMemory: true });

    it("leaves nothing, with the namespace present", () => {
      const before = prepared();
      add("c1");
      expect(state()).not.toEqual(before);
      del("c1");
      expect(state()).toEqual(before);
    });

    it("leaves nothing, with CNI_NETNS empty and the namespace present", () => {
      const before = prepared();
      add("c1");
      del("c1", "");
      expect(state()).toEqual(before);
    });

    it.each([
      ["its path still named", "/run/netns/c1"],
      ["CNI_NETNS empty", ""],
      ["CNI_NETNS unset", undefined],
    ])("leaves nothing, with the namespace gone and %s", (_name, netns) => {
      const { netns: before, files } = prepared();
      add("c1");
      node.delNetns("c1");
      const ended = node.plugin("bridge", "DEL", CONF, {
        containerId: "c1",
        ...(netns !== undefined && { netns }),
      });
      expect(ended).toMatchObject(SILENT);
      const { c1: _gone, ...others } = before;
      expect(state()).toEqual({ netns: others, files });
    });

    it("leaves nothing when the container's interface was already taken away", () => {
      const before = prepared();
      add("c1");
      node.must("ip", ["-n", "c1", "link", "del", "eth0"]);
      del("c1");
      expect(state()).toEqual(before);
    });

    it("succeeds a second time, and for a container that never was", () => {
      const before = prepared();
      add("c1");
      del("c1");
      del("c1");
      del("never");
      expect(state()).toEqual(before);
    });

    it("frees the addresses for the next container", () => {
      const only = { ...CONF, name: "tight", bridge: "br1", ipMasq: false };
      const tight = {
        ...only,
        ipam: {
          type: "host-local",
          ranges: [[{ subnet: "10.41.0.0/24", rangeStart: "10.41.0.9", rangeEnd: "10.41.0.9" }]],
        },
      };
      for (let round = 0; round < 3; round++) {
        expect(addressesOf(add("c1", tight))).toEqual(["10.41.0.9"]);
        del("c1", "/run/netns/c1", tight);
      }
    });
  });

  describe("an ADD that fails", () => {
    const fails = (config: object, more: object = {}) => {
      const ended = node.plugin("bridge", "ADD", config, attachment("c1", more));
      expect(ended.status).not.toBe(0);
      expect(ended.json).toMatchObject({
        cniVersion: "1.0.0",
        code: expect.any(Number),
        msg: expect.any(String),
      });
    };
    const prepare = () => {
      add("c2");
      del("c2");
    };

    it("leaves nothing where the interface name is taken", () => {
      prepare();
      node.must("ip", ["-n", "c1", "link", "add", "eth0", "type", "bridge"]);
      const before = node.snapshot({ exceptMemory: true });
      fails(CONF);
      expect(node.snapshot({ exceptMemory: true })).toEqual(before);
    });

    it("leaves nothing where a route cannot be set", () => {
      prepare();
      const before = node.snapshot({ exceptMemory: true });
      const routes = [{ dst: "192.0.2.0/24", gw: "203.0.113.1" }];
      fails({ ...CONF, ipam: { ...CONF.ipam, routes } });
      expect(node.snapshot({ exceptMemory: true })).toEqual(before);
    });

    it("leaves nothing where no address is free", () => {
      prepare();
      const before = node.snapshot({ exceptMemory: true });
      const ranges = [[{ subnet: "10.40.0.0/24", rangeStart: "10.40.0.1", rangeEnd: "10.40.0.1" }]];
      fails({ ...CONF, ipam: { type: "host-local", ranges } });
      expect(node.snapshot({ exceptMemory: true })).toEqual(before);
    });
  });
});

describe("bridge without ipam", () => {
  let node: Sandbox;
  const CONF = { cniVersion: "1.0.0", name: "l2", type: "bridge", bridge: "br2", mtu: 1400 };
  const CALL = attachment("c1");

  beforeAll(async () => {
    node = await Sandbox.create();
    node.addNetns("c1");
  });
  afterAll(() => node.dispose());

  it("makes a link that is up, without addresses, and takes it away", () => {
    const ended = node.plugin("bridge", "ADD", { ...CONF, hairpinMode: true }, CALL);
    expect(ended).toMatchObject({ status: 0, stderr: "" });
    expect(ended.json.ips ?? []).toEqual([]);
    const [eth0] = node.json("ip -j addr show dev eth0", { netns: "c1" });
    expect(eth0).toMatchObject({ operstate: "UP", mtu: 1400 });
    expect(eth0.addr_info.filter(({ scope }: { scope: string }) => scope === "global")).toEqual([]);
    const [port] = node.json("bridge -j -d link show");
    expect(port).toMatchObject({
      ifname: ended.json.interfaces[1].name,
      master: "br2",
      hairpin: true,
      mtu: 1400,
    });
    expect(node.plugin("bridge", "DEL", CONF, CALL)).toMatchObject({ status: 0, stdout: "" });
    expect(node.json("ip -j link show type veth")).toEqual([]);
  });

  it("sets the bridge promiscuous, with promiscMode", () => {
    const conf = { ...CONF, bridge: "br3", promiscMode: true };
    expect(node.plugin("bridge", "ADD", conf, CALL)).toMatchObject({ status: 0 });
    expect(node.json("ip -j -d link show dev br3")[0].flags).toContain("PROMISC");
    expect(node.plugin("bridge", "DEL", conf, CALL)).toMatchObject({ status: 0 });
  });
});
