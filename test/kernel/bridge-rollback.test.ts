// An ADD that fails leaves nothing of its attachment, wherever it was stopped from outside, and works once the cause is
// gone; one that is repeated without DEL takes nothing from the first; one whose result nobody got is undone. The
// snapshots come from ip, bridge, nft and the files.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { attachment, dualStack } from "../support/network.ts";
import type { Conf, PluginCall } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";
import type { Snapshot } from "../support/snapshot.ts";

const CONF = dualStack(49, { hairpinMode: true, macspoofchk: true });
const OWN = attachment("c1");
const OTHER = attachment("c2");

let node: Sandbox;
const state = () => node.snapshot({ exceptMemory: true });
const run = (verb: string, conf: Conf = CONF, call: PluginCall = {}) =>
  node.plugin("bridge", verb, conf, { ...OWN, ...call });
const must = (verb: string, conf: Conf = CONF, call: PluginCall = {}) => {
  const ended = run(verb, conf, call);
  expect(ended.status, `${verb}: ${ended.stdout} ${ended.stderr}`).toBe(0);
  return ended.json;
};

beforeAll(async () => {
  node = await Sandbox.create();
});
afterAll(() => node?.dispose());
beforeEach(() => {
  for (const id of ["c1", "c2"]) node.addNetns(id);
  must("ADD", CONF, OTHER);
  must("ADD");
  must("DEL");
});
afterEach(() => {
  must("DEL");
  must("DEL", CONF, OTHER);
  node.sh(`
    for each in c1 c2; do ip netns del $each; done
    ip link del br0 2>/dev/null || true
    rm -rf /var/lib/cni/* /run/cni-bridge; nft flush ruleset
  `);
});

/** ADD fails and changes nothing, then DEL finds nothing to do; after `repair` ADD works and DEL takes it back. */
function expectRollback(before: Snapshot, conf: Conf, text: string, repair: () => void): void {
  for (const verb of ["ADD", "ADD", "DEL"]) {
    const ended = run(verb, conf);
    if (verb === "ADD") {
      expect(ended).toMatchObject({ status: 1, json: { cniVersion: "1.1.0", code: expect.any(Number) } });
      expect(ended.json.msg).toContain(text);
    } else expect(ended).toMatchObject({ status: 0, stdout: "" });
    expect(state()).toEqual(before);
  }
  repair();
  // What the network shares may have been taken away with the cause.
  must("ADD");
  must("DEL");
  const healthy = state();
  must("ADD");
  must("DEL");
  expect(state()).toEqual(healthy);
}

describe("an ADD that fails leaves nothing and works later", () => {
  interface Case {
    readonly name: string;
    readonly text: string;
    readonly conf?: object;
    /** What is in the way, and how it is taken out of it, as shell. */
    readonly script?: string;
    readonly repair?: string;
  }
  const cases: readonly Case[] = [
    {
      name: "IPAM refuses",
      text: "no IP addresses available",
      conf: { ipam: { type: "host-local", ranges: [[{ subnet: "10.49.0.0/24", rangeEnd: "10.49.0.1" }]] } },
    }, // prettier-ignore
    {
      name: "the leases cannot be written",
      text: "EROFS",
      script: "mount -o remount,ro /var/lib/cni",
      repair: "mount -o remount,rw /var/lib/cni",
    },
    {
      name: "the bridge has another address",
      text: "already has an IP address",
      conf: { ipam: { type: "host-local", subnet: "10.50.0.0/24" } },
    },
    {
      name: "a route leads nowhere",
      text: "cannot add route",
      conf: { ipam: { ...CONF.ipam, routes: [{ dst: "192.0.2.0/24", gw: "203.0.113.1" }] } },
    },
    { name: "the MTU is out of range", text: "veth", conf: { mtu: 100_000 } },
    {
      name: "the interface's name is taken",
      text: "already exists in the container",
      script: "ip -n c1 link add eth0 type bridge",
      repair: "ip -n c1 link del eth0",
    },
    {
      name: "the container's IPv6 is off and cannot be switched on",
      text: "disable_ipv6",
      script:
        "ip netns exec c1 sysctl -qw net.ipv6.conf.default.disable_ipv6=1; mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys",
      repair: "umount /proc/sys",
    },
    {
      name: "forwarding is off and cannot be switched on",
      text: "ip_forward",
      script:
        "echo 0 >/proc/sys/net/ipv4/ip_forward; mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys",
      repair: "umount /proc/sys; echo 1 >/proc/sys/net/ipv4/ip_forward",
    },
    {
      name: "the table of masquerading is taken",
      text: "masquerade",
      script:
        "nft delete table inet cni-bridge; nft 'add table inet cni-bridge; add map inet cni-bridge masquerade4 { type ipv4_addr : mark; }'",
      repair: "nft delete table inet cni-bridge",
    },
    {
      name: "the chain of the spoof check is taken",
      text: "PREROUTING",
      script:
        "nft delete table bridge nat; nft 'add table bridge nat; add chain bridge nat PREROUTING { type filter hook prerouting priority 0; }'",
      repair: "nft delete table bridge nat",
    },
  ];

  it.each(cases)("where $name", ({ text, conf = {}, script = ":", repair = ":" }) => {
    node.sh(script);
    try {
      expectRollback(state(), { ...CONF, ...conf }, text, () => node.sh(repair));
    } finally {
      node.sh(`{ ${repair}; } 2>/dev/null || true`);
    }
  });

  it("where the host's end has its name taken", () => {
    const name: string = must("ADD").interfaces[1].name;
    must("DEL");
    node.sh(`ip link add ${name} type bridge`);
    expectRollback(state(), CONF, "already exists", () => node.sh(`ip link del ${name}`));
  });

  it.each([
    ["a veth", "ip link add br9 type veth peer name br9p"],
    ["a macvlan", "ip link add br9p type veth peer name br9pp; ip link add link br9p name br9 type macvlan"],
  ])("where the bridge's name is that of %s", (_name, script) => {
    node.sh(script);
    const before = state();
    const conf = { ...CONF, bridge: "br9" };
    expectRollback(before, conf, '"br9" already exists but is not a bridge', () =>
      node.sh("ip link del br9p"),
    );
  });

  it.each([
    "02:00:00:00:00:zz",
    "01:00:5e:00:00:01",
    "aa:bb:cc:dd:ee:ff:00:11",
  ])("where the MAC is %s", (mac) => {
    expectRollback(state(), { ...CONF, args: { cni: { mac } } }, mac, () => {});
  });
});

