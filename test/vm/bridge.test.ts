// ADD and DEL of bridge with host-local on Debian's kernel, as it comes: modules are loaded when first used, and the
// features this machine's kernel may lack are there. Oracles: ip, nft, iptables, ping, and a host outside without any
// route to the containers, whose answer proves the node's own address on the request.

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { attachment, dualStack } from "../support/network.ts";
import { Vm } from "../support/vm.ts";

const CONF = dualStack(40);
const GATEWAYS = ["10.40.0.1", "fd00:40::1"];
const OUTSIDE = ["198.51.100.2", "2001:db8::2"];

describe("bridge on Debian's kernel", () => {
  let vm: Vm;
  beforeAll(async () => {
    vm = await Vm.boot();
  });
  afterAll(() => vm?.dispose());
  afterEach(() => vm.reset());

  const call = (verb: string, id: string, conf: object = CONF) => {
    const ended = vm.plugin("bridge", verb, conf, attachment(id));
    expect(ended, ended.stdout).toMatchObject({ status: 0 });
    return ended.json;
  };
  const addressesOf = (result: { ips: { address: string }[] }) =>
    result.ips.map(({ address }) => address.replace(/\/.*/, ""));

  it("connects two containers with each other, the gateway and the outside, and leaves nothing", () => {
    vm.sh(`
      ip netns add outside
      ip link add uplink type veth peer name eth0 netns outside
      ip addr add 198.51.100.1/24 dev uplink
      ip addr add 2001:db8::1/64 dev uplink nodad
      ip link set uplink up
      ip -n outside addr add 198.51.100.2/24 dev eth0
      ip -n outside addr add 2001:db8::2/64 dev eth0 nodad
      ip -n outside link set eth0 up
    `);
    for (const id of ["c1", "c2"]) vm.addNetns(id);
    call("ADD", "c1"); // makes what the network shares
    call("DEL", "c1");
    const before = vm.snapshot({ exceptMemory: true });

    call("ADD", "c1");
    const second = call("ADD", "c2");
    for (const address of [...addressesOf(second), ...GATEWAYS, ...OUTSIDE]) {
      expect(vm.pings("c1", address, 3000), address).toBe(true);
    }
    call("DEL", "c1");
    for (const address of [...GATEWAYS, ...OUTSIDE]) {
      expect(vm.pings("c2", address, 3000), address).toBe(true);
    }
    call("DEL", "c2");
    expect(vm.snapshot({ exceptMemory: true })).toEqual(before);
  });

  it("makes a bridge without VLAN filtering where no key asks for it", () => {
    vm.addNetns("c1");
    call("ADD", "c1");
    expect(vm.json("ip -j -d link show dev br0")[0].linkinfo.info_data.vlan_filtering).toBe(0);
  });
});
