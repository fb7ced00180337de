// The nf_tables objects that ADD makes over netlink, as nft(8) reads them: the text is the comment of
// src/kernel/masquerade-chain.ts with names and comments filled in.

import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Sandbox } from "../support/sandbox.ts";

const conf = (name: string, ...subnets: readonly string[]) => ({
  cniVersion: "1.0.0",
  name,
  type: "bridge",
  bridge: `br-${name}`,
  isDefaultGateway: true,
  ipMasq: true,
  ipam: { type: "host-local", ranges: subnets.map((subnet) => [{ subnet }]) },
});

const hash16 = (text: string) => createHash("sha512").update(text).digest("hex").slice(0, 16);
const chainOf = (name: string, subnet: string) => `net-${hash16(`${name} ${subnet}`)}`;
const ownerOf = (name: string, id: string) =>
  `${hash16(name)}-${hash16(`eth0:${id}`)}, net: ${name}, if: eth0, id: ${id}`;

/** nft breaks and indents lines as it likes, from version to version. */
const words = (text: string) => text.trim().split(/\s+/).join(" ");

describe("table inet cni-bridge", () => {
  let node: Sandbox;
  const attachment = (id: string) => ({ containerId: id, netns: `/run/netns/${id.slice(0, 2)}` });
  const plugin = (verb: "ADD" | "DEL", config: object, id: string) =>
    expect(node.plugin("bridge", verb, config, attachment(id))).toMatchObject({ status: 0, stderr: "" });
  const list = (what = "table inet cni-bridge") => words(node.sh(`nft list ${what}`));

  beforeAll(async () => {
    node = await Sandbox.create();
    for (const id of ["c1", "c2"]) node.addNetns(id);
  });
  afterAll(() => node?.dispose());

  const both = conf("both", "10.22.16.0/20", "fd00:22::/62");
  const [chain4, chain6] = [chainOf("both", "10.22.16.0/20"), chainOf("both", "fd00:22::/62")];
  const [c1, c2] = [ownerOf("both", "c1"), ownerOf("both", "c2")];

  /** The whole table while the maps hold these elements. */
  const table = (elements4: string, elements6: string) =>
    words(`table inet cni-bridge {
      comment "masquerading of containers' addresses by the CNI plugin bridge"
      map masquerade4 {
        type ipv4_addr : verdict
        ${elements4}
      }
      map masquerade6 {
        type ipv6_addr : verdict
        ${elements6}
      }
      chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr vmap @masquerade4
        ip6 saddr vmap @masquerade6
      }
      chain ${chain4} {
        comment "net: both, subnet: 10.22.16.0/20"
        ip daddr 10.22.16.0/20 return
        ip daddr 224.0.0.0/4 return
        masquerade
      }
      chain ${chain6} {
        comment "net: both, subnet: fd00:22::/62"
        ip6 daddr fd00:22::/62 return
        ip6 daddr ff00::/8 return
        masquerade
      }
    }`);

  it("reads as it is meant, with a container", () => {
    plugin("ADD", both, "c1");
    const expected = table(
      `elements = { 10.22.16.2 comment "${c1}" : goto ${chain4} }`,
      `elements = { fd00:22::2 comment "${c1}" : goto ${chain6} }`,
    );
    expect(list()).toBe(expected);
  });

  it("is what nft makes of its own text", () => {
    const before = list();
    node.sh(
      "nft list table inet cni-bridge >/run/saved; nft delete table inet cni-bridge; nft -f /run/saved",
    );
    expect(list()).toBe(before);
  });

  it("takes a second container as an element, also after nft has made it anew", () => {
    plugin("ADD", both, "c2");
    expect(list()).toMatch(new RegExp(`10\\.22\\.16\\.3 comment "${c2}" : goto ${chain4}`));
    expect(list()).toMatch(new RegExp(`fd00:22::3 comment "${c2}" : goto ${chain6}`));
    plugin("DEL", both, "c1");
    expect(list()).toBe(
      table(
        `elements = { 10.22.16.3 comment "${c2}" : goto ${chain4} }`,
        `elements = { fd00:22::3 comment "${c2}" : goto ${chain6} }`,
      ),
    );
  });

  it("keeps its constant part without containers", () => {
    plugin("DEL", both, "c2");
    expect(list()).toBe(table("", ""));
  });

  it.each([
    ["10.8.0.0/16", "ip", "224.0.0.0/4"],
    ["10.9.0.0/24", "ip", "224.0.0.0/4"],
    ["10.9.8.4/30", "ip", "224.0.0.0/4"],
    ["fd00:8::/64", "ip6", "ff00::/8"],
    ["fd00:9::80/121", "ip6", "ff00::/8"],
  ])("has a chain for %s", (subnet, family, multicast) => {
    const name = `n${subnet.replace(/\W/g, "")}`.slice(0, 11);
    plugin("ADD", conf(name, subnet), "c1");
    plugin("DEL", conf(name, subnet), "c1");
    const chain = chainOf(name, subnet);
    expect(list(`chain inet cni-bridge ${chain}`)).toContain(
      words(`chain ${chain} {
        comment "net: ${name}, subnet: ${subnet}"
        ${family} daddr ${subnet} return
        ${family} daddr ${multicast} return
        masquerade
      }`),
    );
  });

  it("cuts a comment to what nft can read, its hashes kept", () => {
    const id = `c1${"x".repeat(200)}`;
    plugin("ADD", conf("long", "10.7.0.0/24"), id);
    const [, comment] = /10\.7\.0\.2 comment "([^"]*)"/.exec(list())!;
    expect(comment).toBe(ownerOf("long", id).slice(0, 127));
    node.sh(
      "nft list table inet cni-bridge >/run/saved; nft delete table inet cni-bridge; nft -f /run/saved",
    );
    plugin("DEL", conf("long", "10.7.0.0/24"), id);
    expect(list()).not.toContain("10.7.0.2");
  });
});
