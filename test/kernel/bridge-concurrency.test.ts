// Many calls at once, as a node that starts dozens of containers makes them: no address is given twice, the shared
// things are made once, nobody loses what is its own. Also beside the reference on the same network.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { REFERENCE } from "../support/executables.ts";
import { leasesOf } from "../support/leases.ts";
import { attachment, dualStack } from "../support/network.ts";
import type { PluginCall, PluginEnded } from "../support/node.ts";
import { Outside } from "../support/outside.ts";
import { Sandbox } from "../support/sandbox.ts";

const CONF = dualStack(51);
const GATEWAYS = ["10.51.0.1/24", "fd00:51::1/64"];

let node: Sandbox;
beforeEach(async () => {
  node = await Sandbox.create();
});
afterEach(() => node?.dispose());

const named = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);
const bare = (address: string) => address.replace(/\/.*/, "");
const addressesOf = ({ json }: PluginEnded): string[] =>
  json.ips.map(({ address }: { address: string }) => bare(address));

/** One process makes them all: an `ip netns add` each takes longer than an ADD. */
const addNetns = (ids: readonly string[]) =>
  node.sh(`for id in ${ids.join(" ")}; do ip netns add $id; ip -n $id link set lo up; done`);

async function each(verb: string, ids: readonly string[], more: PluginCall = {}, conf: object = CONF) {
  const calls = ids.map((id) => node.pluginAsync("bridge", verb, conf, attachment(id, more)));
  const ended = await Promise.all(calls);
  for (const { status, stdout, stderr } of ended) {
    expect({ status, stderr, stdout: status === 0 ? "" : stdout }).toEqual({
      status: 0,
      stderr: "",
      stdout: "",
    });
  }
  return ended;
}

/** All pairs of a namespace and an address that does not answer there. */
function silent(pairs: readonly (readonly [netns: string, address: string])[]): string {
  const lines = pairs.map(
    ([netns, address]) =>
      `ip netns exec ${netns} busybox ping -c1 -W3 ${address} >/dev/null || echo ${netns} ${address} &`,
  );
  return node.sh(`${lines.join("\n")}\nwait`);
}

const leases = () => [...leasesOf(node, "net").keys()].sort();

const ports = () => node.json("ip -j link show master br0") as { ifname: string }[];
const gateways = () =>
  node
    .json("ip -j addr show dev br0")[0]
    .addr_info.filter(({ scope }: { scope: string }) => scope === "global")
    .map(({ local, prefixlen }: { local: string; prefixlen: number }) => `${local}/${prefixlen}`);
