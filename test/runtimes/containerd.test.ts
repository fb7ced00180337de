// Debian's containerd, started for this test alone: its own root, state and socket, on a simulated node where
// /etc/cni/net.d and /opt/cni/bin are private. `ctr run --cni` is the runtime: go-cni calls ADD before the container
// starts, and DEL with an empty CNI_NETNS after it has ended.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildImage, IMAGE } from "../support/image.ts";
import { Sandbox } from "../support/sandbox.ts";

// containerd 1.6 knows CNI up to 1.0.0.
const CONF = {
  cniVersion: "1.0.0",
  name: "ctrnet",
  plugins: [
    {
      type: "bridge",
      bridge: "ctr0",
      isDefaultGateway: true,
      ipMasq: true,
      ipMasqBackend: "nftables",
      ipam: { type: "host-local", ranges: [[{ subnet: "10.30.0.0/24" }], [{ subnet: "fd00:30::/64" }]] },
    },
  ],
};
const SOCKET = "/run/containerd.sock";
const ENV = { CONTAINERD_ADDRESS: SOCKET, CONTAINERD_SNAPSHOTTER: "native" };

describe("ctr run --cni", () => {
  let node: Sandbox;
  let directory: string;
  let containerd: ChildProcess;

  const ctr = (...args: string[]) => node.must("ctr", args, { env: ENV });
  /** Runs a shell script in a new container to its end; the container and its network are gone afterwards. */
  const container = (id: string, script: string) =>
    ctr("run", "--rm", "--cni", IMAGE, id, "sh", "-euc", script);
  /** What still names the attachment of a container. */
  const traces = () => ({
    veths: node.json("ip -j link show type veth").length,
    leases: node
      .sh("cd /var/lib/cni/networks/ctrnet; ls | grep -E '^(10|fd00)' || true")
      .split("\n")
      .filter(Boolean),
    records: node.sh("find /run/cni-bridge -type f 2>/dev/null || true").split("\n").filter(Boolean),
    masqueraded: (
      node.must("nft", ["list", "ruleset"]).match(/10\.30\.0\.\d+|fd00:30::[0-9a-f]+/g) ?? []
    ).filter((address) => address !== "10.30.0.0" && address !== "10.30.0.1").length,
  });

  beforeAll(async () => {
    if (process.getuid?.() !== 0) throw new Error("containerd needs root");
    directory = mkdtempSync(join(tmpdir(), "containerd-"));
    node = await Sandbox.create({ empty: ["/etc/cni/net.d", "/opt/cni/bin"] });
    node.sh(`cp -d ${node.bin}/* /opt/cni/bin/; cat >/etc/cni/net.d/10-ctrnet.conflist`, {
      input: JSON.stringify(CONF),
    });
    const config = `
version = 2
root = "${directory}/root"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${directory}/opt"
`;
    node.sh("cat >/run/containerd.toml", { input: config });
    containerd = node.start("sh", [
      "-c",
      "exec containerd -c /run/containerd.toml >/run/containerd.log 2>&1",
    ]);
    const version = node.run("ctr", ["--connect-timeout", "30s", "version"], { env: ENV });
    if (version.status !== 0) {
      throw new Error(`containerd does not answer: ${version.stderr}${node.sh("cat /run/containerd.log")}`);
    }
    ctr("image", "import", buildImage(directory));
  });

  afterAll(async () => {
    if (containerd !== undefined) {
      for (const id of ctr("task", "ls", "-q").split("\n").filter(Boolean)) ctr("task", "rm", "-f", id);
      const closed = once(containerd, "close");
      containerd.kill("SIGTERM");
      await closed;
    }
    await node?.dispose();
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  });

  it("gives the container its addresses, routes, and a gateway that answers", () => {
    const said = container(
      "talks",
      "ip -o addr show eth0; ip route; ip -6 route; ping -c1 -W2 10.30.0.1; ping -c1 -W2 fd00:30::1",
    );
    expect(said).toMatch(/inet 10\.30\.0\.2\/24 /);
    expect(said).toMatch(/inet6 fd00:30::2\/64 scope global/);
    expect(said).toContain("default via 10.30.0.1 dev eth0");
    expect(said).toContain("default via fd00:30::1 dev eth0");
    expect(said.match(/1 packets received/g)).toHaveLength(2);
  });

  it("leaves no link, lease, record or rule of a container that has ended", () => {
    expect(traces()).toEqual({ veths: 0, leases: [], records: [], masqueraded: 0 });
  });

  it("runs containers side by side, each with addresses of its own, and forgets them", async () => {
    const ids = ["a", "b", "c", "d"];
    const running = ids.map((id) => {
      const child = node.start(
        "ctr",
        ["run", "--rm", "--cni", IMAGE, id, "sh", "-c", "ip -o addr; sleep 3"],
        {
          env: ENV,
        },
      );
      let said = "";
      child.stdout!.on("data", (chunk) => {
        said += chunk;
      });
      return once(child, "close").then(([code]) => ({
        code,
        address: /inet (10\.30\.0\.\d+)\/24/.exec(said)?.[1],
      }));
    });
    await expect.poll(() => traces().leases, { timeout: 20_000 }).toHaveLength(2 * ids.length);
    const during = traces();
    expect(during).toMatchObject({ veths: ids.length, masqueraded: 2 * ids.length });
    expect(during.records).toHaveLength(ids.length);
    const ended = await Promise.all(running);
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(new Set(ended.map(({ address }) => address)).size).toBe(ids.length);
    expect(traces()).toEqual({ veths: 0, leases: [], records: [], masqueraded: 0 });
  });
});
