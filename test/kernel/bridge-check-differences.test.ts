// CHECK names whatever is not as ADD left it, one line for each difference, and changes nothing. Each difference is
// made with ip, bridge, nft or sysctl.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { attachment, dualStack } from "../support/network.ts";
import { Sandbox } from "../support/sandbox.ts";

const BASE = dualStack(54, { hairpinMode: true, portIsolation: true });
const CONF = {
  ...BASE,
  ipam: {
    ...BASE.ipam,
    routes: [
      { dst: "192.0.2.0/24", gw: "10.54.0.9", priority: 50, mtu: 1400, advmss: 1360 },
      { dst: "198.51.100.0/24", table: 5000 },
      { dst: "203.0.113.0/24", scope: 200 },
    ],
  },
};
const CALL = attachment("c1");

let node: Sandbox;
const run = (verb: string, conf: object = CONF) => node.plugin("bridge", verb, conf, CALL);
const add = () => {
  const ended = run("ADD");
  expect(ended.status, ended.stdout).toBe(0);
  return ended.json;
};
const check = (prevResult: unknown) => run("CHECK", { ...CONF, prevResult });

beforeAll(async () => {
  node = await Sandbox.create();
});
afterAll(() => node?.dispose());
beforeEach(() => node.addNetns("c1"));
afterEach(() => {
  expect(run("DEL")).toMatchObject({ status: 0, stdout: "" });
  node.sh(
    "ip netns del c1 2>/dev/null || true; ip link del br0 2>/dev/null || true; nft flush ruleset; rm -rf /var/lib/cni/networks",
  );
  node.sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
});

