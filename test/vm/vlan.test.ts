// VLANs of bridge on a kernel that has them: membership as `bridge -j vlan` tells it, traffic within and across, the
// gateway of a VLAN, and what DEL leaves. The same expectations hold for the reference: DIST=<its directory> runs them
// against it, the last block excepted.

import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { DIST, REFERENCE } from "../support/executables.ts";
import { attachment } from "../support/network.ts";
import { Vm } from "../support/vm.ts";

const TRUNK = [{ id: 101 }, { minID: 200, maxID: 203 }];
const TAGGED = ["101", "200", "201", "202", "203"];
const DEFAULT = "1 PVID Egress Untagged";
const ACCESS = "100 PVID Egress Untagged";
/** VLAN 1 once another has become the port's own. */
const KEPT = "1 Egress Untagged";

const ALL_BUT_THE_FIRST = Array.from({ length: 4093 }, (_, index) => `${index + 2}`);

let vm: Vm;
beforeAll(async () => {
  vm = await Vm.boot();
});
afterAll(() => vm?.dispose());
afterEach(() => vm.reset());

function conf(more: object): object {
  return { cniVersion: "1.0.0", name: "net", type: "bridge", bridge: "br0", ...more };
}

/** A network of one address range; ranges of one subnet keep the networks apart only by VLAN. */
function ranged(name: string, tens: number, more: object): object {
  const range = { subnet: "10.60.0.0/24", rangeStart: `10.60.0.${tens}0`, rangeEnd: `10.60.0.${tens}9` };
  return conf({ name, ipam: { type: "host-local", ranges: [[range]] }, ...more });
}

function call(verb: string, id: string, config: object, bin = Vm.bin) {
  const ended = vm.plugin("bridge", verb, config, { containerId: id, netns: `/run/netns/${id}`, bin });
  expect(ended, `${ended.stdout} ${ended.stderr}`).toMatchObject({ status: 0 });
  return ended.json;
}

function add(id: string, config: object, bin = Vm.bin) {
  vm.addNetns(id);
  return call("ADD", id, config, bin);
}

/** Every interface's VLANs: number and flags. */
function vlans(): Record<string, string[]> {
  const shown: { ifname: string; vlans: { vlan: number; flags?: string[] }[] }[] = vm.json("bridge -j vlan");
  return Object.fromEntries(
    shown.map((port) => [port.ifname, port.vlans.map(({ vlan, flags = [] }) => [vlan, ...flags].join(" "))]),
  );
}

function filtering(bridge: string): boolean {
  return vm.json(`ip -j -d link show dev ${bridge}`)[0].linkinfo.info_data.vlan_filtering === 1;
}

/** Without those of link scope. */
function addresses(dev: string): string[] {
  return vm
    .json(`ip -j addr show dev ${dev}`)[0]
    .addr_info.filter(({ scope }: { scope?: string }) => scope === "global")
    .map(({ local, prefixlen }: { local: string; prefixlen: number }) => `${local}/${prefixlen}`);
}

const addressOf = (result: { ips: { address: string }[] }) => result.ips[0]!.address.replace(/\/.*/, "");

