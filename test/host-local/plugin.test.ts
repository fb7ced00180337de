// The reference's host_local_test.go (H1–H11), each case by its number there.
import { describe, expect, it } from "vitest";
import { FakeHost } from "../support/fake-host.ts";
import { add, addresses, dataDir, failure, leases, run } from "./call.ts";

const versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
const modern = versions.slice(2);

describe.each(versions)("host-local with cniVersion %s", (cniVersion) => {
  it("H1 allocates and releases addresses with ADD and DEL", () => {
    const host = new FakeHost();
    host.put("/etc/resolv.conf", "nameserver 192.0.2.3");
    const ipam = {
      resolvConf: "/etc/resolv.conf",
      ranges: [[{ subnet: "10.1.2.0/24" }, { subnet: "10.2.2.0/24" }], [{ subnet: "2001:db8:1::/64" }]],
      routes: [
        { dst: "0.0.0.0/0" },
        { dst: "::/0" },
        { dst: "192.168.0.0/16", gw: "1.1.1.1" },
        { dst: "2001:db8:2::0/64", gw: "2001:db8:3::1" },
      ],
    };
    expect(add(host, "dummy", { ipam, cniVersion })).toEqual({
      interfaces: [],
      ips: [
        { address: "10.1.2.2/24", gateway: "10.1.2.1" },
        { address: "2001:db8:1::2/64", gateway: "2001:db8:1::1" },
      ],
      routes: [
        { dst: "0.0.0.0/0" },
        { dst: "::/0" },
        { dst: "192.168.0.0/16", gw: "1.1.1.1" },
        { dst: "2001:db8:2::/64", gw: "2001:db8:3::1" },
      ],
      dns: { nameservers: ["192.0.2.3"] },
    });
    expect(leases(host)).toEqual({ "10.1.2.2": "dummy\r\neth0", "2001:db8:1::2": "dummy\r\neth0" });
    expect(host.get(`${dataDir}/net/last_reserved_ip.0`)).toBe("10.1.2.2");
    expect(host.get(`${dataDir}/net/last_reserved_ip.1`)).toBe("2001:db8:1::2");
    run(host, "DEL", "dummy", { ipam, cniVersion });
    expect(leases(host)).toEqual({});
    expect(host.get(`${dataDir}/net/last_reserved_ip.0`)).toBe("10.1.2.2");
  });

  it("H2 keeps interfaces and networks apart", () => {
    const host = new FakeHost();
    const one = { name: "net0", cniVersion, ipam: { subnet: "10.1.2.0/24" } };
    const two = { name: "net1", cniVersion, ifname: "eth1", ipam: { subnet: "10.2.2.0/24" } };
    expect(addresses(host, "dummy", one)).toEqual(["10.1.2.2"]);
    expect(addresses(host, "dummy", two)).toEqual(["10.2.2.2"]);
    run(host, "DEL", "dummy", one);
    expect(leases(host, "net0")).toEqual({});
    expect(leases(host, "net1")).toEqual({ "10.2.2.2": "dummy\r\neth1" });
    run(host, "DEL", "dummy", two);
    expect(leases(host, "net1")).toEqual({});
  });

  it("H3 refuses a second ADD of the same container and interface, not one of another", () => {
    const host = new FakeHost();
    expect(addresses(host, "dummy-0", { cniVersion })).toEqual(["10.1.2.2"]);
    expect(failure(() => add(host, "dummy-0", { cniVersion }))).toEqual({
      code: 101,
      message:
        "failed to allocate for range 0: 10.1.2.2 has been allocated to dummy-0, duplicate allocation is not allowed",
    });
    expect(addresses(host, "dummy-1", { cniVersion })).toEqual(["10.1.2.3"]);
    expect(addresses(host, "dummy-0", { cniVersion, ifname: "eth1" })).toEqual(["10.1.2.4"]);
    for (const id of ["dummy-0", "dummy-1"]) run(host, "DEL", id, { cniVersion });
    expect(leases(host)).toEqual({ "10.1.2.4": "dummy-0\r\neth1" });
  });

  it("H4 releases a lease of the old form, the id alone", () => {
    const host = new FakeHost();
    add(host, "dummy", { cniVersion });
    host.overwrite(`${dataDir}/net/10.1.2.2`, "dummy");
    run(host, "DEL", "dummy", { cniVersion });
    expect(leases(host)).toEqual({});
  });

  it("H5 succeeds in DEL of an unknown container", () => {
    const host = new FakeHost();
    add(host, "dummy", { cniVersion });
    run(host, "DEL", "nobody", { cniVersion });
    expect(leases(host)).toEqual({ "10.1.2.2": "dummy\r\neth0" });
  });

  it("H6 ignores blanks around the content of a lease", () => {
    const host = new FakeHost();
    add(host, "first", { cniVersion });
    host.tick();
    host.put(`${dataDir}/net/10.1.2.9`, "   dummy\r\neth0\n ");
    run(host, "DEL", "dummy", { cniVersion });
    expect(leases(host)).toEqual({ "10.1.2.2": "first\r\neth0" });
  });

  it("H7 says nothing when a subnet is used for the first time", () => {
    const host = new FakeHost();
    add(host, "dummy", { cniVersion });
    expect(host.stdout + host.stderr).toBe("");
  });

  it("H8 gives the address that args.cni.ips asks for", () => {
    const more = { args: { cni: { ips: ["10.1.2.88"] } } };
    expect(addresses(new FakeHost(), "dummy", { cniVersion, more })).toEqual(["10.1.2.88"]);
  });

  it("H9 gives one requested address of each set", () => {
    const ipam = { ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "10.1.3.0/24" }]] };
    const more = { args: { cni: { ips: ["10.1.2.88", "10.1.3.77"] } } };
    const call = { cniVersion, ipam, more };
    if (modern.includes(cniVersion)) {
      expect(addresses(new FakeHost(), "dummy", call)).toEqual(["10.1.2.88", "10.1.3.77"]);
      return;
    }
    expect(failure(() => add(new FakeHost(), "dummy", call)).message).toContain(
      `CNI version ${cniVersion} does not support more than 1 address per family`,
    );
  });

  it("H10 gives requested addresses of both families, from any range of a set", () => {
    const ipam = {
      ranges: [[{ subnet: "172.16.1.0/24" }, { subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:1::/48" }]],
    };
    // The set's subnet is written with host bits unset, 2001:db8:1::/48.
    const more = { args: { cni: { ips: ["10.1.2.88", "2001:db8:1::999"] } } };
    expect(addresses(new FakeHost(), "dummy", { cniVersion, ipam, more })).toEqual([
      "10.1.2.88",
      "2001:db8:1::999",
    ]);
  });

  it("H11 fails when a requested address is left over, and keeps nothing", () => {
    const host = new FakeHost();
    const more = { args: { cni: { ips: ["10.1.2.88", "10.1.2.77"] } } };
    const ipam = { ranges: [[{ subnet: "10.1.2.0/24" }]] };
    const { code, message } = failure(() => add(host, "dummy", { cniVersion, ipam, more }));
    expect(code).toBe(101);
    expect(message).toMatch(/^failed to allocate all requested IPs: 10\.1\.2\./);
    expect(leases(host)).toEqual({});
  });
});
