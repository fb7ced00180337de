// Log and trace of the real executable: what they say is what ip and strace see, and neither is ever in the way.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { attachment, SILENT } from "../support/network.ts";
import { Sandbox } from "../support/sandbox.ts";

const conf = {
  cniVersion: "1.1.0",
  name: "net",
  type: "bridge",
  isGateway: true,
  ipMasq: true,
  ipam: { type: "host-local", subnet: "10.1.0.0/24" },
};
const c1 = attachment("c1", { ifname: "eth0" });

describe("logs", () => {
  let node: Sandbox;
  beforeEach(async () => {
    node = await Sandbox.create();
    node.addNetns("c1");
  });
  afterEach(() => node?.dispose());

  const call = (verb: string, value: object, env: Record<string, string>) =>
    node.plugin("bridge", verb, value, { ...c1, env });
  const lines = (path: string) =>
    node
      .sh(`cat ${path}`)
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));

  it("has one line per call, with what came of it", () => {
    const env = { CNI_BRIDGE_LOG: "/run/log" };
    const { json } = call("ADD", conf, env);
    expect(call("ADD", conf, env).status).toBe(1);
    expect(call("DEL", conf, env)).toMatchObject(SILENT);
    const [added, refused, deleted, ...more] = lines("/run/log");
    expect(more).toEqual([]);
    expect(added).toMatchObject({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      plugin: "bridge",
      verb: "ADD",
      network: "net",
      containerId: "c1",
      ifname: "eth0",
      netns: "/run/netns/c1",
      ok: true,
      addresses: [json.ips[0].address],
      interfaces: json.interfaces.map(({ name }: { name: string }) => name),
    });
    expect(Object.keys(added.phases)).toEqual(["read", "prepare", "link", "ipam", "addresses"]);
    const sum = (Object.values(added.phases) as number[]).reduce((a, b) => a + b, 0);
    expect(Math.abs(sum - added.ms)).toBeLessThan(0.01);
    expect(refused).toMatchObject({ ok: false, error: { code: 100, msg: expect.stringContaining("eth0") } });
    expect(deleted).toMatchObject({ verb: "DEL", ok: true });
    expect(Object.keys(deleted.phases)).toEqual(["read", "prepare", "link", "masquerade", "ipam"]);
  });

  it("logs where the configuration says, and warnings with it", () => {
    const { status, stderr } = call("ADD", { ...conf, logFile: "/run/own", isGatway: true }, {});
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining("isGatway") });
    expect(lines("/run/own")).toMatchObject([{ ok: true, warnings: [expect.stringContaining("isGatway")] }]);
  });

  it("logs a call whose configuration nobody understands", () => {
    expect(node.plugin("bridge", "ADD", "{", { ...c1, env: { CNI_BRIDGE_LOG: "/run/log" } }).status).toBe(1);
    expect(lines("/run/log")).toMatchObject([
      { verb: "ADD", containerId: "c1", ok: false, error: { code: 6 } },
    ]);
  });

  it.each([["/nowhere/log"], ["/run"], ["/run/pipe"]])("lets no call fail for %s", (path) => {
    node.sh("mkfifo /run/pipe");
    const env = { CNI_BRIDGE_LOG: path, CNI_BRIDGE_TRACE: path };
    const { status, json, stderr } = call("ADD", conf, env);
    expect(status).toBe(0);
    expect(json.ips).toHaveLength(1);
    expect(stderr).toMatch(new RegExp(`cannot trace to ${path}.*\n.*cannot log to ${path}`));
    expect(call("DEL", conf, env)).toMatchObject({ status: 0, stdout: "" });
  });

  it("keeps lines of calls at the same time apart", async () => {
    const ids = Array.from({ length: 16 }, (_, index) => `p${index}`);
    for (const id of ids) node.addNetns(id);
    const env = { CNI_BRIDGE_LOG: "/run/log" };
    await Promise.all(
      ids.map((id) =>
        node.pluginAsync("bridge", "ADD", conf, { containerId: id, netns: `/run/netns/${id}`, env }),
      ),
    );
    expect(
      lines("/run/log")
        .map(({ containerId }) => containerId)
        .sort(),
    ).toEqual([...ids].sort());
  });

  it("traces every netlink message that strace sees, decoded", () => {
    const env = { CNI_BRIDGE_TRACE: "/run/trace" };
    const under = ["strace", "-f", "-e", "trace=sendto,send,sendmsg", "-o", "/run/strace"];
    const { status } = node.plugin("bridge", "ADD", conf, { ...c1, env, under });
    expect(status).toBe(0);
    const trace = lines("/run/trace");
    const sent = trace.filter(({ direction }) => direction === "send");
    const seen = node.sh("cat /run/strace").match(/nlmsg_len=|len=\d+, type=/g) ?? [];
    expect(sent.length).toBeGreaterThan(10);
    expect(seen.length).toBeGreaterThanOrEqual(sent.length);
    const pair = sent.find(
      ({ message, body }) => message === "RTM_NEWLINK" && body.linkinfo?.kind === "veth",
    );
    expect(pair).toMatchObject({
      netns: "own",
      flags: ["REQUEST", "ACK", "EXCL", "CREATE"],
      body: { linkinfo: { data: { peer: { ifname: "eth0" } } } },
    });
    expect(
      trace.find(({ direction, seq, fd }) => direction === "receive" && seq === pair.seq && fd === pair.fd),
    ).toMatchObject({ message: "ANSWER to RTM_NEWLINK", errno: "0", afterMs: expect.any(Number) });
    const address = sent.find(({ message, netns }) => message === "RTM_NEWADDR" && netns === "other");
    expect(address.body).toMatchObject({ local: "0a010002", prefixlen: 24 });
    expect(sent.some(({ message }) => message === "NFT_MSG_NEWSETELEM")).toBe(true);
  });

  it("traces what the kernel refuses, and the answer that a child waits for", () => {
    const env = { CNI_BRIDGE_TRACE: "/run/trace" };
    call("ADD", conf, env);
    expect(call("DEL", conf, env).status).toBe(0);
    const trace = lines("/run/trace");
    expect(trace.some(({ errno }) => errno?.startsWith("ENODEV"))).toBe(true);
    expect(trace).toContainEqual(
      expect.objectContaining({ direction: "send from child", message: "RTM_DELLINK" }),
    );
  });
});