describe("a port", () => {
  it.each([
    ["vlan", { vlan: 100 }, [ACCESS]],
    ["vlan and preserveDefaultVlan", { vlan: 100, preserveDefaultVlan: true }, [KEPT, ACCESS]],
    ["vlanTrunk", { vlanTrunk: TRUNK }, [DEFAULT, ...TAGGED]],
    [
      "vlanTrunk and preserveDefaultVlan",
      { vlanTrunk: TRUNK, preserveDefaultVlan: true },
      [DEFAULT, ...TAGGED],
    ],
    ["vlan and vlanTrunk", { vlan: 100, vlanTrunk: TRUNK }, [ACCESS, ...TAGGED]],
    [
      "vlan, vlanTrunk and preserveDefaultVlan",
      { vlan: 100, vlanTrunk: TRUNK, preserveDefaultVlan: true },
      [KEPT, ACCESS, ...TAGGED],
    ],
    ["vlan also named by vlanTrunk", { vlan: 100, vlanTrunk: [{ id: 100 }, { id: 101 }] }, ["100", "101"]],
    ["vlan 1", { vlan: 1 }, [DEFAULT]],
    ["VLAN 1 in vlanTrunk", { vlanTrunk: [{ minID: 1, maxID: 2 }] }, [DEFAULT, "2"]],
    ["all VLANs in vlanTrunk", { vlanTrunk: [{ minID: 1, maxID: 4094 }] }, [DEFAULT, ...ALL_BUT_THE_FIRST]],
    ["an empty vlanTrunk", { vlanTrunk: [] }, [DEFAULT]],
    ["an item with range and id", { vlanTrunk: [{ minID: 5, maxID: 6, id: 9 }] }, [DEFAULT, "5", "6", "9"]],
  ])("has its VLANs, with %s", (_name, keys, expected) => {
    const result = add("c1", conf(keys));
    expect(result.interfaces.map(({ name }: { name: string }) => name)).toEqual([
      "br0",
      expect.stringMatching(/^veth/),
      "eth0",
    ]);
    expect(filtering("br0")).toBe(true);
    expect(vlans()).toEqual({ br0: [DEFAULT], [result.interfaces[1].name]: expected });
  });

  it.each([
    ["no key", {}],
    ["vlan 0", { vlan: 0 }],
  ])("is an ordinary one, with %s", (_name, keys) => {
    const result = add("c1", conf(keys));
    expect(filtering("br0")).toBe(false);
    expect(vlans()).toEqual({ br0: [DEFAULT], [result.interfaces[1].name]: [DEFAULT] });
  });

  it("leaves nothing of itself after DEL", () => {
    const config = conf({ vlan: 100, vlanTrunk: TRUNK });
    add("c1", config);
    call("DEL", "c1", config);
    expect(vlans()).toEqual({ br0: [DEFAULT] });
    expect(vm.json("ip -j link show type veth")).toEqual([]);
    expect(vm.json("ip -j link show dev eth0 2>/dev/null || true", { netns: "c1" })).toEqual([]);
    call("DEL", "c1", config);
  });
});

describe("traffic", () => {
  const red = ranged("red", 1, { vlan: 100 });
  const blue = ranged("blue", 2, { vlan: 200 });

  it("passes within a VLAN and not across", () => {
    add("red1", red);
    const sameVlan = addressOf(add("red2", red));
    const otherVlan = addressOf(add("blue1", blue));
    const sameAsOther = addressOf(add("blue2", blue));
    expect(vm.pings("red1", sameVlan, 3000)).toBe(true);
    expect(vm.pings("blue1", sameAsOther, 3000)).toBe(true);
    expect(vm.pings("red1", otherVlan)).toBe(false);
    expect(vm.pings("blue1", sameVlan)).toBe(false);
  });

  it("passes tagged between a trunk and the VLANs it carries, and no others", () => {
    const peers = { red: addressOf(add("red1", red)), blue: addressOf(add("blue1", blue)) };
    const targets = [peers.red, peers.blue, addressOf(add("green1", ranged("green", 3, { vlan: 300 })))];
    add("trunk", conf({ name: "trunk", vlanTrunk: [{ id: 100 }, { minID: 200, maxID: 201 }] }));
    const seen = [100, 200, 300].map((vid) => {
      vm.sh(
        `ip link add v${vid} link eth0 type vlan id ${vid}; ip addr add 10.60.0.99/24 dev v${vid}; ip link set v${vid} up`,
        { netns: "trunk" },
      );
      const reached = vm.sh(
        `for address in ${targets.join(" ")}; do ping -c1 -W2 $address >/dev/null && echo $address & done; wait`,
        { netns: "trunk" },
      );
      vm.sh(`ip link del v${vid}`, { netns: "trunk" });
      return reached.trim();
    });
    expect(seen).toEqual([peers.red, peers.blue, ""]);
  });
});

