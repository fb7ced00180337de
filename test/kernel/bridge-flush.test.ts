// A firewall reload takes every rule; the next ADD puts them back for the containers that were there. The oracles are
// nft's listing, and frames with a wrong source MAC that get through or do not.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { attachment, dualStack } from "../support/network.ts";
import { Sandbox } from "../support/sandbox.ts";

const BASE = dualStack(47, { ipMasq: false });

describe.each([
  { name: "ipMasq", more: { ipMasq: true } },
  { name: "macspoofchk", more: { macspoofchk: true } },
  { name: "both", more: { ipMasq: true, macspoofchk: true } },
])("ADD after a firewall reload, with $name", ({ more }) => {
  const conf = { ...BASE, ...more };
  let node: Sandbox;
  const add = (id: string) => {
    const ended = node.plugin("bridge", "ADD", conf, { containerId: id, netns: node.addNetns(id) });
    expect(ended, ended.stdout).toMatchObject({ status: 0, stderr: "" });
  };
  /** What nft lists, without what changes with every new set of rules, in an order of its own. */
  const rules = (): string[] =>
    node
      .sh("nft list ruleset")
      .split("\n")
      .flatMap((line) => line.replace(/elements = \{|\}$/g, "").split(/,(?= *(?:10\.|fd00:))/))
      .map((line) => line.trim())
      .sort();

  beforeEach(async () => {
    node = await Sandbox.create();
    for (const id of ["one", "two"]) add(id);
  });
  afterEach(() => node.dispose());

  it.each([
    { name: "the whole ruleset", flush: "nft flush ruleset" },
    { name: "each table", flush: "nft list tables | sed 's/^/flush /' | nft -f -" },
  ])("puts back the rules of the others: $name", ({ flush }) => {
    add("three");
    const before = rules();
    const ended = node.plugin("bridge", "DEL", conf, attachment("three"));
    expect(ended.status).toBe(0);
    node.sh(flush);
    expect(rules()).not.toEqual(before);
    node.delNetns("three");
    // The address after the last one: the same rules but for it.
    add("three");
    const changed = (lines: string[]) =>
      lines.filter((line) => !line.includes("id: three") && !line.includes("three-eth0"));
    expect(changed(rules())).toEqual(changed(before));
  });
});

describe("the next holder of an address", () => {
  it("keeps its element when rules are put back for the one before", async () => {
    const node = await Sandbox.create();
    try {
      const conf = { ...BASE, ipMasq: true };
      const add = (id: string) =>
        node.plugin("bridge", "ADD", conf, { containerId: id, netns: node.addNetns(id) });
      expect(add("one").status).toBe(0);
      const map = "inet cni-bridge masquerade4";
      const [, chain] = /10\.47\.0\.2.*goto (net-\w+)/.exec(node.sh(`nft list map ${map}`))!;
      node.sh(`
        nft delete element ${map} '{ 10.47.0.2 }'
        nft add element ${map} '{ 10.47.0.2 comment "somebody else" : goto ${chain} }'
        nft flush chain inet cni-bridge postrouting`);
      const ended = add("two");
      expect(ended, ended.stdout).toMatchObject({ status: 0, stderr: "" });
      expect(node.sh("nft list chain inet cni-bridge postrouting")).toContain("vmap @masquerade4");
      expect(node.sh(`nft list map ${map}`)).toMatch(/10\.47\.0\.2 comment "somebody else"/);
    } finally {
      await node.dispose();
    }
  });
});

describe("forwarding", () => {
  it("keeps an uplink's router advertisements when it is switched on", async () => {
    const node = await Sandbox.create();
    try {
      // An uplink with a default route that a router advertised, and one that lives without.
      node.sh(`
        for name in up0 up1; do ip link add $name type veth peer name $name-peer; ip link set $name up; ip link set $name-peer up; done
        sysctl -qw net.ipv6.conf.up0.accept_ra=1 net.ipv6.conf.up1.accept_ra=1 net.ipv6.conf.all.forwarding=0
        ip -6 route add default via fe80::1 dev up0 proto ra metric 1024`);
      const ended = node.plugin("bridge", "ADD", BASE, { containerId: "c1", netns: node.addNetns("c1") });
      expect(ended, ended.stdout).toMatchObject({ status: 0 });
      const value = (key: string) => node.must("sysctl", ["-n", `net.ipv6.conf.${key}`]).trim();
      expect(value("all.forwarding")).toBe("1");
      expect(value("up0.accept_ra")).toBe("2");
      expect(value("up1.accept_ra")).toBe("1");
    } finally {
      await node.dispose();
    }
  });
});
