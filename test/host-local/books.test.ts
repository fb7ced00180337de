// The index by attachment: what it costs, and that it is never believed when somebody else wrote.
import { describe, expect, it } from "vitest";
import { FakeHost } from "../support/fake-host.ts";
import { add, addresses, type Call, dataDir, failure, leases, run } from "./call.ts";

const net = `${dataDir}/net`;
const wide: Call = { ipam: { subnet: "10.0.0.0/12" } };

/** A store whose index knows `count` leases of others. */
function populated(count: number): FakeHost {
  const host = new FakeHost();
  for (let n = 0; n < count; n++)
    host.put(`${net}/10.${8 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`, `other${n}\r\neth0`);
  add(host, "first", wide);
  host.tick();
  return host;
}

function callsOf(host: FakeHost, act: () => void): string[] {
  host.restart();
  act();
  return host.calls;
}

describe("what a call costs", () => {
  const few = populated(10);
  const many = populated(3000);
  it.each<[string, (host: FakeHost) => void]>([
    ["ADD", (host) => add(host, "new", wide)],
    ["CHECK", (host) => run(host, "CHECK", "new", wide)],
    ["DEL", (host) => run(host, "DEL", "new", wide)],
    ["DEL of an unknown container", (host) => run(host, "DEL", "nobody", wide)],
    ["ADD with a requested address", (host) => add(host, "new", { ...wide, args: "IP=10.7.7.7" })],
    ["DEL after it", (host) => run(host, "DEL", "new", wide)],
  ])("%s makes the same calls with 10 and with 3000 leases, and lists nothing", (_, act) => {
    const calls = callsOf(few, () => act(few));
    expect(callsOf(many, () => act(many))).toEqual(calls);
    expect(calls).not.toContain("list");
  });

  it("an ADD beside a long run of taken addresses lists the directory once", () => {
    const host = populated(3000);
    host.overwrite(`${net}/last_reserved_ip.0`, "10.7.255.255");
    host.restart();
    expect(addresses(host, "new", wide)).toEqual(["10.8.11.184"]);
    expect(host.calls.filter((name) => name === "list")).toHaveLength(1);
    expect(host.calls.length).toBeLessThan(100);
  });
});

describe("what others write", () => {
  it("is seen although it was written in the same tick as our own change", () => {
    const host = new FakeHost();
    add(host, "ours");
    host.put(`${net}/10.1.2.7`, "theirs\r\neth0");
    run(host, "DEL", "theirs");
    expect(leases(host)).toEqual({ "10.1.2.2": "ours\r\neth0" });
  });

  it("and unlinks is not believed to be there", () => {
    const host = new FakeHost();
    add(host, "ours");
    host.remove(`${net}/10.1.2.2`);
    expect(failure(() => run(host, "CHECK", "ours")).code).toBe(102);
    expect(addresses(host, "ours")).toEqual(["10.1.2.3"]);
  });

  it("and gives to another is not released by a late DEL of ours", () => {
    const host = new FakeHost();
    add(host, "ours");
    host.remove(`${net}/10.1.2.2`);
    host.put(`${net}/10.1.2.2`, "theirs\r\neth0");
    run(host, "DEL", "ours");
    expect(leases(host)).toEqual({ "10.1.2.2": "theirs\r\neth0" });
  });

  it("is not overlooked when the clock is set back", () => {
    const host = new FakeHost();
    add(host, "ours");
    host.now -= 3_600_000;
    host.put(`${net}/10.1.2.7`, "theirs\r\neth0");
    run(host, "DEL", "theirs");
    expect(leases(host)).toEqual({ "10.1.2.2": "ours\r\neth0" });
  });

  it.each(["eth0", "eth1"])("in the old form is released by DEL of any interface (%s)", (ifname) => {
    const host = new FakeHost();
    add(host, "ours");
    host.tick();
    host.put(`${net}/10.1.2.7`, "old");
    run(host, "DEL", "old", { ifname });
    expect(leases(host)).toEqual({ "10.1.2.2": "ours\r\neth0" });
  });

  it("in the old form stays while there is a lease of the exact interface, as with the reference", () => {
    const host = new FakeHost();
    add(host, "c");
    host.tick();
    host.put(`${net}/10.1.2.7`, "c");
    run(host, "DEL", "c");
    expect(leases(host)).toEqual({ "10.1.2.7": "c" });
    run(host, "DEL", "c");
    expect(leases(host)).toEqual({});
  });

  it("with a bare line feed is nobody's of ours", () => {
    const host = new FakeHost();
    add(host, "ours");
    host.tick();
    host.put(`${net}/10.1.2.7`, "c\neth0");
    run(host, "DEL", "c");
    expect(leases(host)["10.1.2.7"]).toBe("c\neth0");
  });

  it("is left alone where it is no lease, even with the container's id in it", () => {
    const host = new FakeHost();
    add(host, "10.1.2.2");
    host.put(`${net}/notes`, "10.1.2.2\r\neth0");
    run(host, "DEL", "10.1.2.2");
    expect(host.get(`${net}/notes`)).toBe("10.1.2.2\r\neth0");
    // The reference would take this file, whose content is the container's id, for a lease of the old form.
    run(host, "DEL", "10.1.2.2");
    expect(host.get(`${net}/last_reserved_ip.0`)).toBe("10.1.2.2");
  });
});