describe("CHECK finds that", () => {
  // In the shell $veth is the host's end, $v4 and $v6 are the addresses.
  it.each<[string, string, RegExp]>([
    ["the interface is gone", "ip -n c1 link del eth0", /eth0 in the container: expected a link, found none/],
    [
      "the interface is down",
      "ip -n c1 link set eth0 down",
      /eth0 in the container: expected up, found down/,
    ],
    ["it is another kind of link", "ip -n c1 link del eth0; ip -n c1 link add eth0 type bridge", /./],
    [
      "the IPv4 address is gone",
      "ip -n c1 addr del $v4/24 dev eth0",
      /address of eth0: expected 10\.54\.0\.\d+\/24, found none/,
    ],
    [
      "the IPv6 address is gone",
      "ip -n c1 addr del $v6/64 dev eth0",
      /address of eth0: expected fd00:54::\w+\/64/,
    ],
    [
      "the address has another prefix",
      "ip -n c1 addr add $v4/16 dev eth0; ip -n c1 addr del $v4/24 dev eth0",
      /expected 10\.54\.0\.\d+\/24, found 10\.54\.0\.\d+\/16/,
    ],
    [
      "the default route is gone",
      "ip -n c1 route del default",
      /route.*expected 0\.0\.0\.0\/0 via 10\.54\.0\.1 dev eth0/,
    ],
    ["the IPv6 default route is gone", "ip -n c1 -6 route del default", /expected ::\/0 via fd00:54::1/],
    [
      "the default route has another gateway",
      "ip -n c1 route replace default via 10.54.0.99",
      /expected 0\.0\.0\.0\/0 via 10\.54\.0\.1/,
    ],
    [
      "a route of another table is gone",
      "ip -n c1 route flush table 5000",
      /198\.51\.100\.0\/24.*table 5000/,
    ],
    [
      "a route of another table is in the main one",
      "ip -n c1 route flush table 5000; ip -n c1 route add 198.51.100.0/24 via 10.54.0.1",
      /198\.51\.100\.0\/24.*table 5000/,
    ],
    ["a route of another scope is gone", "ip -n c1 route del 203.0.113.0/24", /203\.0\.113\.0\/24/],
    [
      "a route has another MTU",
      "ip -n c1 route change 192.0.2.0/24 via 10.54.0.9 metric 50 mtu 1300 advmss 1360",
      /192\.0\.2\.0\/24.*mtu 1400/,
    ],
    [
      "a route has another priority",
      "ip -n c1 route del 192.0.2.0/24; ip -n c1 route add 192.0.2.0/24 via 10.54.0.9 metric 60 mtu 1400 advmss 1360",
      /192\.0\.2\.0\/24.*metric 50/,
    ],
    [
      "the container's MAC is another",
      "ip -n c1 link set eth0 address 02:00:00:00:00:07",
      /eth0 MAC: expected \S+, found 02:00:00:00:00:07/,
    ],
    [
      "the host end's MAC is another",
      "ip link set $veth address 02:00:00:00:00:08",
      /MAC: expected \S+, found 02:00:00:00:00:08/,
    ],
    ["the host's end is down", "ip link set $veth down", /state of veth\w+: expected up/],
    ["the host's end has left the bridge", "ip link set $veth nomaster", /bridge of veth/],
    [
      "the host's end is a port of another bridge",
      "ip link add br1 type bridge; ip link set $veth master br1",
      /bridge of veth/,
    ],
    ["the bridge is down", "ip link set br0 down", /bridge br0: expected up, found down/],
    ["the bridge is gone", "ip link del br0", /bridge br0/],
    [
      "the gateway address is gone",
      "ip addr del 10.54.0.1/24 dev br0",
      /gateway address of br0: expected 10\.54\.0\.1\/24, found none/,
    ],
    [
      "the IPv6 gateway address is gone",
      "ip addr del fd00:54::1/64 dev br0",
      /gateway address of br0: expected fd00:54::1\/64/,
    ],
    [
      "the gateway address is another",
      "ip addr del 10.54.0.1/24 dev br0; ip addr add 10.54.0.2/24 dev br0",
      /expected 10\.54\.0\.1\/24, found 10\.54\.0\.2\/24/,
    ],
    [
      "the masquerade element is gone",
      "nft delete element inet cni-bridge masquerade4 { $v4 }",
      /masquerade element of 10\.54\.0\.\d+\/24.*found none/,
    ],
    [
      "the IPv6 masquerade element is gone",
      "nft delete element inet cni-bridge masquerade6 { $v6 }",
      /masquerade element of fd00:54::/,
    ],
    ["every rule is flushed", "nft flush ruleset", /masquerade element.*found none/],
    ["forwarding of IPv4 is off", "sysctl -qw net.ipv4.ip_forward=0", /ip_forward: expected 1, found 0/],
    [
      "forwarding of IPv6 is off",
      "sysctl -qw net.ipv6.conf.all.forwarding=0",
      /forwarding: expected 1, found 0/,
    ],
    ["the lease is gone", "rm /var/lib/cni/networks/net/$v4", /Failed to find address added by container c1/],
    [
      "the lease is another's",
      "printf 'other\\r\\neth0' >/var/lib/cni/networks/net/$v4",
      /Failed to find address added by container c1/,
    ],
    [
      "hairpin mode is off",
      "bridge link set dev $veth hairpin off",
      /hairpin mode of veth\w+: expected on, found off/,
    ],
    [
      "isolation is off",
      "bridge link set dev $veth isolated off",
      /isolation of veth\w+: expected on, found off/,
    ],
  ])("%s", (_name, script, says) => {
    const prevResult = add();
    expect(check(prevResult)).toMatchObject({ status: 0, stdout: "" });
    const [v4, v6] = prevResult.ips.map(({ address }: { address: string }) => address.replace(/\/.*/, ""));
    node.sh(`veth=${prevResult.interfaces[1].name}; v4=${v4}; v6=${v6}; ${script}`);
    const before = node.snapshot();
    const ended = check(prevResult);
    expect(ended).toMatchObject({ status: 1, json: { code: expect.any(Number) } });
    expect(`${ended.json.msg}\n${ended.json.details ?? ""}`).toMatch(says);
    expect(node.snapshot()).toEqual(before);
    node.sh("ip link del br1 2>/dev/null || true; rm -f /var/lib/cni/networks/net/1*");
  });

  it("much is missing at once", () => {
    const prevResult = add();
    node.sh("ip -n c1 addr flush dev eth0; sysctl -qw net.ipv4.ip_forward=0; nft flush ruleset");
    const { json } = check(prevResult);
    for (const text of ["address of eth0", "route", "ip_forward", "masquerade"])
      expect(json.details).toContain(text);
  });
});