describe("the gateway of a VLAN", () => {
  const range = (subnet: string) => [{ subnet }];
  const gatewayed = (subnets: readonly string[], more: object = {}) =>
    conf({
      vlan: 100,
      isDefaultGateway: true,
      ipam: { type: "host-local", ranges: subnets.map(range) },
      ...more,
    });
  const IPV4 = "10.61.0.0/24";

  it.each([
    ["IPv4", [IPV4], ["10.61.0.1/24"]],
    ["IPv6", ["fd00:61::/64"], ["fd00:61::1/64"]],
    ["both families", [IPV4, "fd00:61::/64"], ["10.61.0.1/24", "fd00:61::1/64"]],
    [
      "three subnets",
      [IPV4, "fd00:61::/64", "fd00:62::/64"],
      ["10.61.0.1/24", "fd00:61::1/64", "fd00:62::1/64"],
    ],
  ])("has the addresses, and its port the VLAN, with %s", (_name, subnets, gateways) => {
    const { interfaces, ips } = add("c1", gatewayed(subnets));
    const [gateway] = vm.json("ip -j link show dev br0.100");
    expect(interfaces).toHaveLength(4);
    expect(interfaces[3]).toEqual({ name: "br0.100", mac: gateway.address });
    expect(ips.map(({ gateway }: { gateway: string }) => gateway)).toEqual(
      gateways.map((address) => address.replace(/\/.*/, "")),
    );
    expect(new Set(addresses("br0.100"))).toEqual(new Set(gateways));
    expect(addresses("br0")).toEqual([]);

    const port: string = interfaces[1].name;
    const ports = vm.json("ip -j link show master br0").map(({ ifname }: { ifname: string }) => ifname);
    const own = ports.find((ifname: string) => ifname !== port);
    expect(ports).toHaveLength(2);
    expect(vlans()).toEqual({ br0: [DEFAULT], [port]: [ACCESS], [own]: [ACCESS] });
    for (const address of gateways) {
      expect(vm.pings("c1", address.replace(/\/.*/, ""), 3000), address).toBe(true);
    }
  });

  it("keeps the default VLAN on both ports, with preserveDefaultVlan", () => {
    const { interfaces } = add("c1", gatewayed([IPV4], { preserveDefaultVlan: true }));
    const { br0, ...ports } = vlans();
    expect(br0).toEqual([DEFAULT]);
    expect(Object.keys(ports)).toContain(interfaces[1].name);
    expect(Object.values(ports)).toEqual([
      [KEPT, ACCESS],
      [KEPT, ACCESS],
    ]);
  });

  it("is one for all containers of the VLAN, stays after their DEL, and nothing else does", () => {
    const config = gatewayed([IPV4, "fd00:61::/64"], { ipMasq: true });
    for (const id of ["c1", "c2"]) vm.addNetns(id);
    call("ADD", "c1", config);
    call("DEL", "c1", config);
    const before = { ...vm.snapshot({ exceptMemory: true }), vlans: vlans() };
    expect(Object.keys(before.vlans)).toHaveLength(2);

    call("ADD", "c1", config);
    const second = call("ADD", "c2", config);
    expect(vm.json("ip -j link show master br0")).toHaveLength(3);
    for (const { address } of second.ips) {
      expect(vm.pings("c1", address.replace(/\/.*/, ""), 3000), address).toBe(true);
    }
    call("DEL", "c1", config);
    call("DEL", "c2", config);
    expect({ ...vm.snapshot({ exceptMemory: true }), vlans: vlans() }).toEqual(before);
  });

  it("routes between VLANs of one bridge", () => {
    add("c1", gatewayed([IPV4]));
    const other = { name: "other", vlan: 200, ipam: { type: "host-local", subnet: "10.62.0.0/24" } };
    const address = addressOf(add("c2", gatewayed([], other)));
    expect(vm.pings("c1", address, 3000)).toBe(true);
    expect(addresses("br0.200")).toEqual(["10.62.0.1/24"]);
  });

  it.each([
    ["the reference", "us", Vm.reference, Vm.bin],
    ["us", "the reference", Vm.bin, Vm.reference],
  ])("made by %s serves %s, and DEL removes what the other attached", (_made, _serves, first, second) => {
    const config = gatewayed([IPV4]);
    add("c1", config, first);
    const address = addressOf(add("c2", config, second));
    expect(vm.json("ip -j link show master br0")).toHaveLength(3);
    expect(vm.pings("c1", address, 3000)).toBe(true);
    call("DEL", "c1", config, second);
    call("DEL", "c2", config, first);
    expect(Object.values(vlans())).toEqual([[DEFAULT], [ACCESS]]);
    expect(vm.sh("ls /var/lib/cni/networks/net").match(/^10\./m)).toBe(null);
  });

  it("passes CHECK", () => {
    const config = gatewayed([IPV4], { vlanTrunk: TRUNK });
    const prevResult = add("c1", config);
    call("CHECK", "c1", { ...config, prevResult });
  });
});

