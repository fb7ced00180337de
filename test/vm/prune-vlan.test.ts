// pruneBridge on a kernel that has VLANs: the gateways of the VLANs go with the bridge, and only then. Oracle: ip.

import { afterAll, beforeAll, expect, it } from "vitest";
import { attachment } from "../support/network.ts";
import { Vm } from "../support/vm.ts";

let vm: Vm;
beforeAll(async () => {
  vm = await Vm.boot();
});
afterAll(() => vm?.dispose());

const conf = (vlan: number) => ({
  cniVersion: "1.0.0",
  name: `net-${vlan}`,
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  pruneBridge: true,
  vlan,
  ipam: { type: "host-local", subnet: `10.60.${vlan}.0/24` },
});

function call(verb: string, id: string, vlan: number) {
  const ended = vm.plugin("bridge", verb, conf(vlan), attachment(id));
  expect(ended, `${ended.stdout} ${ended.stderr}`).toMatchObject({ status: 0 });
}

const links = (): string[] =>
  vm
    .json("ip -j link show")
    .map(({ ifname }: { ifname: string }) => ifname)
    .filter((name: string) => name.startsWith("br0") || name.startsWith("veth"));

it("deletes the gateways of all VLANs with the last container of any", () => {
  for (const id of ["c1", "c2"]) vm.addNetns(id);
  for (let round = 0; round < 2; round++) {
    call("ADD", "c1", 100);
    call("ADD", "c2", 200);
    expect(links()).toEqual(expect.arrayContaining(["br0", "br0.100", "br0.200"]));
    call("DEL", "c1", 100);
    expect(links()).toEqual(expect.arrayContaining(["br0", "br0.100", "br0.200"]));
    expect(vm.pings("c2", "10.60.200.1", 3000)).toBe(true);
    call("DEL", "c2", 200);
    expect(links()).toEqual([]);
  }
});
