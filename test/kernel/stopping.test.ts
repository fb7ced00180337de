// Being asked to stop, and losing whoever asked for the work: a delegate that is slow or dies, a runtime that goes away
// and closes our pipes, SIGTERM, SIGINT and SIGHUP in the middle. Never half an attachment.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { attachment, dualStack } from "../support/network.ts";
import { Sandbox } from "../support/sandbox.ts";

const CONF = dualStack(41, { ipam: { type: "slow" } });
const OWN = { ...CONF, ipam: { type: "host-local", subnet: "10.41.0.0/24" } };
const CALL = attachment("c1", { path: "/run/bin" });
const ANSWER = '{"cniVersion":"1.1.0","ips":[{"address":"10.41.0.9/24","gateway":"10.41.0.1"}]}';

let node: Sandbox;
beforeEach(async () => {
  node = await Sandbox.create();
  node.addNetns("c1");
  node.sh("mkdir /run/bin");
});
afterEach(() => node.dispose());

/** An IPAM plugin that notes what it is asked for, and does `add` at ADD. */
function delegate(add: string): void {
  const script = `#!/bin/sh\ncat >/dev/null\necho $CNI_COMMAND >>/run/asked\n[ $CNI_COMMAND != ADD ] || { ${add}; }\n`;
  node.must("tee", ["/run/bin/slow"], { input: script });
  node.sh("chmod +x /run/bin/slow");
}

const left = () =>
  node.sh(`ip -o link show type veth; find /run/cni-bridge /var/lib/cni ! -type d -name '[0-9v]*' 2>/dev/null || true
    nft list ruleset | grep elements || true`);
const asked = () => node.sh("cat /run/asked").trim().split("\n");

function start(verb: string, conf: object, stdio: "pipe" | "ignore" = "pipe") {
  const child = node.start(
    `${node.bin}/bridge`,
    [],
    {
      env: {
        CNI_COMMAND: verb,
        CNI_CONTAINERID: CALL.containerId,
        CNI_NETNS: CALL.netns,
        CNI_IFNAME: "eth0",
        CNI_PATH: CALL.path,
      },
    },
    ["pipe", stdio, "pipe"],
  );
  child.stdin!.end(JSON.stringify(conf));
  return child;
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    expect(tries).toBeLessThan(500);
    await sleep(10);
  }
}

describe("asked to stop", () => {
  it.each([
    "SIGTERM",
    "SIGINT",
    "SIGHUP",
  ] as const)("%s while a delegate works is passed on, and all is undone", async (signal) => {
    delegate("exec sleep 60");
    const child = start("ADD", CONF);
    let stdout = "";
    child.stdout!.on("data", (chunk) => {
      stdout += chunk;
    });
    await until(() => node.run("cat", ["/run/asked"]).stdout.includes("ADD"));
    await sleep(50);
    child.kill(signal);
    const [status] = await once(child, "close");
    expect(status, stdout).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ code: 103, msg: expect.stringMatching(/signal/) });
    expect(asked()).toEqual(["ADD", "DEL"]);
    expect(left()).toBe("");
  });

  it("a delegate that takes the signal as it likes decides: its answer counts", async () => {
    delegate(
      `trap 'echo ${JSON.stringify(ANSWER).slice(1, -1).replaceAll('\\"', '\\"')} | sed s/x/x/; exit 0' TERM; sleep 3 & wait`,
    );
    const child = start("ADD", CONF);
    await until(() => node.run("cat", ["/run/asked"]).stdout.includes("ADD"));
    await sleep(50);
    child.kill("SIGTERM");
    const [status] = await once(child, "close");
    expect([0, 1]).toContain(status);
    if (status === 1) expect(left()).toBe("");
    else expect(node.plugin("bridge", "DEL", CONF, CALL).status).toBe(0);
    expect(left()).toBe("");
  });

  it("before it has its configuration it simply ends", async () => {
    const child = node.start(`${node.bin}/bridge`, [], {
      env: { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: CALL.netns, CNI_IFNAME: "eth0" },
    });
    await sleep(100);
    child.kill("SIGTERM");
    expect(await once(child, "close")).toEqual([null, "SIGTERM"]);
    expect(left()).toBe("");
  });
});

describe("a delegate", () => {
  it.each([
    ["that is killed", "kill -9 $$"],
    ["that says nothing", "exit 0"],
    ["that fails without a word", "exit 3"],
    ["that writes without end", "exec cat /dev/zero"],
    ["that closes its output and lives on", "exec >&- 2>&-; sleep 1; exit 1"],
    ["that leaves a child with its output", `(sleep 2 >/dev/null 2>&1) & exit 1`],
  ])("%s makes ADD fail, and all is undone", (_, add) => {
    delegate(add);
    const ended = node.plugin("bridge", "ADD", CONF, CALL);
    expect(ended.status).toBe(1);
    expect(ended.json).toMatchObject({ code: expect.any(Number), msg: expect.stringMatching(/./) });
    expect(asked()).toEqual(["ADD", "DEL"]);
    expect(left()).toBe("");
  });
});

describe("the runtime dies", () => {
  it("and closes our output while a delegate works: the ADD is undone", async () => {
    delegate(`sleep 0.5; echo '${ANSWER}'`);
    const child = start("ADD", CONF);
    await until(() => node.run("cat", ["/run/asked"]).stdout.includes("ADD"));
    child.stdout!.destroy();
    child.stderr!.destroy();
    const [status] = await once(child, "close");
    expect(status).toBe(1);
    expect(asked()).toEqual(["ADD", "DEL"]);
    expect(left()).toBe("");
  });

  it("before anything is written, with our own IPAM: the ADD is undone, and its DEL does no harm", async () => {
    const child = start("ADD", OWN);
    child.stdout!.destroy();
    const [status] = await once(child, "close");
    expect(status).toBe(1);
    expect(left()).toBe("");
    expect(node.plugin("bridge", "DEL", OWN, CALL).status).toBe(0);
  });
});
