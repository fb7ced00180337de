// What each verb of host-local does beyond the reference, and its errors.

import { describe, expect, it } from "vitest";
import { hostLocal } from "../../src/host-local/plugin.ts";
import { FakeHost } from "../support/fake-host.ts";
import { add, addresses, type Call, dataDir, failure, leases, requestOf, run } from "./call.ts";

const net = `${dataDir}/net`;
const subnet = "10.1.2.0/24";
const twoSets = { ranges: [[{ subnet }], [{ subnet: "2001:db8::/64" }]] };

describe("ADD", () => {
  it("needs no namespace", () => {
    expect(addresses(new FakeHost(), "a", { netns: "/nonexistent" })).toEqual(["10.1.2.2"]);
  });

  it("takes all addresses or none", () => {
    const host = new FakeHost();
    const ipam = { ranges: [[{ subnet }], [{ subnet: "10.3.0.0/30" }]] };
    add(host, "a", { ipam });
    expect(failure(() => add(host, "b", { ipam })).message).toContain(
      "failed to allocate for range 1: no IP addresses",
    );
    expect(Object.values(leases(host))).toEqual(["a\r\neth0", "a\r\neth0"]);
  });

  it("keeps the container's leases when a request for more fails", () => {
    const host = new FakeHost();
    const held = { ipam: twoSets };
    add(host, "a", held);
    const before = leases(host);
    const more = { runtimeConfig: { ips: ["10.1.2.50", "2001:db8::50"] } };
    expect(failure(() => add(host, "a", { ...held, more })).message).toContain(
      "duplicate allocation is not allowed",
    );
    expect(leases(host)).toEqual(before);
    const wider = { ipam: { ranges: [[{ subnet: "10.9.0.0/24" }], ...twoSets.ranges] }, more };
    expect(failure(() => add(host, "a", wider)).message).toContain("failed to allocate for range 1");
    expect(leases(host)).toEqual(before);
  });

  it("adds to the leases that the container holds of other ranges", () => {
    const host = new FakeHost();
    add(host, "a");
    expect(addresses(host, "a", { ipam: { subnet: "10.9.0.0/24" } })).toEqual(["10.9.0.2"]);
    run(host, "DEL", "a");
    expect(leases(host)).toEqual({});
  });

  it("leaves nothing when the result could not be handed over", () => {
    const host = new FakeHost();
    add(host, "a");
    const { undo } = hostLocal.ADD(host, requestOf("ADD", "b", { ipam: twoSets }));
    expect(Object.values(leases(host))).toContain("b\r\neth0");
    undo();
    expect(leases(host)).toEqual({ "10.1.2.2": "a\r\neth0" });
  });

  it("says who holds a requested address, and that the namespace is gone", () => {
    const host = new FakeHost();
    add(host, "a", { netns: "/run/netns/a" });
    expect(failure(() => add(host, "b", { args: "IP=10.1.2.2" }))).toEqual({
      code: 101,
      message:
        "failed to allocate for range 0: requested IP address 10.1.2.2 is not available in range set 10.1.2.1-10.1.2.254: " +
        "10.1.2.2 is held by a/eth0 since 2027-01-15T08:00:00Z, namespace gone",
    });
    host.put(`${net}/10.1.2.9/x`, "");
    expect(failure(() => add(host, "b", { args: "IP=10.1.2.9" })).message).toContain(
      `10.1.2.9 is held by ${net}/10.1.2.9, which is not a lease file`,
    );
  });

  it("passes over what is no file in place of a lease", () => {
    const host = new FakeHost();
    host.put(`${net}/10.1.2.2/x`, "");
    host.putLink(`${net}/10.1.2.3`, "/etc/machine-id");
    expect(addresses(host, "a")).toEqual(["10.1.2.4"]);
  });

  it("never gives out what is excluded, single or CIDR", () => {
    const host = new FakeHost();
    const ipam = { subnet: "10.1.2.0/28", exclude: ["10.1.2.2", "10.1.2.4/30", "10.1.2.8/29"] };
    expect(addresses(host, "a", { ipam })).toEqual(["10.1.2.3"]);
    expect(failure(() => add(host, "b", { ipam })).message).toContain("1 of 1 in use in 10.1.2.1-10.1.2.14");
    expect(failure(() => add(host, "b", { ipam, args: "IP=10.1.2.5" })).message).toContain(
      "ipam.exclude holds it",
    );
  });

  it("reads resolvConf before it takes anything", () => {
    const host = new FakeHost();
    expect(failure(() => add(host, "a", { ipam: { subnet, resolvConf: "/etc/none" } }))).toEqual({
      code: 5,
      message: "ipam.resolvConf: open /etc/none: ENOENT (no such file or directory)",
    });
    expect(host.names(dataDir)).toEqual([]);
  });

  const small = { subnet, rangeStart: "10.1.2.2", rangeEnd: "10.1.2.4", cooldown: 60 };
  it("lets a released address rest for the cooldown", () => {
    const host = new FakeHost();
    const call = { ipam: small };
    add(host, "a", call);
    run(host, "DEL", "a", call);
    add(host, "b", call);
    add(host, "c", call);
    run(host, "DEL", "c", call);
    host.tick(50_000);
    // Next in the round is .2, which has rested for 50 s, then .4, which too.
    expect(addresses(host, "d", call)).toEqual(["10.1.2.2"]);
    expect(host.stderr).toBe(
      "cni-bridge: cooldown given up: 10.1.2.2 is used again 10.0 s early, no other address of 10.1.2.2-10.1.2.4 is free\n",
    );
  });

  it("uses an address that has rested without a word", () => {
    const host = new FakeHost();
    const call = { ipam: small };
    for (const id of ["a", "b", "c"]) add(host, id, call);
    run(host, "DEL", "b", call);
    host.tick(60_001);
    run(host, "DEL", "a", call);
    expect(addresses(host, "d", call)).toEqual(["10.1.2.3"]);
    expect(host.stderr).toBe("");
  });

  const named = (pod: string): Call => ({
    ipam: { subnet, sticky: true },
    args: `IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=${pod}`,
  });
  it("gives a name its last address again while that is free", () => {
    const host = new FakeHost();
    expect(addresses(host, "a1", named("web-0"))).toEqual(["10.1.2.2"]);
    run(host, "DEL", "a1", named("web-0"));
    expect(addresses(host, "b1", named("web-1"))).toEqual(["10.1.2.3"]);
    expect(addresses(host, "a2", named("web-0"))).toEqual(["10.1.2.2"]);
    expect(addresses(host, "c1", named("web-2"))).toEqual(["10.1.2.4"]);
    run(host, "DEL", "a2", named("web-0"));
    add(host, "x", { ...named("x"), args: `${named("x").args};IP=10.1.2.2` });
    // Its address went to another name in the meantime.
    expect(addresses(host, "a3", named("web-0"))).toEqual(["10.1.2.5"]);
  });

  it("does not stick to names unless told to", () => {
    const host = new FakeHost();
    const call = { ...named("web-0"), ipam: { subnet } };
    add(host, "a1", call);
    run(host, "DEL", "a1", call);
    expect(addresses(host, "a2", call)).toEqual(["10.1.2.3"]);
  });
});

