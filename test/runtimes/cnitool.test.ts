// cnitool, libcni's own command line, with each example of conf.d-examples just as a user would copy it. libcni keeps
// its cache of results in /var/lib/cni/results, which is part of what must be gone after DEL.

import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, type TestFunction } from "vitest";
import { REFERENCE } from "../support/executables.ts";
import type { Ended } from "../support/node.ts";
import { Outside } from "../support/outside.ts";
import { Sandbox } from "../support/sandbox.ts";
import { serveWhoAmI, whoAmI } from "../support/who-am-i.ts";

const DIRECTORY = new URL("../../conf.d-examples", import.meta.url).pathname;

interface Expected {
  readonly file: string;
  /** Of eth0 for the first and the second container, without the prefix. */
  readonly first: readonly (string | RegExp)[];
  readonly second: readonly (string | RegExp)[];
  readonly gateways: readonly string[];
  /** CAP_ARGS for the first container. */
  readonly capabilities?: object;
  readonly mtu?: number;
  readonly mac?: string;
  /** The containers do not reach each other. */
  readonly isolated?: boolean;
  /** What the node needs before the first ADD; the function returned ends it. */
  readonly prepare?: (node: Sandbox) => Promise<() => Promise<void>>;
}

const published = { portMappings: [{ hostPort: 8080, containerPort: 7, protocol: "tcp" }] };
const LEASED = [/^10\.32\.0\.(5\d|60)$/];

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
    capabilities: published,
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
  {
    file: "kubernetes.conflist",
    first: ["10.244.7.2"],
    second: ["10.244.7.3"],
    gateways: ["10.244.7.1"],
    capabilities: published,
  },
  {
    file: "crio.conflist",
    first: ["10.85.0.2", "fd00:85::2"],
    second: ["10.85.0.3", "fd00:85::3"],
    gateways: ["10.85.0.1", "fd00:85::1"],
  },
  {
    file: "nerdctl.conflist",
    first: ["10.4.0.2"],
    second: ["10.4.0.3"],
    gateways: ["10.4.0.1"],
    capabilities: published,
  },
  {
    file: "podman.conflist",
    first: ["10.88.0.2"],
    second: ["10.88.0.3"],
    gateways: ["10.88.0.1"],
    capabilities: published,
  },
  {
    file: "full-chain.conflist",
    first: ["10.26.0.2", "fd00:26::2"],
    second: ["10.26.0.3", "fd00:26::3"],
    gateways: ["10.26.0.1", "fd00:26::1"],
    capabilities: published,
    mtu: 1300,
  },
  {
    file: "isolated-tenants.conf",
    first: ["10.27.0.2"],
    second: ["10.27.0.3"],
    gateways: ["10.27.0.1"],
    isolated: true,
  },
  {
    file: "ci-runner.conf",
    first: ["10.29.0.2"],
    second: ["10.29.0.3"],
    gateways: ["10.29.0.1"],
    isolated: true,
  },
  {
    file: "microvm-host.conf",
    first: ["10.31.7.7"],
    second: ["10.31.7.8"],
    gateways: ["10.31.0.1"],
    capabilities: { mac: "02:00:00:00:00:07", ips: ["10.31.7.7"] },
    mac: "02:00:00:00:00:07",
    isolated: true,
  },
  {
    file: "dhcp.conf",
    first: LEASED,
    second: LEASED,
    gateways: ["10.32.0.1"],
    prepare: connectLan,
  },
];

/** Where VLANs are filtered: test/vm/vlan.test.ts. */
const ELSEWHERE = ["vlan.conf"];

