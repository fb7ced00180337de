// The upstream suite's cases of the bridge plugin (bridge_test.go of containernetworking/plugins) that are about the
// bridge itself. What they have in common is in upstream.ts; docs/parity.md maps upstream's cases to these.

import { describe, expect, it } from "vitest";
import { attachment } from "../support/network.ts";
import {
  add,
  addresses,
  atEach,
  conf,
  del,
  FAMILIES,
  haveNode,
  IPV4,
  IPV6,
  link,
  node,
  refused,
  VERSIONS,
} from "./upstream.ts";

haveNode();

describe("collectVlanTrunk", () => {
  it.each([
    ["B5", "no maxID", { minID: 100 }, "maxID is missing"],
    ["B6", "no minID", { maxID: 100 }, "minID is missing"],
    ["B7", "a negative minID", { minID: -100, maxID: 200 }, "incorrect trunk minID parameter"],
    ["B8", "a minID above 4094", { minID: 5000, maxID: 200 }, "incorrect trunk minID parameter"],
    ["B9", "a maxID above 4094", { minID: 100, maxID: 5000 }, "incorrect trunk maxID parameter"],
    ["B10", "a negative maxID", { minID: 100, maxID: -5 }, "incorrect trunk maxID parameter"],
    ["B11", "an id above 4094", { id: 5000 }, "incorrect trunk id parameter"],
    ["B12", "a negative id", { id: -100 }, "incorrect trunk id parameter"],
    ["B13", "maxID below minID", { minID: 200, maxID: 100 }, "minID is greater than maxID"],
  ])("%s refuses %s", (_id, _name, item, text) =>
    atEach(VERSIONS, (version) => {
      refused(conf(version, { vlanTrunk: [item] }), text);
      expect(node.run("ip", ["link", "show", "bridge0"]).status).not.toBe(0);
    }));
});

describe("the bridge", () => {
  it("B14 is created with the configured MTU and not promiscuous", () =>
    atEach(VERSIONS, (version) => {
      const config = conf(version, { mtu: 5000 });
      add(config);
      expect(link("bridge0")).toMatchObject({ mtu: 5000, promiscuity: 0, linkinfo: { info_kind: "bridge" } });
      del(config);
    }));

  it("B15 is the one that exists", () =>
    atEach(VERSIONS, (version) => {
      node.sh("ip link add bridge0 type bridge");
      const { ifindex } = link("bridge0");
      add(conf(version));
      expect(link("bridge0")).toMatchObject({ ifindex, flags: expect.arrayContaining(["UP"]) });
      del(conf(version));
    }));

  it.each([
    ["IPv4", "10.1.2.1/24", "10.2.3.1/24", IPV4],
    ["IPv6 that overlaps", "2001:db8::1/64", "2001:db8:0:1::1/48", IPV6],
  ])("B26 keeps an address in the way, with %s, unless forced", (_name, wanted, there, addressing) =>
    atEach(VERSIONS, (version) => {
      node.sh(`ip link add bridge0 type bridge; ip addr add ${there} dev bridge0 nodad`);
      const config = conf(version, { isGateway: true }, addressing);
      refused(config, `"bridge0" already has an IP address different from ${wanted}`);
      expect(addresses("bridge0", "global")).toEqual([there]);
      del(config);
      add({ ...config, ...{ forceAddress: true } });
      expect(addresses("bridge0", "global")).toEqual([wanted]);
      del(config);
    }));

  it("B26 has addresses of IPv6 networks that do not overlap side by side", () =>
    atEach(VERSIONS, (version) => {
      node.sh("ip link add bridge0 type bridge; ip addr add fd00:1234::1/64 dev bridge0 nodad");
      const config = conf(version, { isGateway: true }, IPV6);
      add(config);
      expect(addresses("bridge0", "global").sort()).toEqual(["2001:db8::1/64", "fd00:1234::1/64"]);
      del(config);
    }));

  it("B27 is promiscuous with promiscMode", () =>
    atEach(VERSIONS, (version) => {
      const config = conf(version, { promiscMode: true });
      add(config);
      expect(link("bridge0").promiscuity).toBe(1);
      del(config);
    }));

  it.each(FAMILIES)("B28 keeps its MAC while containers come and go, with %s", (_name, addressing) =>
    atEach(VERSIONS, (version) => {
      const config = conf(version, { isGateway: true }, addressing);
      const macs: string[] = [];
      const note = () => macs.push(link("bridge0").address);
      add(config);
      note();
      add(config, {
        containerId: "c2",
        netns: "/run/netns/c2",
        args: "IgnoreUnknown=1;MAC=02:00:00:00:00:01",
      });
      note();
      del(config);
      note();
      del(config, attachment("c2"));
      note();
      expect(new Set(macs).size).toBe(1);
    }));

  it.each(["bridge0", undefined])("B40 has VLAN ids from 0 to 4094, as bridge %s", (bridge) =>
    atEach(VERSIONS, (version) => {
      for (const vlan of [-100, 4095, 5000]) {
        const text = `invalid VLAN ID ${vlan} (must be between 0 and 4094)`;
        refused(conf(version, { vlan, bridge }), text);
      }
      if (bridge === undefined) return;
      add(conf(version, { vlan: 0, bridge }));
      del(conf(version, { vlan: 0, bridge }));
    }));
});
