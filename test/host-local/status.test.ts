// STATUS: whether an ADD could be served.

import { constants } from "node:os";
import { describe, expect, it } from "vitest";
import * as errnos from "../../src/errno.ts";
import { FakeHost } from "../support/fake-host.ts";
import { add, type Call, dataDir, failure, run } from "./call.ts";

const net = `${dataDir}/net`;

describe("STATUS", () => {
  it("is well without a store, and makes none", () => {
    const host = new FakeHost();
    const before = host.dump();
    run(host, "STATUS", "");
    expect(host.dump()).toBe(before);
  });

  it("changes nothing in a store", () => {
    const host = new FakeHost();
    add(host, "a");
    const before = [host.dump(), host.modified(net)];
    run(host, "STATUS", "");
    expect([host.dump(), host.modified(net)]).toEqual(before);
  });

  it.each<[string, Call]>([
    ["no ranges", { ipam: {} }],
    ["no ranges, with the capability off", { ipam: {}, more: { capabilities: { ipRanges: false } } }],
    ["a bad range", { ipam: { subnet: "x" } }],
  ])("is code 7 with %s", (_, call) => {
    expect(failure(() => run(new FakeHost(), "STATUS", "", call)).code).toBe(7);
  });

  it("is well without ranges where each call brings them", () => {
    run(new FakeHost(), "STATUS", "", { ipam: {}, more: { capabilities: { ipRanges: true } } });
  });

  it("is code 50 when the lock is not free within a second", () => {
    const host = new FakeHost();
    add(host, "a");
    host.lockedByOthers.add("lock");
    const before = host.uptime;
    expect(failure(() => run(host, "STATUS", "")).code).toBe(50);
    expect(host.uptime - before).toBe(1000);
  });

  it.each([
    errnos.EROFS,
    errnos.EACCES,
    constants.errno.ENOSPC,
  ])("is code 50 when a file cannot be made (errno %i)", (errno) => {
    const host = new FakeHost();
    add(host, "a");
    host.restart();
    run(host, "STATUS", "");
    const call = host.calls.lastIndexOf("openat") + 1;
    host.restart();
    host.trap = { call, errno };
    expect(failure(() => run(host, "STATUS", ""))).toEqual({
      code: 50,
      message: `host-local cannot serve ADD: cannot write in ${net}: ${errnos.describeErrno(errno)}`,
    });
  });

  it("tells of a full pool only where that is asked for", () => {
    const host = new FakeHost();
    const ipam = { subnet: "10.1.2.0/30" };
    add(host, "a", { ipam });
    run(host, "STATUS", "", { ipam });
    expect(failure(() => run(host, "STATUS", "", { ipam: { ...ipam, statusFailsWhenFull: true } }))).toEqual({
      code: 50,
      message: "host-local cannot serve ADD: 1 of 1 addresses in use in 10.1.2.1-10.1.2.2",
    });
    run(host, "DEL", "a", { ipam });
    run(host, "STATUS", "", { ipam: { ...ipam, statusFailsWhenFull: true } });
  });
});
