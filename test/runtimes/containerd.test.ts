// `ctr run --cni` with Debian's containerd: go-cni calls ADD before the container starts, and DEL with an empty
// CNI_NETNS after it has ended.

import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Containerd } from "../support/containerd.ts";
import { IMAGE } from "../support/image.ts";
import { NO_TRACES, traces } from "../support/traces.ts";

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

describe("ctr run --cni", () => {
  let containerd: Containerd;
  const left = () => traces(containerd.node, "ctrnet");

  beforeAll(async () => {
    containerd = await Containerd.start({ conf: CONF });
  });
  afterAll(() => containerd?.dispose());

  it("gives the container its addresses, routes, and a gateway that answers", () => {
    const script =
      "ip -o addr show eth0; ip route; ip -6 route; ping -c1 -W2 10.30.0.1; ping -c1 -W2 fd00:30::1";
    const said = containerd.ctr("run", "--rm", "--cni", IMAGE, "talks", "sh", "-euc", script);
    expect(said).toMatch(/inet 10\.30\.0\.2\/24 /);
    expect(said).toMatch(/inet6 fd00:30::2\/64 scope global/);
    expect(said).toContain("default via 10.30.0.1 dev eth0");
    expect(said).toContain("default via fd00:30::1 dev eth0");
    expect(said.match(/1 packets received/g)).toHaveLength(2);
  });

  it("leaves no link, lease, record or rule of a container that has ended", () => {
    expect(left()).toEqual(NO_TRACES);
  });

  it("runs containers side by side, each with addresses of its own, and forgets them", async () => {
    const ids = ["a", "b", "c", "d"];
    const running = ids.map((id) => {
      const child = containerd.node.start(
        "ctr",
        ["run", "--rm", "--cni", IMAGE, id, "sh", "-c", "ip -o addr; exec sleep 1000"],
        { env: containerd.env },
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
    await expect.poll(() => left().leases, { timeout: 120_000 }).toHaveLength(2 * ids.length);
    const during = left();
    expect(during).toMatchObject({ veths: ids.length, masqueraded: 2 * ids.length });
    expect(during.records).toHaveLength(ids.length);
    for (const id of ids) containerd.ctr("task", "kill", "-s", "KILL", id);
    const ended = await Promise.all(running);
    expect(ended.map(({ code }) => code)).toEqual(ids.map(() => 128 + 9));
    expect(new Set(ended.map(({ address }) => address)).size).toBe(ids.length);
    expect(left()).toEqual(NO_TRACES);
  });
});
