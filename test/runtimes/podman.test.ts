// Debian's podman with its CNI backend. podman writes the networks itself (`podman network create`): cniVersion 0.4.0,
// bridge → portmap → firewall → tuning. It passes static addresses in CNI_ARGS and as capability, and calls DEL from
// conmon's clean-up, with another environment than ADD's.

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { IMAGE } from "../support/image.ts";
import { Outside } from "../support/outside.ts";
import { Podman } from "../support/podman.ts";
import { NO_TRACES, traces } from "../support/traces.ts";
import { serveWhoAmI, whoAmI } from "../support/who-am-i.ts";

const MAC = "02:00:00:00:00:77";

describe("podman", () => {
  let podman: Podman;

  /** Starts a container that waits. */
  const start = (name: string, ...options: string[]) =>
    podman.must("run", "-d", "--name", name, ...options, IMAGE);
  /** What ip says inside a container: interface → its addresses, link-local ones aside. */
  const addresses = (name: string): Record<string, string[]> => {
    const lines = podman.must("exec", name, "ip", "-o", "addr").split("\n");
    const found: Record<string, string[]> = {};
    for (const line of lines) {
      const [, ifname, address] = /^\d+: (\S+) +inet6? (\S+) .*scope global/.exec(line) ?? [];
      if (ifname !== undefined) found[ifname] = [...(found[ifname] ?? []), address!];
    }
    return found;
  };
  const inspect = (name: string, what: string) => podman.must("inspect", "-f", `{{${what}}}`, name);
  const expectNothingLeft = () => {
    for (const network of ["front", "back", "dual"]) expect(traces(podman.node, network)).toEqual(NO_TRACES);
  };

  beforeAll(async () => {
    podman = await Podman.create();
    podman.must("network", "create", "--disable-dns", "--subnet", "10.34.0.0/24", "front");
    podman.must("network", "create", "--disable-dns", "--subnet", "10.35.0.0/24", "back");
    const families = ["--ipv6", "--subnet", "10.36.0.0/24", "--subnet", "fd00:36::/64"];
    podman.must("network", "create", "--disable-dns", ...families, "dual");
  });
  afterAll(() => podman?.dispose());
  afterEach(() => {
    podman.must("rm", "-f", "-t", "0", "-a");
    expectNothingLeft();
  });

  it("gives a container an address, a gateway that answers, and tells both", () => {
    start("c1", "--network", "front");
    const { eth0 } = addresses("c1");
    expect(eth0).toEqual([expect.stringMatching(/^10\.34\.0\.\d+\/24$/)]);
    expect(inspect("c1", ".NetworkSettings.Networks.front.IPAddress")).toBe(eth0![0]!.replace("/24", ""));
    expect(podman.must("exec", "c1", "ip", "route")).toContain("default via 10.34.0.1 dev eth0");
    podman.must("exec", "c1", "ping", "-c1", "-W2", "10.34.0.1");
  });

  it("gives it one of each family", () => {
    start("c1", "--network", "dual");
    expect(addresses("c1").eth0!.toSorted()).toEqual([
      expect.stringMatching(/^10\.36\.0\.\d+\/24$/),
      expect.stringMatching(/^fd00:36::.*\/64$/),
    ]);
    for (const gateway of ["10.36.0.1", "fd00:36::1"]) {
      podman.must("exec", "c1", "ping", "-c1", "-W2", gateway);
    }
  });

  it("gives it the address and the MAC that it names", () => {
    start("c1", "--network", "front", "--ip", "10.34.0.77", "--mac-address", MAC);
    expect(addresses("c1")).toEqual({ eth0: ["10.34.0.77/24"] });
    expect(podman.must("exec", "c1", "ip", "link", "show", "eth0")).toContain(MAC);
    expect(inspect("c1", ".NetworkSettings.Networks.front.MacAddress")).toBe(MAC);
    const taken = podman.run(["run", "--rm", "--network", "front", "--ip", "10.34.0.77", IMAGE]);
    expect(taken.status).not.toBe(0);
    expect(taken.stderr).toContain("10.34.0.77 is held by");
    podman.must("rm", "-f", "-t", "0", "c1");
    start("c2", "--network", "front", "--ip", "10.34.0.77");
    expect(addresses("c2")).toEqual({ eth0: ["10.34.0.77/24"] });
  });

  it("connects one container to two networks, and to another while it runs", () => {
    start("c1", "--network", `front:ip=10.34.0.80,mac=${MAC}`, "--network", "back:ip=10.35.0.80");
    const { eth0, eth1 } = addresses("c1");
    // podman hands the interfaces out in no order.
    expect([eth0![0]!, eth1![0]!].toSorted()).toEqual(["10.34.0.80/24", "10.35.0.80/24"]);
    podman.must("network", "connect", "dual", "c1");
    expect(Object.keys(addresses("c1")).toSorted()).toEqual(["eth0", "eth1", "eth2"]);
    podman.must("network", "disconnect", "front", "c1");
    expect(Object.values(addresses("c1")).flat()).not.toContain("10.34.0.80/24");
    for (const gateway of ["10.35.0.1", "10.36.0.1"]) {
      podman.must("exec", "c1", "ping", "-c1", "-W2", gateway);
    }
  });

  it("publishes a port outside, for other containers, and for the container itself", async () => {
    const outside = await Outside.connect(podman.node);
    start("c1", "--network", "front", "-p", "8080:7");
    start("c2", "--network", "back");
    const netns = (name: string) => inspect(name, ".NetworkSettings.SandboxKey").replace("/run/netns/", "");
    const endServer = await serveWhoAmI(podman.node, netns("c1"), "it is c1");
    for (const client of [Outside.netns, netns("c2"), netns("c1")]) {
      expect(whoAmI(podman.node, client, Outside.node.v4, 8080), client).toBe("it is c1");
    }
    await endServer();
    podman.must("rm", "-f", "-t", "0", "-a");
    await outside.disconnect();
  });

  it.each([
    ["ends by itself", () => {}, "sleep 0"],
    ["is killed", () => podman.must("kill", "c1"), "sleep 1000"],
    [
      "is killed behind podman's back",
      () => podman.node.must("kill", ["-9", inspect("c1", ".State.Pid")]),
      "sleep 1000",
    ],
    ["is stopped", () => podman.must("stop", "-t", "0", "c1"), "sleep 1000"],
  ])("leaves nothing of a container that %s, and starts it again", async (_name, end, command) => {
    podman.must("run", "-d", "--name", "c1", "--network", "front", IMAGE, ...command.split(" "));
    end();
    await expect.poll(() => traces(podman.node, "front"), { timeout: 30_000 }).toEqual(NO_TRACES);
    podman.must("start", "c1");
  });

  it("starts its containers after a loss of power, with the leases of before still on disk", () => {
    start("fixed", "--network", "front", "--ip", "10.34.0.90");
    for (const name of ["c1", "c2", "c3"]) start(name, "--network", "front", "--network", "back");
    const before = traces(podman.node, "front").leases;
    expect(before).toHaveLength(4);
    podman.reboot();
    expect(traces(podman.node, "front")).toEqual({ ...NO_TRACES, leases: before });

    for (const name of ["c3", "c2", "c1", "fixed"]) podman.must("start", name);
    expect(addresses("fixed")).toEqual({ eth0: ["10.34.0.90/24"] });
    expect(traces(podman.node, "front").leases).toHaveLength(4);
    const all = ["c1", "c2", "c3"].map((name) => Object.values(addresses(name)).flat());
    expect(new Set(all.flat()).size).toBe(6);
    podman.must("exec", "c1", "ping", "-c1", "-W2", "10.34.0.90");
  });
});
