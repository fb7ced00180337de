// A container made by one plugin is checked and deleted by the other, the reference or ours: links, addresses, leases,
// and what the network shares. Masquerading and the MAC spoof check have upgrade-masquerade.test.ts and
// spoof-check.test.ts. The snapshots come from ip, bridge, nft and the files.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DIST, REFERENCE } from "../support/executables.ts";
import { leasesOf } from "../support/leases.ts";
import { attachment } from "../support/network.ts";
import type { PluginCall } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";

const v4 = [{ subnet: "10.58.0.0/24" }];
const v6 = [{ subnet: "fd00:58::/64" }];
const routes = [{ dst: "192.0.2.0/24" }, { dst: "198.51.100.0/24", gw: "10.58.0.9", priority: 7 }];

const networks: readonly (readonly [string, object])[] = [
  ["IPv4", { isDefaultGateway: true, ipam: { type: "host-local", ranges: [v4] } }],
  ["IPv6", { isDefaultGateway: true, ipam: { type: "host-local", ranges: [v6] } }],
  ["both families", { isDefaultGateway: true, ipam: { type: "host-local", ranges: [v4, v6] } }],
  ["the old form of a subnet", { isGateway: true, ipam: { type: "host-local", subnet: "10.58.0.0/24" } }],
  ["routes", { isGateway: true, ipam: { type: "host-local", ranges: [v4], routes } }],
  ["no gateway", { ipam: { type: "host-local", ranges: [v4, v6] } }],
  [
    "hairpin, isolation and an MTU",
    {
      isGateway: true,
      hairpinMode: true,
      portIsolation: true,
      mtu: 1400,
      ipam: { type: "host-local", ranges: [v4] },
    },
  ],
  ["no ipam", {}],
]; // prettier-ignore
const directions = [
  { name: "made by the reference and deleted by ours", maker: REFERENCE, heir: DIST },
  { name: "made by ours and deleted by the reference", maker: DIST, heir: REFERENCE },
] as const;

let node: Sandbox;
beforeAll(async () => {
  node = await Sandbox.create();
});
afterAll(() => node?.dispose());
beforeEach(() => {
  for (const id of ["c1", "c2"]) node.addNetns(id);
});
afterEach(() => {
  node.sh(`
    for each in $(ls /run/netns); do ip netns del $each; done
    ip link del br0 2>/dev/null || true
    rm -rf /run/cni-bridge /var/lib/cni/*; nft flush ruleset
  `);
});

const conf = (more: object, cniVersion = "1.0.0") => ({
  cniVersion,
  name: "net",
  type: "bridge",
  bridge: "br0",
  ...more,
});

function call(verb: string, config: object, bin: string, more: PluginCall = {}) {
  const ended = node.plugin("bridge", verb, config, attachment("c1", { bin, ...more }));
  expect(ended, `${verb}: ${ended.stdout}`).toMatchObject({ status: 0, stderr: "" });
  return ended.json;
}
const OTHER = attachment("c2");

/** What a record of ours is to the reference's DEL: unknown. Our next GC of the network removes it. */
function collect(config: object): void {
  call(
    "GC",
    { ...config, cniVersion: "1.1.0", "cni.dev/valid-attachments": [{ containerID: "c2", ifname: "eth0" }] },
    DIST,
  );
}

const leases = () => [...leasesOf(node, "net").keys()];

describe.each(directions)("a container $name", ({ maker, heir }) => {
  it.each(networks)("leaves nothing, with %s", (_name, more) => {
    const config = conf(more);
    // The other container lives on, and has the shared parts made by its own plugin.
    call("ADD", config, heir, OTHER);
    call("ADD", config, maker);
    call("DEL", config, maker);
    if (maker === DIST) collect(config);
    const before = node.snapshot({ exceptMemory: true });
    const prevResult = call("ADD", config, maker);
    call("DEL", { ...config, prevResult }, heir);
    call("DEL", { ...config, prevResult }, heir);
    if (maker === DIST) collect(config);
    expect(node.snapshot({ exceptMemory: true })).toEqual(before);
    call("DEL", config, maker, OTHER);
    expect(leases()).toEqual([]);
    expect(node.json("ip -j link show type veth")).toEqual([]);
  });

  // The reference cannot check a network without ipam.
  it.each(
    networks.filter(([name]) => name !== "no ipam"),
  )("passes the other's CHECK, with %s", (_name, more) => {
    for (const version of ["0.4.0", "1.0.0", "1.1.0"]) {
      const config = conf(more, version);
      const prevResult = call("ADD", config, maker);
      call("CHECK", { ...config, prevResult }, maker);
      call("CHECK", { ...config, prevResult }, heir);
      call("DEL", config, heir);
    }
  });

  it("is refused a second time by the other, and keeps what it has", () => {
    const config = conf({ isGateway: true, ipam: { type: "host-local", ranges: [v4] } });
    const prevResult = call("ADD", config, maker);
    const before = node.snapshot({ exceptMemory: true });
    const again = node.plugin("bridge", "ADD", config, attachment("c1", { bin: heir }));
    expect(again).toMatchObject({ status: 1 });
    const { netns, files } = node.snapshot({ exceptMemory: true });
    expect({ links: netns.c1, files }).toEqual({ links: before.netns.c1, files: before.files });
    call("CHECK", { ...config, prevResult }, maker);
    call("DEL", config, heir);
  });

  it("shares bridge, gateway and pool with one of the other, and both talk", () => {
    const config = conf({ isDefaultGateway: true, ipam: { type: "host-local", ranges: [v4, v6] } });
    const first = call("ADD", config, maker);
    const second = call("ADD", config, heir, OTHER);
    expect(second.interfaces[0]).toEqual(first.interfaces[0]);
    for (const { address, gateway } of second.ips) {
      for (const to of [address.replace(/\/.*/, ""), gateway])
        expect(node.pings("c1", to, 3000), to).toBe(true);
    }
    expect(leases()).toHaveLength(4);
  });
});

describe("DEL by ours of a container of the reference leaves nothing", () => {
  const config = conf({ isDefaultGateway: true, ipam: { type: "host-local", ranges: [v4, v6] } });

  it.each([
    ["with the namespace gone", "ip netns del c1", {}],
    ["with the interface gone", "ip -n c1 link del eth0", {}],
    ["with a new subnet since", ":", { ipam: { type: "host-local", subnet: "10.59.0.0/24" } }],
    ["with a configuration that is wrong now", ":", { vlan: 9999, ipam: { type: "host-local", ranges: 5 } }],
    [
      "with a lease of the oldest form",
      "for f in /var/lib/cni/networks/net/1* /var/lib/cni/networks/net/f*; do printf c1 >$f; done",
      {},
    ],
  ])("%s", (_name, script, more) => {
    call("ADD", config, REFERENCE);
    node.sh(script);
    for (const _ of ["once", "again"]) {
      const ended = node.plugin("bridge", "DEL", { ...config, ...more }, attachment("c1"));
      expect(ended).toMatchObject({ status: 0, stdout: "" });
      expect(leases()).toEqual([]);
    }
    // The kernel takes a while over a namespace.
    node.sh(
      'for i in $(seq 300); do [ -n "$(ip -o link show type veth)" ] || exit 0; sleep 0.1; done; exit 1',
    );
    expect(node.sh("ls -A /run/cni-bridge 2>/dev/null || true")).toBe("");
  });
});
