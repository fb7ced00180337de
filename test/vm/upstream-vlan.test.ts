// The upstream suite's cases of the bridge plugin that need a kernel with VLAN filtering (bridge_test.go of
// containernetworking/plugins), each at several versions, with ip and bridge as oracles. What VLANs mean beyond
// that, for traffic too, is in vlan.test.ts; all others: test/kernel/upstream-{bridge,container}.test.ts.

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { attachment } from "../support/network.ts";
import { checkResultText } from "../support/result-schema.ts";
import { Vm } from "../support/vm.ts";

const VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
const WITH_INTERFACES = VERSIONS.filter((version) => version >= "0.3.0");
/** One of each form of the result: an ADD with a gateway takes a second on this machine. */
const FORMS = ["0.2.0", "0.4.0", "1.1.0"];

const DEFAULT = "1 PVID Egress Untagged";
const ACCESS = "100 PVID Egress Untagged";
const KEPT = "1 Egress Untagged";
const TRUNK = [{ id: 101 }, { minID: 200, maxID: 210 }];
const TAGGED = ["101", ...Array.from({ length: 11 }, (_, index) => `${200 + index}`)];

let vm: Vm;
beforeAll(async () => {
  vm = await Vm.boot();
});
afterAll(() => vm?.dispose());
afterEach(() => vm.reset());

function call(verb: string, config: object) {
  const ended = vm.plugin("bridge", verb, config, attachment("c1"));
  expect(ended, `${verb} ${JSON.stringify(config)}: ${ended.stdout} ${ended.stderr}`).toMatchObject({
    status: 0,
  });
  return ended;
}

/** The VLANs of each interface, as "number flags". */
function vlans(): Record<string, string[]> {
  const shown: { ifname: string; vlans: { vlan: number; flags?: string[] }[] }[] = vm.json("bridge -j vlan");
  return Object.fromEntries(
    shown.map((port) => [port.ifname, port.vlans.map(({ vlan, flags = [] }) => [vlan, ...flags].join(" "))]),
  );
}

const names = (netns?: string): string[] =>
  vm
    .json("ip -j link show", netns === undefined ? {} : { netns })
    .map(({ ifname }: { ifname: string }) => ifname)
    .sort();

function expectDeleted(rest: readonly string[]): void {
  expect(names("c1")).toEqual(["lo"]);
  expect(names()).toEqual([...rest].sort());
}

describe("a network without addresses", () => {
  it.each([
    ["B17 no VLAN", {}, [DEFAULT]],
    ["B18 VLAN 100", { vlan: 100, preserveDefaultVlan: true }, [KEPT, ACCESS]],
    ["B19 a trunk", { vlanTrunk: TRUNK }, [DEFAULT, ...TAGGED]],
    ["B20 VLAN 100 and a trunk", { vlan: 100, vlanTrunk: TRUNK }, [ACCESS, ...TAGGED]],
    ["B21 VLAN 100 and no default VLAN", { vlan: 100, preserveDefaultVlan: false }, [ACCESS]],
  ])("is connected and disconnected with %s", (_name, keys, expected) => {
    vm.addNetns("c1");
    const before = names();
    for (const cniVersion of VERSIONS) {
      const config = { cniVersion, name: "net", type: "bridge", bridge: "bridge0", ...keys };
      if (!WITH_INTERFACES.includes(cniVersion)) {
        const ended = vm.plugin("bridge", "ADD", config, attachment("c1"));
        expect(ended).toMatchObject({ status: 1 });
        expect(ended.json.msg).toContain("cannot convert: no valid IP addresses");
        call("DEL", config);
        expectDeleted(before);
        continue;
      }
      const { stdout, json } = call("ADD", config);
      checkResultText(stdout, cniVersion);
      const [bridge, port, inside] = json.interfaces;
      expect([bridge.name, inside.name, json.interfaces.length]).toEqual(["bridge0", "eth0", 3]);
      const [link] = vm.json("ip -j -d link show dev bridge0");
      expect(link.linkinfo.info_data.vlan_filtering).toBe(Object.keys(keys).length === 0 ? 0 : 1);
      expect(vlans()).toEqual({ bridge0: [DEFAULT], [port.name]: expected });
      expect(vm.json("ip -j link show dev eth0", { netns: "c1" })[0]).toMatchObject({
        operstate: "UP",
        address: inside.mac,
      });
      call("DEL", config);
      expectDeleted([...before, "bridge0"]);
      vm.sh("ip link del bridge0");
    }
  });
});

describe("a network with a default route and VLAN 100", () => {
  const v4 = ["10.1.2.0/24", "10.1.2.1/24"] as const;
  const v6 = ["2001:db8::/64", "2001:db8::1/64"] as const;
  const second = ["fd00::/64", "fd00::1/64"] as const;
  const sets = [
    ["IPv4", [v4]],
    ["IPv6", [v6]],
    ["both families", [v4, v6]],
    ["three subnets", [v4, v6, second]],
  ] as const;

  describe.each([
    ["B22 and the default VLAN", true, [KEPT, ACCESS]],
    ["B23 and no default VLAN", false, [ACCESS]],
  ] as const)("%s", (_title, preserveDefaultVlan, expected) => {
    it.each(sets)("is connected and disconnected with %s", (_name, subnets) => {
      vm.addNetns("c1");
      const before = names();
      // One family has one address below 0.3.0.
      for (const cniVersion of subnets.length > 2 ? FORMS.slice(1) : FORMS) {
        const ipam = { type: "host-local", ranges: subnets.map(([subnet]) => [{ subnet }]) };
        const keys = { vlan: 100, isDefaultGateway: true, preserveDefaultVlan, ipam };
        const config = { cniVersion, name: "net", type: "bridge", bridge: "bridge0", ...keys };
        const { stdout } = call("ADD", config);
        checkResultText(stdout, cniVersion);
        const { bridge0, ...ports } = vlans();
        expect(bridge0).toEqual([DEFAULT]);
        // The container's and the gateway's.
        expect(Object.values(ports)).toEqual([expected, expected]);
        expect(names()).toHaveLength(before.length + 4);
        const held = vm
          .json("ip -j addr show dev bridge0.100")[0]
          .addr_info.filter(({ scope }: { scope: string }) => scope === "global")
          .map(({ local, prefixlen }: { local: string; prefixlen: number }) => `${local}/${prefixlen}`);
        expect(held.sort()).toEqual(subnets.map(([, gateway]) => gateway).sort());
        for (const option of ["-4", "-6"]) {
          const [gateway] = subnets.filter(([subnet]) => subnet.includes(":") === (option === "-6"));
          const routes = vm.json(`ip -j ${option} route show default`, { netns: "c1" });
          expect(routes).toMatchObject(
            gateway === undefined ? [] : [{ gateway: gateway[1].replace(/\/.*/, "") }],
          );
        }
        call("DEL", config);
        expect(names("c1")).toEqual(["lo"]);
        expect(names()).toHaveLength(before.length + 3);
        vm.sh("ip link del bridge0.100; ip link del bridge0; rm -rf /var/lib/cni/networks");
      }
    });
  });
});
