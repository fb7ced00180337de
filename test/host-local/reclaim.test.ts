// Leases of the dead: what is a proof and what is none.
import { describe, expect, it } from "vitest";
import { EPERM } from "../../src/errno.ts";
import type { Caller } from "../../src/host-local/attachment-proof.ts";
import { FakeHost } from "../support/fake-host.ts";
import { add, addresses, type Call, dataDir, failure, leases, run } from "./call.ts";

const net = `${dataDir}/net`;
const later = "22222222-2222-4222-8222-222222222222";
/** Two addresses. */
const small: Call = {
  ipam: { ranges: [[{ subnet: "10.1.2.0/24", rangeStart: "10.1.2.2", rangeEnd: "10.1.2.3" }]] },
};

function reboot(host: FakeHost): void {
  host.restart();
  host.boot(later);
  host.uptime = 10;
  host.tick();
}

describe("after a reboot", () => {
  it("the first ADD frees what was held before it, and says so", () => {
    const host = new FakeHost();
    add(host, "a");
    add(host, "b");
    reboot(host);
    expect(addresses(host, "c")).toEqual(["10.1.2.4"]);
    expect(leases(host)).toEqual({ "10.1.2.4": "c\r\neth0" });
    expect(host.stderr).toBe(
      `cni-bridge: reclaimed 2 of ${net}: 10.1.2.2 (a/eth0, of an earlier boot), 10.1.2.3 (b/eth0, of an earlier boot)\n`,
    );
  });

  it("a second ADD frees nothing more", () => {
    const host = new FakeHost();
    add(host, "a");
    reboot(host);
    add(host, "b");
    host.stderr = "";
    add(host, "c");
    expect(leases(host)).toEqual({ "10.1.2.3": "b\r\neth0", "10.1.2.4": "c\r\neth0" });
    expect(host.stderr).toBe("");
  });

  it("frees leases of the reference that were seen before", () => {
    const host = new FakeHost();
    host.put(`${net}/10.1.2.9`, "r\r\neth0");
    add(host, "a");
    reboot(host);
    add(host, "b");
    expect(leases(host)).toEqual({ "10.1.2.3": "b\r\neth0" });
  });

  it("keeps leases nobody saw before: the reference may have made them in this boot", () => {
    const host = new FakeHost();
    add(host, "a");
    reboot(host);
    host.put(`${net}/10.1.2.9`, "r\r\neth0");
    add(host, "b");
    expect(Object.keys(leases(host))).toEqual(["10.1.2.3", "10.1.2.9"]);
  });

  it("keeps a lease that the reference gave the same container again in this boot", () => {
    const host = new FakeHost();
    add(host, "a");
    reboot(host);
    host.remove(`${net}/10.1.2.2`);
    host.put(`${net}/10.1.2.2`, "a\r\neth0");
    add(host, "b");
    expect(leases(host)).toEqual({ "10.1.2.2": "a\r\neth0", "10.1.2.3": "b\r\neth0" });
  });

  it.each<[string, (host: FakeHost) => void]>([
    [
      "on another machine that shares the directory",
      (host) => host.put("/etc/machine-id", `${"b".repeat(32)}\n`),
    ],
    ["on a machine that has no id", (host) => host.remove("/etc/machine-id")],
    ["on one whose id is not set yet", (host) => host.put("/etc/machine-id", "uninitialized\n")],
  ])("another boot id proves nothing %s", (_, change) => {
    const host = new FakeHost();
    add(host, "a");
    reboot(host);
    change(host);
    add(host, "b");
    expect(Object.keys(leases(host))).toEqual(["10.1.2.2", "10.1.2.3"]);
  });

  it("containers that come back get their addresses back, whoever comes first", () => {
    const host = new FakeHost();
    for (const id of ["a", "b", "c"]) add(host, id);
    reboot(host);
    expect(addresses(host, "new")).toEqual(["10.1.2.5"]);
    expect(addresses(host, "c")).toEqual(["10.1.2.4"]);
    expect(addresses(host, "a")).toEqual(["10.1.2.2"]);
    expect(addresses(host, "b")).toEqual(["10.1.2.3"]);
    expect(addresses(host, "next")).toEqual(["10.1.2.6"]);
  });

  it("reclaimed addresses need no cooldown", () => {
    const host = new FakeHost();
    const call = { ipam: { ...(small.ipam as object), cooldown: 60 } };
    add(host, "a", call);
    add(host, "b", call);
    reboot(host);
    expect(addresses(host, "c", call)).toEqual(["10.1.2.2"]);
    expect(host.stderr).not.toContain("cooldown");
  });

  it("a lease that cannot be removed stays, and keeps nobody else from an address", () => {
    const host = new FakeHost();
    add(host, "a");
    add(host, "b");
    reboot(host);
    const tried = host.clone();
    add(tried, "c");
    // The first removes what may be left of a stamp, the second is that of the first lease.
    const removals = tried.calls.flatMap((name, index) => (name === "unlinkat" ? [index + 1] : []));
    host.trap = { call: removals[1]!, errno: EPERM };
    expect(addresses(host, "c")).toEqual(["10.1.2.4"]);
    expect(leases(host)).toEqual({ "10.1.2.2": "a\r\neth0", "10.1.2.4": "c\r\neth0" });
    expect(host.stderr).toContain(
      `cannot reclaim 10.1.2.2: unlink ${net}/10.1.2.2: EPERM (operation not permitted)\n`,
    );
  });

  it("a lease of the old form goes with the others, told once", () => {
    const host = new FakeHost();
    add(host, "other");
    host.tick();
    host.put(`${net}/10.1.2.9`, "a");
    run(host, "CHECK", "other");
    run(host, "DEL", "nobody");
    reboot(host);
    expect(addresses(host, "a")).toEqual(["10.1.2.3"]);
    expect(host.stderr.match(/10\.1\.2\.9/g)).toHaveLength(1);
  });

  it("DEL and CHECK go by the leases, not by an index of the other boot", () => {
    const host = new FakeHost();
    add(host, "a");
    reboot(host);
    host.overwrite(`${net}/10.1.2.2`, "");
    expect(failure(() => run(host, "CHECK", "a")).code).toBe(102);
    run(host, "DEL", "a");
    expect(addresses(host, "b", small)).toEqual(["10.1.2.3"]);
    expect(addresses(host, "c", small)).toEqual(["10.1.2.2"]);
  });
});