describe("conf.d-examples/vlan.conf", () => {
  const EXAMPLE = readFileSync(new URL("../../conf.d-examples/vlan.conf", import.meta.url), "utf8");
  const cnitool = (verb: string, id: string) =>
    vm.run(`${Vm.reference}/cnitool`, [verb, "vlan", `/run/netns/${id}`], {
      env: { NETCONFPATH: "/run/net.d", CNI_PATH: Vm.bin },
    });

  it("is added, checked, collected and deleted by cnitool", () => {
    vm.sh("mkdir -p /run/net.d; cat >/run/net.d/10-vlan.conf", { input: EXAMPLE });
    for (const id of ["c1", "c2"]) {
      vm.addNetns(id);
      expect(cnitool("add", id)).toMatchObject({ status: 0, stderr: "" });
    }
    expect(cnitool("status", "c1")).toMatchObject({ status: 0 });
    expect(cnitool("check", "c1")).toMatchObject({ status: 0, stderr: "" });
    for (const address of ["10.28.0.1", "10.28.0.3"]) expect(vm.pings("c1", address, 3000)).toBe(true);
    expect(addresses("vlans0.100")).toEqual(["10.28.0.1/24"]);
    expect(cnitool("del", "c1")).toMatchObject({ status: 0, stderr: "" });
    vm.delNetns("c2");
    expect(cnitool("gc", "c1")).toMatchObject({ status: 0, stderr: "" });
    expect(Object.keys(vm.snapshot({ exceptMemory: true }).files)).toEqual([]);
    // What stays is the gateway's own port.
    expect(vm.json("ip -j link show master vlans0")).toHaveLength(1);
  });
});

describe.skipIf(DIST === REFERENCE)("unlike the reference", () => {
  it.each([
    ["is not in its VLAN any more", 100],
    ["has lost a VLAN of its trunk", 202],
  ])("CHECK finds that a port %s", (_name, vid) => {
    const config = conf({ vlan: 100, vlanTrunk: TRUNK });
    const prevResult = add("c1", config);
    const checked = { ...config, prevResult };
    call("CHECK", "c1", checked);
    vm.sh(`bridge vlan del vid ${vid} dev ${prevResult.interfaces[1].name}`);
    const ended = vm.plugin("bridge", "CHECK", checked, attachment("c1"));
    expect(ended.status).not.toBe(0);
    expect(ended.stdout).toMatch(new RegExp(`VLAN.*${vid}`, "s"));
  });

  it("a bridge that was there without VLAN filtering keeps VLANs apart too", () => {
    vm.sh("ip link add br0 type bridge");
    add("red1", ranged("red", 1, { vlan: 100 }));
    const sameVlan = addressOf(add("red2", ranged("red", 1, { vlan: 100 })));
    const otherVlan = addressOf(add("blue1", ranged("blue", 2, { vlan: 200 })));
    expect(filtering("br0")).toBe(true);
    expect(vm.pings("red1", sameVlan, 3000)).toBe(true);
    expect(vm.pings("red1", otherVlan)).toBe(false);
  });

  it("first ADDs at once make one gateway", () => {
    const ids = ["c1", "c2", "c3", "c4"];
    const config = conf({ vlan: 100, isGateway: true, ipam: { type: "host-local", subnet: "10.61.0.0/24" } });
    for (const id of ids) vm.addNetns(id);
    const ends = vm.sh(
      `cat >/tmp/conf
       for id in ${ids.join(" ")}; do
         CNI_CONTAINERID=$id CNI_NETNS=/run/netns/$id ${Vm.bin}/bridge </tmp/conf >/tmp/$id || touch /tmp/failed-$id &
       done
       wait
       ls /tmp | grep failed || echo all made`,
      { input: JSON.stringify(config), env: { CNI_COMMAND: "ADD", CNI_IFNAME: "eth0", CNI_PATH: Vm.bin } },
    );
    expect(ends.trim()).toBe("all made");
    const { br0, ...ports } = vlans();
    expect(br0).toEqual([DEFAULT]);
    expect(Object.values(ports)).toEqual([[ACCESS], [ACCESS], [ACCESS], [ACCESS], [ACCESS]]);
    expect(addresses("br0.100")).toEqual(["10.61.0.1/24"]);
  });
});
