// The kernel's answers to ip, bridge and nft, as our attribute tables read them.

import { describe, expect, it } from "vitest";
import { formatIp } from "../../src/net/ip.ts";
import { decode } from "../../src/netlink/codec.ts";
import * as ifAddr from "../../src/netlink/if-addr.ts";
import * as ifLink from "../../src/netlink/if-link.ts";
import { readAnswer, readMessages } from "../../src/netlink/message.ts";
import * as nft from "../../src/netlink/nf-tables.ts";
import * as rtnetlink from "../../src/netlink/rtnetlink.ts";
import { golden } from "../support/golden.ts";
import {
  answers,
  bodyOf,
  comment,
  ip,
  mac,
  NFT_MSG_NEWGEN,
  net,
  RTM_NEWNSID,
  requestIn,
} from "./captures.ts";

describe("answers of the kernel", () => {
  it("shows a veth end as a port of a bridge", () => {
    const [link] = answers("link-get-answer", ifLink.getLink, ifLink.newLink.type);
    expect(link).toMatchObject({
      index: 3,
      ifname: "host0",
      mtu: 1400,
      master: 2,
      link: 2,
      linkNetnsid: 0,
      address: mac("02:00:00:00:00:02"),
      operstate: ifLink.IF_OPER_UP,
      linkinfo: { kind: "veth" },
      slaveinfo: { kind: "bridge", data: { mode: 1, isolated: 1 } },
    });
    expect(link!.flags! & (ifLink.IFF_UP | ifLink.IFF_PROMISC)).toBe(ifLink.IFF_UP);
  });

  it("shows a bridge", () => {
    const [link] = answers("bridge-get-answer", ifLink.getLink, ifLink.newLink.type);
    expect(link).toMatchObject({
      ifname: "br0",
      address: mac("02:00:00:00:00:01"),
      linkinfo: { kind: "bridge", data: { vlanFiltering: 0, groupFwdMask: 0 } },
      slaveinfo: {},
    });
    expect(link!.flags! & ifLink.IFF_PROMISC).toBe(ifLink.IFF_PROMISC);
  });

  it("shows of a link no more than is asked", () => {
    const { type } = ifLink.newLink;
    const [device] = answers("bridge-get-answer", ifLink.getDevice, type);
    expect(device).toMatchObject({ ifname: "br0", address: mac("02:00:00:00:00:01"), mtu: 1400 });
    expect(device!.linkinfo).toEqual({ kind: "bridge" });
    expect(device!.flags! & ifLink.IFF_PROMISC).toBe(ifLink.IFF_PROMISC);
    expect(answers("link-get-answer", ifLink.getDevice, type)[0]!.linkinfo?.kind).toBe("veth");
    const head = { ifname: "host0", operstate: ifLink.IF_OPER_UP };
    expect(answers("link-get-answer", ifLink.getLinkHead, type)[0]).toEqual(head);
  });

  it("shows addresses", () => {
    const found = answers("address-dump-answer", ifAddr.getAddr, ifAddr.newAddr.type);
    expect(found.map(({ address, prefixlen }) => `${formatIp(address!)}/${prefixlen}`)).toEqual([
      "10.22.0.5/16",
      "fd00::5/64",
      expect.stringMatching(/^fe80::.*\/64$/),
    ]);
    expect(found[0]).toMatchObject({ local: ip("10.22.0.5"), broadcast: ip("10.22.255.255"), index: 2 });
    const prefixes = answers("address-dump-answer", ifAddr.getPrefix, ifAddr.newAddr.type);
    expect(found).toMatchObject(prefixes);
    expect(prefixes[0]).toMatchObject({ local: ip("10.22.0.5"), prefixlen: 16, index: 2 });
    expect(found[1]!.flags32! & (ifAddr.IFA_F_NODAD | ifAddr.IFA_F_TENTATIVE)).toBe(ifAddr.IFA_F_NODAD);
  });

  it("shows a route", () => {
    const [route] = answers("route-dump-answer", rtnetlink.getRoute, rtnetlink.newRoute.type);
    expect(route).toMatchObject({
      dstLen: 16,
      dst: ip("10.1.0.0"),
      gateway: ip("10.22.0.1"),
      oif: 2,
      priority: 5,
      metrics: { mtu: 1400, advmss: 1300 },
      table32: 1000,
    });
  });

  it("shows the default route among others", () => {
    const { answer } = rtnetlink.getDefaultRoute;
    expect(decode(answer, bodyOf(requestIn("route-add-v6")))).toMatchObject({ gateway: ip("fd00::1") });
    expect(decode(answer, bodyOf(requestIn("route-add-v4")))).toBeUndefined();
  });

  it("shows the next hops of a route", () => {
    const [route] = answers("route-multipath-answer", rtnetlink.getRoute, rtnetlink.newRoute.type);
    expect(route).toMatchObject({ dst: ip("10.3.0.0"), multipath: [{ ifindex: 2 }, { ifindex: 2 }] });
  });

  it("tells a namespace's id", () => {
    expect(answers("nsid-get-answer", rtnetlink.getNsid, RTM_NEWNSID)[0]).toMatchObject({ nsid: 0 });
  });

  it("shows an element with its owner", () => {
    const found = answers("element-get-answer", nft.getSetElem, nft.newSetElem.type);
    expect(found.at(-1)!.elements).toEqual([
      {
        key: { value: ip("10.22.0.5") },
        data: { verdict: { code: nft.NFT_GOTO, chain: net } },
        userdata: comment("net: one"),
      },
    ]);
  });

  it("shows a table: generation, chains with their uses, rules with their handles", () => {
    const name = "list-table-answer";
    expect(answers(name, nft.getGen, NFT_MSG_NEWGEN)[0]!.id).toBeGreaterThan(0);
    expect(answers(name, nft.newTable, nft.newTable.type)[0]).toMatchObject({
      name: "cni-bridge",
      userdata: comment("made by a test"),
    });
    // Five uses: four rules and the element that goes there.
    expect(answers(name, nft.getChain, nft.newChain.type)).toMatchObject([
      { name: "postrouting", type: "nat", hook: { hooknum: 4, priority: 100 }, policy: 1, use: 2 },
      { name: net, userdata: comment("net: one"), use: 5 },
    ]);
    const rules = answers(name, nft.getRule, nft.newRule.type);
    expect(rules.map(({ chain }) => chain)).toEqual(["postrouting", "postrouting", net, net, net, net]);
    expect(new Set(rules.map(({ handle }) => handle)).size).toBe(6);
    expect(rules.map(({ expressions }) => expressions!.map(({ kind }) => kind).join(" "))).toEqual([
      "meta cmp payload lookup",
      "meta cmp payload lookup",
      "meta cmp payload bitwise cmp immediate",
      "meta cmp payload bitwise cmp immediate",
      "masq",
      "masq",
    ]);
    expect(rules[2]!.expressions![3]).toMatchObject({
      data: { op: 0, mask: { value: ip("255.255.240.0") } },
    });
    expect(rules[0]!.expressions![3]).toMatchObject({ data: { set: "masquerade4", flags: 0 } });
  });

  it("refuses with a sentence of its own", () => {
    const [message] = readMessages(golden("refusal-with-extack").bytes);
    expect(readAnswer(message!)).toEqual({ errno: 101, extack: "Nexthop has invalid gateway" });
  });

  it("refuses without one", () => {
    const message = readMessages(golden("refusal-without-extack").bytes).at(-1);
    expect(readAnswer(message!)).toEqual({ errno: 17 });
  });
});