describe("the index", () => {
  it.each(["ADD", "DEL", "CHECK"] as const)("can be deleted at any time: %s", (verb) => {
    const host = new FakeHost();
    add(host, "a");
    add(host, "b");
    for (const name of host.names(`${net}/.cni-bridge`)) host.remove(`${net}/.cni-bridge/${name}`);
    host.remove(`${net}/.cni-bridge`);
    if (verb === "ADD") expect(addresses(host, "c")).toEqual(["10.1.2.4"]);
    else run(host, verb, "a");
    expect(Object.keys(leases(host))).toEqual(
      { ADD: ["10.1.2.2", "10.1.2.3", "10.1.2.4"], DEL: ["10.1.2.3"], CHECK: ["10.1.2.2", "10.1.2.3"] }[verb],
    );
  });

  it("holds nothing that a reader of leases could take for one", () => {
    const host = new FakeHost();
    add(host, "a");
    add(host, "b");
    for (const name of host.names(`${net}/.cni-bridge`)) {
      expect(name).not.toMatch(/^[0-9a-f.:]+$/);
      expect(host.get(`${net}/.cni-bridge/${name}`)).toMatch(/^\{/);
    }
  });

  it.each([
    ["a file", (host: FakeHost) => host.put(`${net}/.cni-bridge`, "")],
    ["a link to a directory", (host: FakeHost) => host.putLink(`${net}/.cni-bridge`, "/etc")],
    ["a link to itself", (host: FakeHost) => host.putLink(`${net}/.cni-bridge`, ".cni-bridge")],
  ])("can be %s: nobody goes through it, and who writes replaces it", (_, plant) => {
    const host = new FakeHost();
    host.put(`${net}/10.1.2.2`, "a\r\neth0");
    plant(host);
    const before = [host.names("/etc"), host.get(`${net}/.cni-bridge`)];
    run(host, "CHECK", "a");
    expect([host.names("/etc"), host.get(`${net}/.cni-bridge`)]).toEqual(before);
    run(host, "DEL", "a");
    expect(leases(host)).toEqual({});
    expect(addresses(host, "b")).toEqual(["10.1.2.2"]);
    expect(host.names("/etc")).toEqual(before[0]);
    expect(host.names(`${net}/.cni-bridge`)).toContain("stamp");
  });

  it.each<[string, (entry: Record<string, unknown>) => unknown]>([
    ["no object", () => "x"],
    ["an owner that is no text", (entry) => ({ ...entry, containerId: { toString: 1 } })],
    ["a namespace that is no text", (entry) => ({ ...entry, netns: [] })],
    ["leases that are no list", (entry) => ({ ...entry, leases: { length: 1 } })],
    ["a lease that is null", (entry) => ({ ...entry, leases: [null] })],
    [
      "a lease outside of the directory",
      (entry) => ({ ...entry, leases: [{ name: "../../x", ino: 1, mtimeMs: 1 }] }),
    ],
    ["a stamp's time that is text", (entry) => ({ ...entry, mtimeMs: "1" })],
    ["a boot that is missing", ({ boot: _, ...entry }) => entry],
  ])("with entries damaged is as good as none: %s", (_, damage) => {
    for (const verb of ["ADD", "CHECK", "DEL"] as const) {
      const host = new FakeHost();
      add(host, "a");
      add(host, "b");
      for (const name of host.names(`${net}/.cni-bridge`)) {
        const path = `${net}/.cni-bridge/${name}`;
        const entry = JSON.parse(host.get(path)!);
        host.remove(path);
        host.putLink(path, JSON.stringify(damage(entry)));
      }
      if (verb === "ADD") expect(addresses(host, "c")).toEqual(["10.1.2.4"]);
      else run(host, verb, "a");
      expect(Object.values(leases(host))).toEqual(
        (verb === "DEL" ? ["b"] : verb === "ADD" ? ["a", "b", "c"] : ["a", "b"]).map((id) => `${id}\r\neth0`),
      );
    }
  });

  it("is not written by CHECK", () => {
    const host = new FakeHost();
    add(host, "a");
    host.tick();
    host.put(`${net}/10.1.2.7`, "theirs\r\neth0");
    const before = host.dump();
    const modified = host.modified(net);
    run(host, "CHECK", "theirs");
    expect(host.dump()).toBe(before);
    expect(host.modified(net)).toBe(modified);
  });

  it("takes container ids of 300 characters", () => {
    const host = new FakeHost();
    const id = "x".repeat(300);
    add(host, id);
    add(host, `${id}y`);
    run(host, "DEL", id);
    expect(leases(host)).toEqual({ "10.1.2.3": `${id}y\r\neth0` });
  });
});