describe("DEL", () => {
  it("makes nothing where there is no store", () => {
    const host = new FakeHost();
    const before = host.dump();
    run(host, "DEL", "a");
    expect(host.dump()).toBe(before);
  });

  it.each<[string, Call]>([
    ["bad ranges", { ipam: { ranges: [[{ subnet: "x" }]] } }],
    ["no ranges", { ipam: {} }],
    ["no ipam", { ipam: null }],
    ["a bad requested address", { args: "IP=zz", more: { runtimeConfig: { ips: [null, 5] } } }],
    ["a range that is null", { ipam: { ranges: [[null], null] } }],
    ["a bad cooldown", { ipam: { subnet, cooldown: "x" } }],
    ["a resolvConf that is gone", { ipam: { subnet, resolvConf: "/nowhere" } }],
  ])("releases with %s", (_, call) => {
    const host = new FakeHost();
    add(host, "a");
    run(host, "DEL", "a", call);
    expect(leases(host)).toEqual({});
  });

  it("releases every set's lease, and again without complaint", () => {
    const host = new FakeHost();
    add(host, "a", { ipam: twoSets });
    run(host, "DEL", "a", { ipam: twoSets });
    run(host, "DEL", "a", { ipam: twoSets });
    expect(leases(host)).toEqual({});
  });

  it("releases where somebody removed the lock", () => {
    const host = new FakeHost();
    add(host, "a");
    host.remove(`${net}/lock`);
    run(host, "DEL", "a");
    expect(leases(host)).toEqual({});
  });
});