/** The masquerade elements, by address. */
const elements = () =>
  [...node.sh("nft list ruleset").matchAll(/(\S+)(?: comment "[^"]*")? : goto/g)].map(([, ip]) => ip!);

describe("first ADDs at once on a fresh node", () => {
  it("of 32 containers make one bridge, one gateway, 32 addresses, and all can talk", async () => {
    const ids = named("c", 32);
    addNetns(ids);
    const ended = await each("ADD", ids);
    const all = ended.map(addressesOf);
    expect(new Set(all.flat()).size).toBe(64);
    expect(leases()).toEqual(all.flat().sort());
    expect(elements().sort()).toEqual(all.flat().sort());
    expect(ports()).toHaveLength(32);
    expect(gateways().sort()).toEqual(GATEWAYS);
    // The MAC that each was told is the one that the bridge has.
    const [{ address: mac }] = node.json("ip -j link show dev br0");
    expect(new Set(ended.map(({ json }) => json.interfaces[0].mac))).toEqual(new Set([mac]));
    const next = (index: number) => all[(index + 1) % all.length]!;
    expect(
      silent(
        ids.flatMap((id, index) =>
          ["10.51.0.1", "fd00:51::1", ...next(index)].map((to) => [id, to] as const),
        ),
      ),
    ).toBe("");

    const again = await Promise.all(
      ended.map(({ json }, index) =>
        node.pluginAsync(
          "bridge",
          "CHECK",
          { ...CONF, prevResult: json },
          { containerId: ids[index]!, netns: `/run/netns/${ids[index]}` },
        ),
      ),
    );
    expect(again.map(({ status, stdout }) => ({ status, stdout }))).toEqual(
      ids.map(() => ({ status: 0, stdout: "" })),
    );
    await each("DEL", ids);
    expect(ports()).toEqual([]);
    expect(leases()).toEqual([]);
    expect(elements()).toEqual([]);
    expect(node.sh("ls -A /run/cni-bridge")).toBe("");
  });

  it("of 50 containers, then 50 DELs at once with half of the namespaces gone, leave nothing", async () => {
    const ids = named("c", 50);
    addNetns(ids);
    await each("ADD", ids.slice(0, 1));
    await each("DEL", ids.slice(0, 1));
    const before = node.sh("nft list ruleset");
    await each("ADD", ids, {}, { ...CONF, macspoofchk: true });
    node.sh(`for id in ${ids.slice(0, 25).join(" ")}; do ip netns del $id; done`);
    await each("DEL", ids, {}, { ...CONF, macspoofchk: true });
    expect(node.json("ip -j link show type veth")).toEqual([]);
    expect(leases()).toEqual([]);
    expect(node.sh("nft delete table bridge nat; nft list ruleset")).toBe(before);
    expect(node.sh("ls -A /run/cni-bridge")).toBe("");
  });

  it("of networks that share a bridge give it the gateways of all", async () => {
    const confs = named("net", 8).map((name, index) => ({
      ...CONF,
      name,
      ipam: { type: "host-local", ranges: [[{ subnet: `fd00:52:${index + 1}::/64` }]] },
    }));
    const ids = named("c", 8);
    addNetns(ids);
    await Promise.all(confs.map((conf, index) => each("ADD", [ids[index]!], {}, conf)));
    expect(gateways().sort()).toEqual(confs.map((_, index) => `fd00:52:${index + 1}::1/64`).sort());
    expect(silent(ids.map((id, index) => [id, `fd00:52:${index + 1}::1`] as const))).toBe("");
  });
});

describe("ADDs against DELs of other containers", () => {
  it("disturb nobody in 100 rounds of four", async () => {
    const outside = await Outside.connect(node);
    const steady = ["s0", "s1"];
    const churn = named("c", 8);
    addNetns([...steady, ...churn]);
    const kept = (await each("ADD", steady)).map(addressesOf);
    await each("ADD", churn.slice(0, 4));
    for (let round = 0; round < 100; round++) {
      const [coming, going] =
        round % 2 === 0 ? [churn.slice(4), churn.slice(0, 4)] : [churn.slice(0, 4), churn.slice(4)];
      const [added] = await Promise.all([each("ADD", coming), each("DEL", going)]);
      const all = [...kept, ...added.map(addressesOf)].flat();
      expect(new Set(all).size).toBe(all.length);
      if (round % 25 === 24) {
        expect(leases()).toEqual([...all].sort());
        expect(elements().sort()).toEqual([...all].sort());
        expect(ports()).toHaveLength(6);
        for (const family of ["v4", "v6"] as const)
          expect(outside.sees("s0", family)).toBe(Outside.node[family]);
        expect(silent([...all].map((to) => ["s1", to] as const))).toBe("");
      }
    }
    await outside.disconnect();
  }, 240_000);
});

describe("interfaces of one container at once", () => {
  const ifnames = ["eth0", "eth1", "eth2"];
  const confOf = (index: number) => ({
    ...CONF,
    name: `net${index}`,
    bridge: `br${index}`,
    isDefaultGateway: index === 0,
    isGateway: true,
    ipam: { type: "host-local", ranges: [[{ subnet: `10.53.${index}.0/24` }]] },
  });

  it.each([
    ["of one network", () => ({ ...CONF, isDefaultGateway: false, isGateway: true })],
    ["of three networks", confOf],
    [
      "of one network with iptables",
      () => ({ ...CONF, isDefaultGateway: false, isGateway: true, ipMasqBackend: "iptables" }),
    ],
  ])("%s are all made, and the DEL of one leaves the others working", async (_name, conf) => {
    addNetns(["c1"]);
    const at = (verb: string, index: number) => each(verb, ["c1"], { ifname: ifnames[index]! }, conf(index));
    const ended = (await Promise.all(ifnames.map((_, index) => at("ADD", index)))).map(([only]) => only!);
    const all = ended.map(addressesOf);
    expect(new Set(all.flat()).size).toBe(all.flat().length);
    const mentions = (index: number) =>
      all[index]!.filter((address) =>
        new RegExp(`\\b${address.replaceAll(".", "\\.")}\\b`).test(node.sh("nft list ruleset")),
      );
    for (const index of [0, 1, 2]) expect(mentions(index)).toEqual(all[index]);

    await at("DEL", 1);
    expect(mentions(1)).toEqual([]);
    expect(node.run("ip", ["-n", "c1", "link", "show", "eth1"]).status).not.toBe(0);
    for (const index of [0, 2]) {
      expect(mentions(index)).toEqual(all[index]);
      const checked = node.plugin(
        "bridge",
        "CHECK",
        { ...conf(index), prevResult: ended[index]!.json },
        attachment("c1", { ifname: ifnames[index]! }),
      );
      expect(checked, checked.stdout).toMatchObject({ status: 0 });
    }
    await Promise.all([at("DEL", 0), at("DEL", 2)]);
    expect(node.json("ip -j link show type veth")).toEqual([]);
    expect(node.sh("nft list ruleset")).not.toMatch(/id: ?\\?"?c1/);
  });
});

describe("beside the reference on the same network", () => {
  it("no address is given twice, and each removes what the other made", async () => {
    const conf = { ...CONF, ipMasqBackend: "nftables" };
    const [ours, theirs] = [named("o", 12), named("t", 12)];
    addNetns([...ours, ...theirs]);
    const path = `${node.bin}:${REFERENCE}`;
    const results = await Promise.all([
      each("ADD", ours, { path }, conf),
      each("ADD", theirs, { bin: REFERENCE, path: REFERENCE }, conf),
    ]);
    const all = results.flat().map(addressesOf);
    expect(new Set(all.flat()).size).toBe(48);
    expect(leases()).toEqual(all.flat().sort());
    expect(gateways().sort()).toEqual(GATEWAYS);
    const others = all.toReversed();
    expect(
      silent([...ours, ...theirs].flatMap((id, index) => others[index]!.map((to) => [id, to] as const))),
    ).toBe("");

    await Promise.all([
      each("DEL", theirs, { path }, conf),
      each("DEL", ours, { bin: REFERENCE, path: REFERENCE }, conf),
    ]);
    expect(ports()).toEqual([]);
    expect(leases()).toEqual([]);
    expect(node.sh("nft list ruleset")).not.toMatch(/id: t\d/);
    // What the reference cannot know of is removed by the next that does.
    const ended = node.plugin("bridge", "GC", {
      ...conf,
      cniVersion: "1.1.0",
      "cni.dev/valid-attachments": [],
    });
    expect(ended).toMatchObject({ status: 0, stdout: "" });
    expect(elements()).toEqual([]);
  });
});