/** A network beyond eth1 with a router that is its DHCP server, and the daemon of the stock dhcp plugin on the node. */
async function connectLan(node: Sandbox): Promise<() => Promise<void>> {
  node.addNetns("lan");
  node.sh(
    `ip link add eth1 type veth peer name eth0 netns lan
     ip -n lan addr add 10.32.0.1/24 dev eth0
     ip -n lan link set eth0 up
     mkdir -p /run/cni
     : >/run/udhcpd.leases
     cat >/run/udhcpd.conf`,
    {
      input: [
        "interface eth0",
        "start 10.32.0.50",
        "end 10.32.0.60",
        "lease_file /run/udhcpd.leases",
        "option subnet 255.255.255.0",
        "option router 10.32.0.1",
        "",
      ].join("\n"),
    },
  );
  const servers = [
    node.start("busybox", ["udhcpd", "-f", "/run/udhcpd.conf"], { netns: "lan" }, "ignore"),
    node.start(`${REFERENCE}/dhcp`, ["daemon"], {}, "ignore"),
  ];
  node.sh("for i in $(seq 300); do [ -S /run/cni/dhcp.sock ] && exit; sleep 0.1; done; exit 1");
  return async () => {
    for (const server of servers) {
      const closed = once(server, "close");
      server.kill("SIGKILL");
      await closed;
    }
  };
}

it("knows what to expect of every example", () => {
  const files = readdirSync(DIRECTORY).filter((file) => file !== "README.md");
  expect([...cases.map(({ file }) => file), ...ELSEWHERE].toSorted()).toEqual(files.toSorted());
});

/** A test of what only some of the examples have: no such test in the others, rather than a skipped one. */
function itWhere(condition: boolean, name: string, test: TestFunction): void {
  if (condition) it(name, test);
}

describe.each(cases)("cnitool with $file", (expected) => {
  const { file, gateways, capabilities, mtu, mac, isolated = false } = expected;
  const { name, cniVersion } = JSON.parse(readFileSync(`${DIRECTORY}/${file}`, "utf8"));
  const publishes = capabilities === published;
  let node: Sandbox;
  let end: (() => Promise<void>) | undefined;

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

  const isContainers = ({ ifname }: { ifname: string }) => ifname !== "eth1";

  beforeAll(async () => {
    node = await Sandbox.create();
    for (const netns of ["c1", "c2"]) node.addNetns(netns);
    end = await expected.prepare?.(node);
  });
  afterAll(async () => {
    await end?.();
    await node.dispose();
  });

  it("adds two containers that have what the result says", () => {
    for (const [netns, wanted] of [
      ["c1", expected.first],
      ["c2", expected.second],
    ] as const) {
      const ended = cnitool("add", netns);
      expect(ended).toMatchObject(succeeds);
      const result = JSON.parse(ended.stdout);
      expect(result.cniVersion).toBe(cniVersion);
      const ips: string[] = (result.ips ?? []).map((ip: { address: string }) =>
        ip.address.replace(/\/.*/, ""),
      );
      expect(ips).toEqual(
        wanted.map((text) => (typeof text === "string" ? text : expect.stringMatching(text))),
      );
      expect(addresses(netns)).toEqual(ips);
      expect(result.interfaces[2]).toMatchObject({ name: "eth0", mac: eth0(netns).address });
      expect(eth0(netns).flags).toContain("UP");
      expect(eth0(netns).mtu).toBe(mtu ?? 1500);
    }
    if (mac !== undefined) expect(eth0("c1").address).toBe(mac);
  });

  it(`lets the containers reach their gateways and ${isolated ? "not " : ""}each other`, () => {
    for (const address of gateways) expect(node.pings("c1", address, 2000), address).toBe(true);
    for (const address of addresses("c2")) {
      expect(node.pings("c1", address, isolated ? 1000 : 2000), address).toBe(!isolated);
    }
  });

  itWhere(publishes, "publishes the container's port outside, and for the container itself", async () => {
    const outside = await Outside.connect(node);
    const endServer = await serveWhoAmI(node, "c1", "it is c1");
    for (const client of [Outside.netns, "c2", "c1"]) {
      expect(whoAmI(node, client, Outside.node.v4, 8080), client).toBe("it is c1");
    }
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
    expect(node.json("ip -j link show type veth").filter(isContainers)).toEqual([]);
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
