// A container that is made anew, without a DEL, right after its namespace went away: the kernel takes the old pair later,
// and until then its host's end has the name that the new one needs.

import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { attachment } from "../support/network.ts";
import { Sandbox } from "../support/sandbox.ts";

const CONF = {
  cniVersion: "1.0.0",
  name: "net",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  ipMasq: true,
  macspoofchk: true,
  ipam: { type: "host-local", subnet: "10.47.0.0/24" },
};
/** One address beside the gateway's. */
const FULL = { ...CONF, ipam: { type: "host-local", subnet: "10.47.0.0/24", rangeEnd: "10.47.0.2" } };
const NAMED = { ...CONF, hostInterfaceName: "web0" };
const CALL = attachment("c1");

let node: Sandbox;
beforeAll(async () => {
  node = await Sandbox.create();
});
afterAll(() => node?.dispose());
beforeEach(() => {
  node.addNetns("c1");
});
afterEach(() => {
  for (const containerId of ["c1", "c2"]) node.plugin("bridge", "DEL", CONF, { ...CALL, containerId });
  node.sh("for name in $(ip netns | cut -d' ' -f1); do ip netns del $name; done");
  expect(node.sh("ls /var/lib/cni/networks/net")).toBe("last_reserved_ip.0\nlock\n");
  expect(node.sh("ls -A /run/cni-bridge")).toBe("");
});

const run = (verb: string, conf: object, call = CALL) => node.plugin("bridge", verb, conf, call);
const add = (conf: object, call = CALL) => {
  const ended = run("ADD", conf, call);
  expect(ended, ended.stdout).toMatchObject({ status: 0 });
  return ended.json;
};

/** The host's ends of containers' pairs. */
const hostEnds = () => node.json("ip -j link show type veth").map((each: { ifname: string }) => each.ifname);

/**
 * Replaces c1's namespace while the kernel's one worker for ended namespaces is busy with others. True where the old pair
 * was still there afterwards.
 */
function replaceNamespace(): boolean {
  const busy = "for n in $(seq 1 6)";
  const pairs = "for m in $(seq 1 10); do ip -n busy$n link add a$m type veth peer name b$m; done";
  node.sh(`${busy}; do ip netns add busy$n; ${pairs}; done`);
  node.sh(`${busy}; do ip netns del busy$n; done; ip netns del c1; ip netns add c1`);
  return hostEnds().length > 0;
}

/** Repeats what has met the old pair only where `replaceNamespace` says so. */
function untilMet(attempt: () => boolean): void {
  for (let tries = 0; tries < 20; tries++) {
    if (attempt()) return;
    expect(run("DEL", CONF)).toMatchObject({ status: 0 });
  }
  throw new Error("the kernel was always faster");
}

function expectOnlyOne(conf: object, result: object): void {
  expect(run("CHECK", { ...conf, prevResult: result })).toMatchObject({ status: 0, stdout: "" });
  expect(node.pings("c1", "10.47.0.1")).toBe(true);
  expect(hostEnds()).toHaveLength(1);
  expect(node.sh("ls /var/lib/cni/networks/net | grep -c '^10[.]'")).toBe("1\n");
  expect(node.sh("nft list table inet cni-bridge").match(/id: c1/g)).toHaveLength(1);
}

describe("ADD while the kernel has yet to take the old pair", () => {
  it.each([
    ["completes, with the same address", CONF, ":"],
    ["completes where the record is lost", CONF, "rm -r /run/cni-bridge"],
    ["completes where there is no other address", FULL, ":"],
    ["completes with a configured name", NAMED, ":"],
    ["completes with a configured name where the record is lost", NAMED, "rm -r /run/cni-bridge"],
  ])(
    "%s",
    (_name, conf, script) => {
      untilMet(() => {
        const first = add(conf);
        const met = replaceNamespace();
        node.sh(script);
        const second = add(conf);
        expect(second.ips).toEqual(first.ips);
        expectOnlyOne(conf, second);
        run("DEL", conf);
        return met;
      });
    },
    120_000,
  );

  it.each([
    ["gives the only address to another container", FULL],
    ["gives the configured name to another container", NAMED],
  ])(
    "%s",
    (_name, conf) => {
      const other = { ...CALL, containerId: "c2" };
      untilMet(() => {
        add(conf);
        const met = replaceNamespace();
        add(conf, other);
        expect(hostEnds()).toHaveLength(1);
        run("DEL", conf);
        expect(run("DEL", conf, other)).toMatchObject({ status: 0 });
        return met;
      });
    },
    120_000,
  );
});

describe("ADD while a process holds the old namespace", () => {
  /** Gives c1 another namespace while a process is still in the old one. */
  const hold = async (seconds: number) => {
    const holder = node.start("sh", ["-c", `echo held; exec sleep ${seconds}`], { netns: "c1" });
    await once(holder.stdout!, "data");
    node.sh("ip netns del c1; ip netns add c1");
    return holder;
  };

  it("waits for one that ends soon", async () => {
    add(CONF);
    await hold(0.6);
    expectOnlyOne(CONF, add(CONF));
  });

  it("fails after a while where it does not end, and takes nothing from it", async () => {
    add(CONF);
    const holder = await hold(60);
    const before = node.snapshot();
    const started = performance.now();
    expect(run("ADD", CONF).json).toMatchObject({
      code: 100,
      msg: 'interface "eth0" of this container already exists',
    });
    expect(performance.now() - started).toBeGreaterThan(1900);
    expect(node.snapshot()).toEqual(before);
    holder.kill("SIGKILL");
  });

  it("fails at once where its path still leads to it", () => {
    add(CONF);
    node.addNetns("other");
    const before = node.snapshot();
    const started = performance.now();
    expect(run("ADD", CONF, { ...CALL, netns: "/run/netns/other" })).toMatchObject({ status: 1 });
    expect(performance.now() - started).toBeLessThan(1500);
    expect(node.snapshot()).toEqual(before);
  });
});