describe("files that are no leases any more", () => {
  it.each<[string, string]>([
    ["empty", ""],
    ["blank", " \r\n"],
    ["filled with NUL", "\0\0\0\0"],
  ])("that are %s are freed before there are no addresses", (_, text) => {
    const host = new FakeHost();
    add(host, "a", small);
    host.put(`${net}/10.1.2.3`, text);
    expect(addresses(host, "b", small)).toEqual(["10.1.2.3"]);
    expect(host.stderr).toBe(`cni-bridge: reclaimed 1 of ${net}: 10.1.2.3 (an empty file)\n`);
  });

  it("are freed at once when their address is requested", () => {
    const host = new FakeHost();
    add(host, "a");
    host.put(`${net}/10.1.2.9`, "");
    expect(addresses(host, "b", { args: "IP=10.1.2.9" })).toEqual(["10.1.2.9"]);
  });

  it("stay while the holder that the index knows may live", () => {
    const host = new FakeHost();
    add(host, "a", small);
    add(host, "b", small);
    host.overwrite(`${net}/10.1.2.2`, "");
    expect(failure(() => add(host, "c", small)).code).toBe(101);
    expect(host.names(net)).toContain("10.1.2.2");
  });

  it("of a lease cut off by the end of the last boot are freed", () => {
    const host = new FakeHost();
    add(host, "abc");
    reboot(host);
    host.overwrite(`${net}/10.1.2.2`, "abc\r\ne");
    add(host, "b");
    expect(leases(host)).toEqual({ "10.1.2.3": "b\r\neth0" });
    expect(host.stderr).toContain("10.1.2.2 (what is left of the lease of abc/eth0, of an earlier boot)");
  });

  it("of the old form are somebody's in the boot they were written", () => {
    const host = new FakeHost();
    add(host, "abc", small);
    host.overwrite(`${net}/10.1.2.2`, "abc");
    add(host, "b", small);
    expect(failure(() => add(host, "c", small)).code).toBe(101);
    expect(leases(host)["10.1.2.2"]).toBe("abc");
  });

  it("but hold any other text are somebody's", () => {
    const host = new FakeHost();
    add(host, "a", small);
    host.put(`${net}/10.1.2.3`, "Reserved by hand");
    expect(failure(() => add(host, "b", small)).code).toBe(101);
  });
});

