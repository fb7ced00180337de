// Our host-local as the IPAM plugin of others: stock ptp and macvlan, and the reference's bridge, each of which starts it
// as a program of its own from CNI_PATH. Static addresses from the runtime pass through them too.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { REFERENCE } from "../support/executables.ts";
import { leasesOf } from "../support/leases.ts";
import { Outside } from "../support/outside.ts";
import { Sandbox } from "../support/sandbox.ts";

const ranges = [[{ subnet: "10.37.0.0/24" }], [{ subnet: "fd00:37::/64" }]];
const routes = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }];
const ipam = { type: "host-local", ranges, routes };

const plugins = [
  { type: "ptp", ipMasq: true },
  { type: "macvlan", master: "uplink", mode: "bridge" },
  { type: "bridge", bridge: "br0", isGateway: true, ipMasq: true },
];

describe.each(plugins)("the stock $type with our host-local", (plugin) => {
  const conf = { cniVersion: "1.0.0", name: "others", ...plugin, ipam };
  const gateways = plugin.type === "macvlan" ? [] : ["10.37.0.1", "fd00:37::1"];
  let node: Sandbox;
  let outside: Outside;

  const call = (verb: string, id: string, more: object = {}, netns = `/run/netns/${id}`) => {
    // The IPAM plugin is found in the first directory; the plugin itself is started from the second.
    const path = `${node.bin}:${REFERENCE}`;
    const ended = node.plugin(
      plugin.type,
      verb,
      { ...conf, ...more },
      {
        containerId: id,
        netns,
        bin: REFERENCE,
        path,
      },
    );
    expect(ended, ended.stdout).toMatchObject({ status: 0 });
    return ended.json;
  };
  const addressesIn = (netns: string): string[] =>
    node
      .json("ip -j addr show dev eth0", { netns })[0]
      .addr_info.filter((info: { scope: string }) => info.scope === "global")
      .map((info: { local: string }) => info.local);
  const leases = () => [...leasesOf(node, "others").keys()];

  beforeAll(async () => {
    node = await Sandbox.create();
    outside = await Outside.connect(node);
    for (const id of ["c1", "c2", "c3"]) node.addNetns(id);
  });
  afterAll(async () => {
    await outside?.disconnect();
    await node?.dispose();
  });

  it("gives the containers their addresses and lets them reach each other", () => {
    for (const id of ["c1", "c2"]) {
      const result = call("ADD", id);
      const given = result.ips.map(({ address }: { address: string }) => address.replace(/\/.*/, ""));
      expect(given).toEqual([expect.stringMatching(/^10\.37\.0\./), expect.stringMatching(/^fd00:37::/)]);
      expect(addressesIn(id).toSorted()).toEqual(given.toSorted());
      call("CHECK", id, { prevResult: result });
    }
    // The reference's bridge returns before the port forwards.
    const peers = [...gateways, ...addressesIn("c2")];
    for (const address of peers) {
      const reached = [1, 2, 3, 4].some(() => node.pings("c1", address, 1000));
      expect(reached, address).toBe(true);
    }
    expect(leases()).toHaveLength(4);
  });

  it("gives the address that the runtime chooses, and refuses it to the next", () => {
    const more = { runtimeConfig: { ips: ["10.37.0.200"] } };
    call("ADD", "c3", more);
    expect(addressesIn("c3")).toContain("10.37.0.200");
    const taken = node.plugin("host-local", "ADD", { ...conf, ...more }, { containerId: "c4", netns: "/x" });
    expect(taken.json).toMatchObject({ code: 101, msg: expect.stringContaining("is held by c3/eth0") });
  });

  it("releases them, also with the namespace gone", () => {
    call("DEL", "c1");
    node.delNetns("c2");
    call("DEL", "c2", {}, "");
    call("DEL", "c3");
    expect(leases()).toEqual([]);
  });
});
