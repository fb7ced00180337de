// The upstream suite's cases of the bridge plugin (bridge_test.go of containernetworking/plugins) that are about a
// container. What they have in common is in upstream.ts; docs/parity.md maps upstream's cases to these.

import { describe, expect, it } from "vitest";
import { leasesOf } from "../support/leases.ts";
import { attachment } from "../support/network.ts";
import {
  add,
  addresses,
  atEach,
  bare,
  call,
  conf,
  del,
  expectAdded,
  expectDefaultRoutes,
  expectDeleted,
  FAMILIES,
  haveNode,
  IPV4,
  link,
  node,
  refused,
  THREE,
  VERSIONS,
  WITH_CHECK,
  WITH_INTERFACES,
} from "./upstream.ts";

haveNode();

describe("a container", () => {
  it.each([
    ...FAMILIES,
    ["one IPv4 and two IPv6 subnets", THREE] as const,
  ])("B16 B24 is connected with a default route, and disconnected, with %s", (_name, addressing) =>
    atEach(addressing === THREE ? WITH_INTERFACES : VERSIONS, (version) => {
      const config = conf(version, { isDefaultGateway: true, ipMasq: false }, addressing);
      expectAdded(add(config), version, addressing);
      expectDefaultRoutes(addressing);
      del(config);
      expectDeleted();
    }));

  it("B16 has no two addresses of a family below version 0.3.0", () =>
    atEach(["0.1.0", "0.2.0"], (version) => {
      const config = conf(version, { isDefaultGateway: true }, THREE);
      refused(config, `CNI version ${version} does not support more than 1 address per family`);
      // Unlike upstream: what DEL does not need, it does not refuse.
      del(config);
      expectDeleted();
    }));

  it("B16 is given the name servers of resolvConf", () =>
    atEach(VERSIONS, (version) => {
      node.sh("printf 'nameserver 192.0.2.53\\n' >/run/resolv.conf");
      const ipam = { type: "host-local", subnet: "10.1.2.0/24", resolvConf: "/run/resolv.conf" };
      const config = conf(version, { isDefaultGateway: true, ipam });
      const ended = add(config);
      expectAdded(ended, version, IPV4);
      expect(ended.json.dns.nameservers).toEqual(["192.0.2.53"]);
      del(config);
    }));

  it("B17 is connected without addresses", () =>
    atEach(VERSIONS, (version) => {
      const { ipam: _none, ...config } = conf(version);
      if (version < "0.3.0") {
        refused(config, "cannot convert: no valid IP addresses");
        del(config);
        return expectDeleted();
      }
      const ended = add(config);
      expectAdded(ended, version, { subnets: [], gateways: [] });
      del(config);
      expectDeleted();
    }));

  it("B25 that never was is deleted", () =>
    atEach(VERSIONS, (version) => {
      del(conf(version, { isDefaultGateway: true }));
      expectDeleted();
    }));

  const macOf = {
    cniArgs: "c2:11:22:33:44:55",
    args: "c2:11:22:33:44:66",
    runtimeConfig: "c2:11:22:33:44:77",
  };
  const viaArgs = { args: `IgnoreUnknown=1;MAC=${macOf.cniArgs}` };
  const viaConfig = { args: { cni: { mac: macOf.args } } };
  it.each([
    ["B29 CNI_ARGS", {}, macOf.cniArgs],
    ["B30 args, before CNI_ARGS", viaConfig, macOf.args],
    [
      "B31 RuntimeConfig, before both",
      { ...viaConfig, RuntimeConfig: { mac: macOf.runtimeConfig } },
      macOf.runtimeConfig,
    ],
  ])("has the MAC of %s", (_name, more, mac) =>
    atEach(VERSIONS, (version) => {
      add(conf(version, more), viaArgs);
      expect(link("eth0", "c1").address).toBe(mac);
      del(conf(version, more), viaArgs);
      expectDeleted();
    }));

  it("B32 that cannot be connected gives its address back", () =>
    atEach(VERSIONS, (version) => {
      const leases = () => [...leasesOf(node, "testConfig").keys()];
      add(conf(version), attachment("c2"));
      const before = leases();
      expect(before).toHaveLength(1);
      const routes = [{ dst: "203.0.113.0/24", gw: "198.51.100.1" }];
      const ipam = { ...conf(version).ipam, routes };
      refused(conf(version, { ipam }), "");
      expect(leases()).toEqual(before);
      del(conf(version), attachment("c2"));
    }));

  it.each([
    ["unset", undefined, "table inet cni-bridge"],
    ["iptables", "iptables", "CNI-"],
    ["nftables", "nftables", "table inet cni-bridge"],
  ])("B33 is masqueraded, and no longer, with ipMasqBackend %s", (_name, ipMasqBackend, text) =>
    atEach(VERSIONS, (version) => {
      const config = conf(version, { isGateway: true, ipMasq: true, ipMasqBackend });
      const { json } = add(config);
      const address = bare(json.ips?.[0].address ?? json.ip4.ip);
      const rules = () => node.sh("nft list ruleset");
      expect(rules()).toContain(text);
      expect(rules()).toMatch(new RegExp(`\\b${address.replaceAll(".", "\\.")}\\b`));
      del(config);
      expect(rules()).not.toMatch(new RegExp(`\\b${address.replaceAll(".", "\\.")}\\b`));
    }));

  it.each(FAMILIES)("B34 passes CHECK after ADD, with %s", (_name, addressing) =>
    atEach(WITH_CHECK, (version) => {
      const config = conf(version, { isDefaultGateway: true }, addressing);
      const ended = add(config);
      const checked = node.plugin("bridge", "CHECK", { ...config, prevResult: ended.json }, call());
      expect(checked, `${version}: ${checked.stdout}`).toMatchObject({ status: 0, stdout: "" });
      del(config);
      expectDeleted();
    }));

  it("B35 has its spoof check, and no longer after DEL", () =>
    atEach(VERSIONS, (version) => {
      const config = conf(version, { macspoofchk: true });
      const count = () => {
        const lines = node.sh("nft list table bridge nat").split("\n");
        const of = (chain: string) => {
          const from = lines.findIndex((line) => line.trim() === `chain ${chain} {`);
          const end = lines.findIndex((line, index) => index > from && line.trim() === "}");
          return from < 0
            ? 0
            : lines.slice(from, end).filter((line) => line.includes("macspoofchk-c1-eth0")).length;
        };
        return ["PREROUTING", "cni-br-iface-c1-eth0", "cni-br-iface-c1-eth0-mac"].map(of);
      };
      add(config);
      expect(count()).toEqual([1, 1, 2]);
      del(config);
      expect(count()).toEqual([0, 0, 0]);
    }));

  it("B36 is refused with IPAM and disableContainerInterface", () =>
    atEach(VERSIONS, (version) => {
      const before = node.snapshot();
      refused(
        conf(version, { disableContainerInterface: true }),
        "cannot use IPAM when DisableContainerInterface flag is set",
      );
      expect(node.snapshot()).toEqual(before);
    }));

  it("B37 has its interface down with disableContainerInterface", () =>
    atEach(WITH_INTERFACES, (version) => {
      const { ipam: _none, ...config } = conf(version, { disableContainerInterface: true });
      add(config);
      expect(link("eth0", "c1").flags).not.toContain("UP");
      expect(link("eth0", "c1").operstate).not.toBe("UP");
      expect(addresses("eth0", "link", "c1")).toEqual([]);
      del(config);
      expectDeleted();
    }));

  it.each([
    ["B38", "not isolated by itself", undefined, false],
    ["B38", "not isolated with portIsolation off", false, false],
    ["B39", "isolated with portIsolation", true, true],
  ])("%s is %s", (_id, _name, portIsolation, isolated) =>
    atEach(VERSIONS, (version) => {
      const config = conf(version, { isDefaultGateway: true, portIsolation });
      expectAdded(add(config), version, IPV4, isolated);
      del(config);
      expectDeleted();
    }));
});