describe("a caller that makes the links", () => {
  const netns = "/run/netns/a";
  const links = new Set<string>();
  const caller = (netnsCookie: string): Caller => ({
    netnsCookie,
    homeCookie: "1",
    linkExists: (id, ifname) => links.has(`${id}/${ifname}`),
  });
  /** Both addresses held by containers of the bridge. */
  function full(): FakeHost {
    const host = new FakeHost();
    links.clear();
    for (const [id, cookie] of [
      ["a", 11n],
      ["b", 12n],
    ] as const) {
      host.putNetns(`/run/netns/${id}`, cookie);
      links.add(`${id}/eth0`);
      add(host, id, { ...small, netns: `/run/netns/${id}` }, caller(`${cookie}`));
    }
    return host;
  }
  const another = (host: FakeHost, as: Caller = caller("13")) =>
    addresses(host, "c", { ...small, netns: "/run/netns/c" }, as);

  it.each<[string, (host: FakeHost) => void]>([
    ["nothing leads to the namespace", (host) => host.remove(netns)],
    ["the path leads to another namespace", (host) => host.putNetns(netns, 99n)],
    ["the path is a plain file", (host) => host.put(netns, "")],
  ])("gets the address of a container without link when %s", (_, change) => {
    const host = full();
    change(host);
    links.delete("a/eth0");
    expect(another(host)).toEqual(["10.1.2.2"]);
    expect(host.stderr).toContain("10.1.2.2 (a/eth0, its namespace and its link are gone)");
  });

  it.each<[string, (host: FakeHost) => void]>([
    ["whose namespace lives", () => links.delete("a/eth0")],
    ["whose link exists", (host) => host.remove(netns)],
    [
      "whose namespace only has another inode",
      (host) => {
        links.delete("a/eth0");
        host.remove(netns);
        host.putNetns(netns, 11n);
      },
    ],
  ])("does not get the address of one %s", (_, change) => {
    const host = full();
    change(host);
    expect(failure(() => another(host)).message).toContain("no IP addresses available");
    expect(Object.keys(leases(host))).toEqual(["10.1.2.2", "10.1.2.3"]);
  });

  it("does not get the address of one that another namespace's plugin made", () => {
    const host = full();
    host.remove(netns);
    links.delete("a/eth0");
    const elsewhere = { ...caller("13"), homeCookie: "2" };
    expect(failure(() => another(host, elsewhere)).message).toContain("no IP addresses available");
  });

  it("does not count for one that knows no links", () => {
    const host = full();
    host.remove(netns);
    links.delete("a/eth0");
    expect(failure(() => another(host, {})).message).toContain("no IP addresses available");
  });

  it("lets the same container have its lease again once its namespace is dead", () => {
    const host = full();
    const again = () => addresses(host, "a", { ...small, netns }, caller("14"));
    expect(failure(again).message).toContain(
      "10.1.2.2 has been allocated to a, duplicate allocation is not allowed",
    );
    host.putNetns(netns, 14n);
    links.delete("a/eth0");
    expect(again()).toEqual(["10.1.2.2"]);
    expect(failure(again).message).toContain("duplicate allocation is not allowed");
  });
});
