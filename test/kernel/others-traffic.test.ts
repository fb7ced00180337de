// No traffic is touched but what our containers send out of their subnet: connections between everybody on a node, each
// of which tells who was reached and whom it saw. The class of CVE-2025-67499, where a rule took packets of others.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { attachment, dualStack, resultOf, SILENT } from "../support/network.ts";
import { Outside } from "../support/outside.ts";
import { Sandbox } from "../support/sandbox.ts";
import { serveWhoAreWe, whoAmI, whoAmIFrom } from "../support/who-am-i.ts";

type Family = "v4" | "v6";
type Place = "c1" | "c2" | "plain" | "foreign" | "outside" | "host";

/** Gateways of our network, of ours without ipMasq, and of a bridge that another program made. */
const gateways = {
  net: { v4: "10.60.0.1", v6: "fd00:60::1" },
  plain: { v4: "10.61.0.1", v6: "fd00:61::1" },
  foreign: { v4: "10.62.0.1", v6: "fd00:62::1" },
};
const addresses: Record<Exclude<Place, "host">, Record<Family, string>> = {
  c1: { v4: "10.60.0.2", v6: "fd00:60::2" },
  c2: { v4: "10.60.0.3", v6: "fd00:60::3" },
  plain: { v4: "10.61.0.2", v6: "fd00:61::2" },
  foreign: { v4: "10.62.0.2", v6: "fd00:62::2" },
  outside: Outside.host,
};
/** The node's own addresses, as those see it who are asked by it, or by one whom it hides. */
const hostSeenBy: Record<Exclude<Place, "host">, Record<Family, string>> = {
  c1: gateways.net,
  c2: gateways.net,
  plain: gateways.plain,
  foreign: gateways.foreign,
  outside: Outside.node,
};
const PLAIN = dualStack(61, { name: "plain", bridge: "br1", ipMasq: false });

/** Who asks whom, and whether the node hides the one who asks. */
const connections: readonly (readonly [Place, Exclude<Place, "host">, "as itself" | "hidden"])[] = [
  ["c1", "outside", "hidden"],
  ["c1", "foreign", "hidden"],
  ["c1", "plain", "hidden"],
  ["c1", "c2", "as itself"],
  ["c2", "c1", "as itself"],
  ["plain", "outside", "as itself"],
  ["plain", "foreign", "as itself"],
  ["plain", "c1", "as itself"],
  ["foreign", "outside", "as itself"],
  ["foreign", "plain", "as itself"],
  ["foreign", "c1", "as itself"],
  ["outside", "c1", "as itself"],
  ["outside", "plain", "as itself"],
  ["outside", "foreign", "as itself"],
  ["host", "outside", "as itself"],
  ["host", "foreign", "as itself"],
  ["host", "plain", "as itself"],
  ["host", "c1", "as itself"],
];
const netnsOf = (place: Place) => (place === "host" ? undefined : place);

describe.each(["nftables", "iptables"])("with ipMasqBackend %s", (ipMasqBackend) => {
  const NET = dualStack(60, { ipMasqBackend, macspoofchk: true });
  let node: Sandbox;
  const ending: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    node = await Sandbox.create();
    const outside = await Outside.connect(node);
    ending.push(() => outside.disconnect());
    for (const id of ["c1", "c2", "plain", "foreign"]) node.addNetns(id);
    for (const id of ["c1", "c2"]) resultOf(node.plugin("bridge", "ADD", NET, attachment(id)));
    resultOf(node.plugin("bridge", "ADD", PLAIN, attachment("plain")));
    node.sh(`
      ip link add other0 type bridge; ip addr add 10.62.0.1/24 dev other0
      ip addr add fd00:62::1/64 dev other0 nodad; ip link set other0 up
      ip link add o0 type veth peer name eth0 netns foreign; ip link set o0 master other0 up
      ip -n foreign addr add 10.62.0.2/24 dev eth0; ip -n foreign addr add fd00:62::2/64 dev eth0 nodad
      ip -n foreign link set eth0 up
      ip -n foreign route add default via 10.62.0.1; ip -n foreign route add default via fd00:62::1`);
    for (const family of ["v4", "v6"] as const)
      node.must("ip", ["-n", Outside.netns, "route", "add", "default", "via", Outside.node[family]]);
    const places = [...Object.keys(addresses), undefined].filter((place) => place !== "outside");
    for (const place of places) ending.push(await serveWhoAreWe(node, place, place ?? "host"));
  });
  afterAll(async () => {
    for (const end of ending.splice(0)) await end();
    await node?.dispose();
  });

  describe.each(["v4", "v6"] as const)("IP%s", (family) => {
    it.each(connections)("%s reaches %s %s", (from, to, how) => {
      const seen = how === "hidden" || from === "host" ? hostSeenBy[to][family] : addresses[from][family];
      const answer = to === "outside" ? seen : `${to} ${seen}`;
      expect(whoAmI(node, netnsOf(from), addresses[to][family])).toBe(answer);
    });

    it.each(["c1", "plain", "foreign"] as const)("%s reaches the host's every address as itself", (from) => {
      for (const gateway of [gateways.net, gateways.plain, gateways.foreign, Outside.node])
        expect(whoAmI(node, from, gateway[family])).toBe(`host ${addresses[from][family]}`);
    });

    it("the host sends from its gateway's address, beside the containers', and keeps it", () => {
      const own = gateways.net[family];
      expect(whoAmIFrom(node, undefined, own, addresses.outside[family])).toBe(own);
      expect(whoAmIFrom(node, undefined, own, addresses.foreign[family])).toBe(`foreign ${own}`);
    });
  });

  it("the address of a container that is gone is anybody's", () => {
    expect(node.plugin("bridge", "DEL", NET, attachment("c2"))).toMatchObject(SILENT);
    for (const family of ["v4", "v6"] as const) {
      const address = addresses.c2[family];
      node.sh(`ip addr add ${address} dev other0 ${family === "v6" ? "nodad" : ""}`);
      expect(whoAmIFrom(node, undefined, address, addresses.outside[family])).toBe(address);
    }
  });
});