describe("an ADD goes on where", () => {
  it.each([
    [
      "the container's IPv6 is off",
      "ip netns exec c1 sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1",
    ],
    ["its record cannot be written", "rm -r /run/cni-bridge; : >/run/cni-bridge"],
    ["/run is read-only", "mount -o remount,ro /run"],
    [
      "/proc/sys is read-only and forwarding is on",
      "mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys",
    ],
  ])("%s", (_name, script) => {
    node.sh(script);
    try {
      const ended = run("ADD");
      expect(ended.status, ended.stdout).toBe(0);
      const addresses = ended.json.ips.map(({ gateway }: { gateway: string }) => gateway);
      for (const address of addresses) expect(node.pings("c1", address), address).toBe(true);
      must("DEL");
      expect(node.json("ip -j link show", { netns: "c1" })).toHaveLength(1);
      expect(node.sh("nft list ruleset")).not.toContain("id: c1");
    } finally {
      node.sh(
        "mount -o remount,rw /run; umount /proc/sys 2>/dev/null || true; [ -d /run/cni-bridge ] || rm -f /run/cni-bridge",
      );
    }
  });
});

describe("an ADD repeated without DEL", () => {
  it.each([
    ["as it is", CONF, ":"],
    ["with another subnet", { ...CONF, ipam: { type: "host-local", subnet: "10.50.0.0/24" } }, ":"],
    ["without ipam", { ...CONF, ipam: {} }, ":"],
    ["to another bridge", { ...CONF, bridge: "br1" }, "ip link add br1 type bridge"],
    ["without its record", CONF, "rm -r /run/cni-bridge"],
    ["without its lease index", CONF, "rm -rf /var/lib/cni/networks/net/.[a-z]*"],
  ])("%s fails and takes nothing from the first", (_name, conf, script) => {
    const first = must("ADD");
    node.sh(script);
    const during = state();
    for (const _ of ["once", "again"]) {
      const ended = run("ADD", conf);
      expect(ended).toMatchObject({ status: 1 });
      expect(ended.json.msg).toContain("already exists");
    }
    expect(state()).toEqual(during);
    expect(run("CHECK", { ...CONF, prevResult: first })).toMatchObject({ status: 0, stdout: "" });
    for (const { gateway } of first.ips) expect(node.pings("c1", gateway)).toBe(true);
    must("DEL");
    node.sh("ip link del br1 2>/dev/null || true");
  });

  it("in a new namespace of the same container fails too, and works after DEL", () => {
    const first = must("ADD");
    const during = state();
    expect(run("ADD", CONF, { netns: OTHER.netns, ifname: "eth0" })).toMatchObject({ status: 1 });
    expect(state()).toEqual(during);
    must("DEL");
    expect(must("ADD").ips).not.toEqual(first.ips);
  });
});

describe("a result that cannot be handed over is undone", () => {
  it.each([
    ["to a full device", "exec >/dev/full", "ENOSPC"],
    ["to a closed descriptor", "exec >&-", "EBADF"],
    ["to a reader that has gone", "mkfifo /run/fifo; { :; } </run/fifo & exec >/run/fifo; wait", "EPIPE"],
  ])("%s", (_name, redirect, errno) => {
    const before = state();
    const under = ["bash", "-c", `${redirect}; "$@"`, "bash"];
    const ended = run("ADD", CONF, { under });
    expect(ended).toMatchObject({ status: 1, stdout: "" });
    expect(ended.stderr).toContain(errno);
    node.sh("rm -f /run/fifo");
    expect(state()).toEqual(before);
    must("ADD");
    must("DEL");
    expect(state()).toEqual(before);
  });
});
