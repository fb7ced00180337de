// What every verb relies on: the lock, the directory, and a store that no errno leaves wrong.

import { constants } from "node:os";
import { describe, expect, it } from "vitest";
import * as errnos from "../../src/errno.ts";
import { hostLocal } from "../../src/host-local/plugin.ts";
import { FakeHost } from "../support/fake-host.ts";
import { add, dataDir, failure, leases, requestOf, run } from "./call.ts";

const net = `${dataDir}/net`;
const subnet = "10.1.2.0/24";
const twoSets = { ranges: [[{ subnet }], [{ subnet: "2001:db8::/64" }]] };

describe("the lock", () => {
  function held(): FakeHost {
    const host = new FakeHost();
    add(host, "a");
    host.lockedByOthers.add("lock");
    return host;
  }
  it.each<["ADD" | "DEL" | "CHECK" | "GC", number]>([
    ["ADD", 30_000],
    ["DEL", 30_000],
    ["CHECK", 30_000],
    ["GC", 30_000],
  ])("is waited for by %s no longer than the default, %i ms", (verb, ms) => {
    const host = held();
    const before = host.uptime;
    const more = { "cni.dev/valid-attachments": [] };
    expect(failure(() => hostLocal[verb](host, requestOf(verb, "a", { more })))).toEqual({
      code: 11,
      message: `cannot lock ${net}/lock within 30 s: a process that /proc/locks does not name holds it`,
    });
    expect(host.uptime - before).toBe(ms);
  });

  it("is waited for as long as lockTimeout says, and the error names who holds it", () => {
    const host = held();
    const fd = host.openat(-100, `${net}/lock`, 0, 0);
    const { ino, dev } = host.fstat(fd) as { ino: number; dev: number };
    const device = `${(dev >> 8).toString(16).padStart(2, "0")}:${(dev & 255).toString(16).padStart(2, "0")}`;
    host.put(
      "/proc/locks",
      `1: POSIX  ADVISORY  WRITE 77 ${device}:${ino} 0 EOF\n2: FLOCK  ADVISORY  WRITE 78 ${device}:9999 0 EOF\n` +
        `3: FLOCK  ADVISORY  WRITE 4242 ${device}:${ino} 0 EOF\n3: -> FLOCK  ADVISORY  WRITE 99 ${device}:${ino} 0 EOF\n`,
    );
    host.put("/proc/4242/cmdline", "/opt/cni/bin/host-local\0--x\0");
    expect(failure(() => add(host, "b", { ipam: { subnet, lockTimeout: 2 } })).message).toBe(
      `cannot lock ${net}/lock within 2 s: pid 4242 (/opt/cni/bin/host-local --x) holds it`,
    );
  });
});

describe("the data directory", () => {
  it.each<[string, (host: FakeHost) => void]>([
    ["is a file", (host) => host.put(net, "")],
    ["leads through a file", (host) => host.put(dataDir, "")],
    [
      "is a symbolic link",
      (host) => {
        host.put("/elsewhere/lock", "");
        host.put(`${dataDir}/x`, "");
        host.putLink(net, "/elsewhere");
      },
    ],
  ])("that %s is refused with code 7 and its key", (_, change) => {
    const host = new FakeHost();
    change(host);
    const { code, message } = failure(() => add(host, "a"));
    expect(code).toBe(7);
    expect(message).toContain("ipam.dataDir");
  });
});

describe("an errno at any call", () => {
  const scenarios: [string, (host: FakeHost) => void, (host: FakeHost) => void][] = [
    ["ADD", (host) => add(host, "a", { ipam: twoSets }), (host) => add(host, "k", { ipam: twoSets })],
    ["the first ADD", () => {}, (host) => add(host, "k", { ipam: twoSets })],
    [
      "DEL",
      (host) => {
        add(host, "a", { ipam: twoSets });
        add(host, "k", { ipam: twoSets });
      },
      (host) => run(host, "DEL", "k", { ipam: twoSets }),
    ],
    [
      "DEL after the reference wrote",
      (host) => {
        add(host, "k", { ipam: twoSets });
        host.put(`${net}/10.1.2.99`, "r\r\neth0");
      },
      (host) => run(host, "DEL", "k", { ipam: twoSets }),
    ],
  ];
  const some = [errnos.EACCES, constants.errno.ENOSPC, errnos.EROFS, 5, constants.errno.EMFILE];
  it.each(
    scenarios.flatMap(([name, prepare, act]) => some.map((errno) => [name, errno, prepare, act] as const)),
  )("in %s (errno %i) ends in success or in an error that names it, and never in a wrong store", (name, errno, prepare, act) => {
    for (let call = 1; ; call++) {
      const host = new FakeHost();
      prepare(host);
      const others = Object.entries(leases(host)).filter(([, text]) => !text.startsWith("k"));
      host.restart();
      host.trap = { call, errno };
      let failed: { code: number; message: string } | undefined;
      try {
        act(host);
      } catch (error) {
        failed = error as { code: number; message: string };
        expect(failed.message, `call ${call}`).toMatch(/E[A-Z]{2,}|Failed to find|ipam\.dataDir/);
      }
      const { length } = host.calls;
      host.restart();
      const mine = Object.values(leases(host)).filter((text) => text.startsWith("k"));
      // A DEL that fails may have released part: the runtime calls again.
      const afterDel = failed === undefined ? [0] : [0, 1, 2];
      const afterAdd = failed === undefined ? [2] : [0];
      expect(name.startsWith("DEL") ? afterDel : afterAdd, `call ${call}: ${failed?.message}`).toContain(
        mine.length,
      );
      expect(Object.entries(leases(host)).filter(([, text]) => !text.startsWith("k"))).toEqual(others);
      run(host, "DEL", "k", { ipam: twoSets });
      expect(Object.entries(leases(host))).toEqual(others);
      if (call > length) return;
    }
  });
});