describe("CHECK", () => {
  const prevResult = (...ips: object[]) => ({
    cniVersion: "1.1.0",
    interfaces: [{ name: "br" }, { name: "eth0", sandbox: "/n" }, { name: "eth1", sandbox: "/n" }],
    ips,
  });
  const check = (host: FakeHost, prev?: object, call: Call = {}) =>
    run(host, "CHECK", "a", { ...call, more: { prevResult: prev } });

  it("finds the address of prevResult", () => {
    const host = new FakeHost();
    add(host, "a");
    check(host, prevResult({ address: "10.1.2.2/24", interface: 1 }));
    check(host);
  });

  it.each<[string, object]>([
    ["of other ranges", { address: "192.168.7.7/24" }],
    ["of another interface", { address: "10.1.2.77/24", interface: 2 }],
  ])("ignores addresses %s", (_, ip) => {
    const host = new FakeHost();
    add(host, "a");
    check(host, prevResult({ address: "10.1.2.2/24" }, ip));
  });

  it.each<[string, string, string]>([
    ["that nobody holds", "10.1.2.9/24", "10.1.2.9 is not held by anyone"],
    ["that another holds", "10.1.2.3/24", "10.1.2.3 is held by b/eth0 since 2027-01-15T08:00:00Z"],
  ])("misses an address %s, though the container holds some", (_, address, why) => {
    const host = new FakeHost();
    add(host, "a");
    add(host, "b");
    expect(failure(() => check(host, prevResult({ address })))).toEqual({
      code: 102,
      message: `host-local: Failed to find address added by container a: ${why}`,
    });
  });

  it("fails without a store, and makes none", () => {
    const host = new FakeHost();
    const before = host.dump();
    expect(failure(() => check(host))).toEqual({
      code: 102,
      message: "host-local: Failed to find address added by container a",
    });
    expect(host.dump()).toBe(before);
  });
});

describe("GC", () => {
  const key = "cni.dev/valid-attachments";
  function four(): FakeHost {
    const host = new FakeHost();
    add(host, "a");
    add(host, "a", { ifname: "eth1" });
    add(host, "b");
    host.put(`${net}/10.1.2.9`, "old");
    host.put(`${net}/notes`, "b\r\neth0");
    return host;
  }
  const all = ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.9"];
  it.each<[string, object, string[]]>([
    ["frees nothing without a list", {}, all],
    ["frees nothing with null", { [key]: null }, all],
    ["frees all with an empty list", { [key]: [] }, []],
    ["goes by container and interface", { [key]: [{ containerID: "a", ifname: "eth1" }] }, ["10.1.2.3"]],
    [
      "goes by the older key",
      { "cni.dev/attachments": [{ containerID: "b", ifname: "eth0" }] },
      ["10.1.2.4"],
    ],
    [
      "keeps a lease of the old form for any interface",
      { [key]: [{ containerID: "old", ifname: "eth7" }] },
      ["10.1.2.9"],
    ],
  ])("%s", (_, more, left) => {
    const host = four();
    run(host, "GC", "", { more });
    expect(Object.keys(leases(host))).toEqual(left);
    expect(host.names(net)).toEqual(expect.arrayContaining(["last_reserved_ip.0", "lock", "notes"]));
  });

  it("frees nothing when part of the list cannot be read", () => {
    const host = four();
    expect(failure(() => run(host, "GC", "", { more: { [key]: [{ containerID: "a" }] } })).code).toBe(7);
    expect(Object.keys(leases(host))).toEqual(all);
  });

  it("makes nothing where there is no store", () => {
    const host = new FakeHost();
    const before = host.dump();
    run(host, "GC", "", { more: { [key]: [] } });
    expect(host.dump()).toBe(before);
  });

  it("leaves other networks alone", () => {
    const host = four();
    add(host, "z", { name: "other" });
    run(host, "GC", "", { more: { [key]: [] } });
    expect(Object.keys(leases(host, "other"))).toEqual(["10.1.2.2"]);
  });
});
