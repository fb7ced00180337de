// cnitool, libcni's own command line, with each example of conf.d-examples just as a user would copy it. libcni keeps
// its cache of results in /var/lib/cni/results, which is part of what must be gone after DEL.

import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, type TestFunction } from "vitest";
import { REFERENCE } from "../support/executables.ts";
import { Outside } from "../support/outside.ts";
import { type Ended, Sandbox } from "../support/sandbox.ts";
import { serveWhoAmI, whoAmI } from "../support/who-am-i.ts";

const DIRECTORY = new URL("../../conf.d-examples", import.meta.url).pathname;

interface Expected {
  readonly file: string;
  /** Of eth0 for the first and the second container, without the prefix. */
  readonly first: readonly string[];
  readonly second: readonly string[];
  readonly gateways: readonly string[];
  /** CAP_ARGS for the first container. */
  readonly capabilities?: object;
  readonly mtu?: number;
  readonly mac?: string;
}

const cases: readonly Expected[] = [
  { file: "default-route.conf", first: ["10.22.0.2"], second: ["10.22.0.3"], gateways: ["10.22.0.1"] },
  {
    file: "dual-stack.conf",
    first: ["10.23.0.2", "fd00:23::2"],
    second: ["10.23.0.3", "fd00:23::3"],
    gateways: ["10.23.0.1", "fd00:23::1"],
  },
  { file: "layer-2.conf", first: [], second: [], gateways: [] },
  {
    file: "published-ports.conflist",
    first: ["10.24.0.2"],
    second: ["10.24.0.3"],
    gateways: ["10.24.0.1"],
    capabilities: { portMappings: [{ hostPort: 8080, containerPort: 7, protocol: "tcp" }] },
  },
  {
    file: "flannel-delegate.conf",
    first: ["10.244.1.2"],
    second: ["10.244.1.3"],
    gateways: ["10.244.1.1"],
    mtu: 1450,
  },
  {
    file: "chosen-addresses.conf",
    first: ["10.25.0.105"],
    second: ["10.25.0.106"],
    gateways: ["10.25.0.1"],
    capabilities: { mac: "02:00:00:00:00:05", ips: ["10.25.0.105"] },
    mtu: 1400,
    mac: "02:00:00:00:00:05",
  },
];

it("knows what to expect of every example", () => {
  const files = readdirSync(DIRECTORY).filter((file) => file !== "README.md");
  expect(cases.map(({ file }) => file).toSorted()).toEqual(files.toSorted());
});

/** A test of what only some of the examples have: no such test in the others, rather than a skipped one. */
function itWhere(condition: boolean, name: string, test: TestFunction): void {
  if (condition) it(name, test);
}

describe.each(cases)("cnitool with $file", ({ file, first, second, gateways, capabilities, mtu, mac }) => {
  const { name, cniVersion } = JSON.parse(readFileSync(`${DIRECTORY}/${file}`, "utf8"));
  let node: Sandbox;

  function cnitool(verb: string, netns: string): Ended {
    const env = {
      NETCONFPATH: DIRECTORY,
      CNI_PATH: `${node.bin}:${REFERENCE}`,
      ...(capabilities !== undefined && netns === "c1" && { CAP_ARGS: JSON.stringify(capabilities) }),
    };
    return node.run(`${REFERENCE}/cnitool`, [verb, name, `/run/netns/${netns}`], { env });
  }
  const succeeds = { status: 0, stderr: "" };
  // biome-ignore lint/suspicious/noExplicitAny: what ip prints
  const eth0 = (netns: string): any => node.json("ip -j addr show dev eth0", { netns })[0];
  const addresses = (netns: string): string[] =>
    eth0(netns)
      .addr_info.filter((info: { scope: string }) => info.scope === "global")
      .map((info: { local: string }) => info.local);

  beforeAll(async () => {
    node = await Sandbox.create();
    for (const netns of ["c1", "c2"]) node.addNetns(netns);
  });
  afterAll(() => node.dispose());

  it("adds two containers that have what the result says", () => {
    for (const [netns, expected] of [
      ["c1", first],
      ["c2", second],
    ] as const) {
      const ended = cnitool("add", netns);
      expect(ended).toMatchObject(succeeds);
      const result = JSON.parse(ended.stdout);
      expect(result.cniVersion).toBe(cniVersion);
      const ips: string[] = (result.ips ?? []).map((ip: { address: string }) =>
        ip.address.replace(/\/.*/, ""),
      );
      expect(ips).toEqual(expected);
      expect(addresses(netns)).toEqual(expected);
      expect(result.interfaces[2]).toMatchObject({ name: "eth0", mac: eth0(netns).address });
      expect(eth0(netns).flags).toContain("UP");
      expect(eth0(netns).mtu).toBe(mtu ?? 1500);
    }
    if (mac !== undefined) expect(eth0("c1").address).toBe(mac);
  });

  it("lets the containers reach their gateways and each other", () => {
    for (const address of [...gateways, ...second]) {
      expect(node.pings("c1", address, 2000), address).toBe(true);
    }
  });

  itWhere(file === "published-ports.conflist", "publishes the container's port on the node", async () => {
    const outside = await Outside.connect(node);
    const endServer = await serveWhoAmI(node, "c1", "it is c1");
    expect(whoAmI(node, Outside.netns, Outside.node.v4, 8080)).toBe("it is c1");
    await endServer();
    await outside.disconnect();
  });

  itWhere(cniVersion >= "0.4.0", "checks them, and sees a link that is gone", () => {
    expect(cnitool("check", "c1")).toMatchObject(succeeds);
    expect(cnitool("check", "c2")).toMatchObject(succeeds);
    node.must("ip", ["-n", "c2", "link", "del", "eth0"]);
    expect(cnitool("check", "c2").status).not.toBe(0);
  });

  itWhere(cniVersion >= "1.1.0", "says that it is ready", () => {
    expect(cnitool("status", "c1")).toMatchObject(succeeds);
  });

  it("deletes them and leaves nothing of either", () => {
    for (const netns of ["c1", "c2"]) expect(cnitool("del", netns)).toMatchObject(succeeds);
    const before = node.snapshot({ exceptMemory: true });
    expect(Object.keys(before.files)).toEqual([]);
    expect(node.json("ip -j link show type veth")).toEqual([]);
    expect(node.json("ip -j link show", { netns: "c1" })).toHaveLength(1);

    expect(cnitool("add", "c1")).toMatchObject(succeeds);
    expect(node.snapshot({ exceptMemory: true })).not.toEqual(before);
    expect(cnitool("del", "c1")).toMatchObject(succeeds);
    expect(node.snapshot({ exceptMemory: true })).toEqual(before);
  });

  it("deletes a second time without complaint", () => {
    expect(cnitool("del", "c1")).toMatchObject(succeeds);
  });

  itWhere(cniVersion >= "1.1.0", "collects what is left of a container whose namespace is gone", () => {
    const before = node.snapshot({ exceptMemory: true });
    node.addNetns("gone");
    expect(cnitool("add", "gone")).toMatchObject(succeeds);
    node.delNetns("gone");
    // cnitool passes no list of valid attachments, so every attachment of the network goes.
    expect(cnitool("gc", "c1")).toMatchObject(succeeds);
    expect(node.snapshot({ exceptMemory: true })).toEqual(before);
  });
});
