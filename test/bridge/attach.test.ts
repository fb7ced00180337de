import { describe, expect, it } from "vitest";
import { attach } from "../../src/bridge/attach.ts";
import { EINVAL, ENODEV, ENOENT } from "../../src/errno.ts";
import { CniError, Code, HostError, NetlinkError } from "../../src/errors.ts";
import { Session } from "../../src/kernel/session.ts";
import { caught } from "../support/caught.ts";
import { FakeHost } from "../support/fake-host.ts";

const LOCK = "/run/cni-bridge/.br0.lock";

/** Attempts that fail with one error after the other, then succeed. */
function attempts(host: FakeHost, errors: readonly Error[], pruneBridge = false): number {
  let tries = 0;
  attach(new Session(host, undefined), { bridge: "br0", pruneBridge }, () => {
    const error = errors[tries++];
    if (error !== undefined) throw error;
  });
  return tries;
}

const vanished: readonly (readonly [string, Error])[] = [
  ["was not found", new CniError(Code.tryAgainLater, "br0 was deleted by another")],
  ["was gone when it was changed", new NetlinkError(ENODEV, "cannot set bridge up")],
  ["had no sysctls any more", new HostError(ENOENT, "read", "/proc/sys/net/ipv6/conf/br0/accept_ra")],
];

describe("attach", () => {
  it("attempts once where nothing is wrong", () => {
    expect(attempts(new FakeHost(), [])).toBe(1);
  });

  it.each(vanished)("attempts again where the bridge %s", (_, error) => {
    expect(attempts(new FakeHost(), [error, error, error])).toBe(4);
  });

  it("gives up after 20 attempts with the last error", () => {
    const errors = Array.from(
      { length: 100 },
      (_, index) => new CniError(Code.tryAgainLater, `${index + 1}`),
    );
    expect(caught(() => attempts(new FakeHost(), errors))).toMatchObject({ message: "20" });
  });

  it("throws any other error at once", () => {
    const errors = [new NetlinkError(EINVAL, "first"), new NetlinkError(EINVAL, "second")];
    expect(() => attempts(new FakeHost(), errors)).toThrow(errors[0]);
  });

  it("takes no lock where nobody prunes the bridge", () => {
    const host = new FakeHost();
    attempts(host, []);
    expect(host.calls).not.toContain("flock");
  });

  it.each([true, false])("takes the lock that somebody has made, pruning or not: %s", (pruneBridge) => {
    const host = new FakeHost();
    host.put(LOCK, "");
    attempts(host, [], pruneBridge);
    expect(host.calls.filter((name) => name === "flock")).toHaveLength(1);
    expect(host.calls.at(-1)).toBe("close");
  });

  it("makes the lock where the network prunes", () => {
    const host = new FakeHost();
    host.put("/run/something", "");
    attempts(host, [], true);
    expect(host.calls).toContain("flock");
  });

  it("gives the lock back after a failure", () => {
    const host = new FakeHost();
    host.put(LOCK, "");
    expect(() => attempts(host, [new Error("no")], true)).toThrow("no");
    expect(host.calls.at(-1)).toBe("close");
  });

  it("does not attempt anything while another holds the lock, and says so in the end", () => {
    const host = new FakeHost();
    host.put(LOCK, "");
    // As an absolute path, or from the directory.
    host.lockedByOthers.add(LOCK).add(".br0.lock");
    expect(caught(() => attempts(host, [], true))).toMatchObject({
      code: 11,
      message: "cannot lock bridge br0 within 30 s: a process that /proc/locks does not name holds it",
    });
  });

  it("goes on without a lock where /run cannot be written, and warns", () => {
    const host = new FakeHost();
    host.put(LOCK, "");
    host.trap = { call: 2, errno: 30 };
    expect(attempts(host, [], true)).toBe(1);
    expect(host.stderr).toContain("cannot lock bridge br0: EROFS");
  });
});
