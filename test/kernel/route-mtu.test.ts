// `mtu: "auto"` on a real kernel: interfaces of different MTU, routes in the main and in other tables. Oracle: ip.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { attachment, resultOf } from "../support/network.ts";
import { Sandbox } from "../support/sandbox.ts";

const CONF = { cniVersion: "1.1.0", name: "auto", type: "bridge", bridge: "br0", mtu: "auto" };
const ATTACHMENT = attachment("c1");
const KERNEL_DEFAULT = 1500;

let node: Sandbox;
const add = (conf: object = CONF, env: Record<string, string> = {}) =>
  resultOf(node.plugin("bridge", "ADD", conf, attachment("c1", { env })));
const mtuOf = (ifname: string, netns?: string): number =>
  node.json(`ip -j link show dev ${ifname}`, netns === undefined ? {} : { netns })[0].mtu;
/** An interface with an address of each family, so that routes may lead through it. */
const addInterface = (name: string, mtu: number, net: number) =>
  node.sh(`
    ip link add ${name} mtu ${mtu} type veth peer name ${name}-peer
    ip addr add 192.0.${net}.1/24 dev ${name}
    ip addr add fd00:${net}::1/64 dev ${name} nodad
    ip link set ${name}-peer up
    ip link set ${name} up
  `);

beforeEach(async () => {
  node = await Sandbox.create();
  node.addNetns("c1");
  addInterface("wan4", 1400, 2);
  addInterface("wan6", 1380, 3);
  addInterface("vrf0", 1300, 4);
});
afterEach(() => node?.dispose());

const cases: readonly { name: string; routes: string; mtu: number }[] = [
  { name: "no default route", routes: "ip route add 10.0.0.0/8 via 192.0.2.2", mtu: KERNEL_DEFAULT },
  { name: "an IPv4 default route", routes: "ip route add default via 192.0.2.2", mtu: 1400 },
  { name: "an IPv6 default route", routes: "ip route add default via fd00:3::2", mtu: 1380 },
  {
    name: "one of each family, the smaller of which counts",
    routes: "ip route add default via 192.0.2.2; ip route add default via fd00:3::2",
    mtu: 1380,
  },
  {
    name: "one in another table",
    routes: "ip route add default via 192.0.4.2 table 100; ip route add default via fd00:4::2 table 100",
    mtu: KERNEL_DEFAULT,
  },
  {
    name: "one in another table of a number above 255, and one in the main table",
    routes: "ip route add default via 192.0.4.2 table 1000; ip route add default via 192.0.2.2",
    mtu: 1400,
  },
  {
    name: "two, of which the one with the lower metric counts",
    routes: "ip route add default via 192.0.4.2 metric 20; ip route add default via 192.0.2.2 metric 10",
    mtu: 1400,
  },
  {
    name: "one that spreads its load",
    routes: "ip route add default nexthop via 192.0.2.2 nexthop via 192.0.4.2",
    mtu: 1300,
  },
  {
    name: "one that names an MTU itself",
    routes: "ip route add default via 192.0.2.2 mtu 1350",
    mtu: 1350,
  },
  {
    name: "one that leads nowhere",
    routes: "ip route add unreachable default",
    mtu: KERNEL_DEFAULT,
  },
];

describe('mtu "auto"', () => {
  it.each(cases)("looks at $name", ({ routes, mtu }) => {
    node.sh(routes);
    const { interfaces } = add();
    expect([mtuOf("br0"), mtuOf(interfaces[1].name), mtuOf("eth0", "c1")]).toEqual([mtu, mtu, mtu]);
    expect(
      node.plugin(
        "bridge",
        "CHECK",
        { ...CONF, prevResult: { cniVersion: "1.1.0", interfaces } },
        ATTACHMENT,
      ),
    ).toMatchObject({ status: 0 });
  });

  it("finds the default route without reading many others", () => {
    const many = (table: string) =>
      Array.from(
        { length: 50_000 },
        (_, n) => `route add 10.${n >> 8}.${n & 255}.0/24 via 192.0.2.2 ${table}`,
      );
    node.must("ip", ["-batch", "-"], { input: many("table 77").join("\n") });
    node.sh("ip route add default via 192.0.2.2");
    add(CONF, { CNI_BRIDGE_TRACE: "/run/trace" });
    expect(mtuOf("eth0", "c1")).toBe(1400);
    // The messages of the whole ADD, to the kernel and from it.
    const messages = Number(node.sh("wc -l </run/trace"));
    expect(messages).toBeGreaterThan(10);
    expect(messages).toBeLessThan(200);
  });

  it.each([
    ["a word", "large"],
    ["a fraction", 1.5],
  ])("refuses %s", (_, mtu) => {
    expect(node.plugin("bridge", "ADD", { ...CONF, mtu }, ATTACHMENT).json).toMatchObject({
      code: 7,
      msg: expect.stringContaining('mtu: must be an integer or "auto"'),
    });
  });
});
