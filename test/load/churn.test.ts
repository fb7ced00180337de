// Hundreds of containers up and down at once, with plugins and namespaces killed at random, half of it by the reference
// plugin on the same network: no two containers ever have one address, and afterwards nothing is left.
// LOAD_SECONDS says for how long, LOAD_SEED with which dice.

import { afterAll, beforeAll, expect, it } from "vitest";
import { REFERENCE } from "../support/executables.ts";
import { randomFrom } from "../support/mutation.ts";
import { confText, type PluginCall } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";

const CONTAINERS = 500;
const WORKERS = 32;
const SECONDS = Number(process.env.LOAD_SECONDS ?? 120);
const SEED = Number(process.env.LOAD_SEED ?? Date.now() % 2 ** 32);

/** Fewer addresses than would be needed if any were lost. */
const CONF = {
  cniVersion: "1.0.0",
  name: "load",
  type: "bridge",
  bridge: "br0",
  isDefaultGateway: true,
  ipMasq: true,
  ipMasqBackend: "nftables",
  ipam: { type: "host-local", ranges: [[{ subnet: "10.60.0.0/22" }], [{ subnet: "fd00:60::/64" }]] },
};

let node: Sandbox;
beforeAll(async () => {
  node = await Sandbox.create();
  for (let at = 0; at < CONTAINERS; at += 50) {
    const ids = Array.from({ length: 50 }, (_, index) => `ip netns add c${at + index}`);
    node.sh(ids.join("\n"));
  }
}, 120_000);
afterAll(() => node?.dispose());

const random = randomFrom(SEED);
/** By address: the container that was told it has it. */
const holders = new Map<string, string>();
const counts = { added: 0, refused: 0, deleted: 0, killed: 0, namespaces: 0, byReference: 0 };

function call(id: string): PluginCall {
  const bin = random(4) === 0 ? REFERENCE : node.bin;
  if (bin === REFERENCE) counts.byReference++;
  return { containerId: id, netns: `/run/netns/${id}`, bin };
}

/** Starts a verb and kills the plugin after some milliseconds. */
async function killed(id: string, verb: string): Promise<void> {
  const child = node.start(`${node.bin}/bridge`, [], {
    env: {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: id,
      CNI_NETNS: `/run/netns/${id}`,
      CNI_IFNAME: "eth0",
      CNI_PATH: node.bin,
    },
  });
  counts.killed++;
  const closed = new Promise((resolve) => child.once("close", resolve));
  child.stdin!.on("error", () => {});
  child.stdout!.resume();
  child.stdin!.end(confText(CONF));
  setTimeout(() => child.kill("SIGKILL"), 4 + random(12));
  await closed;
}

async function del(id: string, label: string): Promise<void> {
  // What it holds is nobody else's until the DEL has begun.
  for (const [address, holder] of holders) if (holder === id) holders.delete(address);
  const ended = await node.pluginAsync("bridge", "DEL", CONF, { ...call(id), bin: node.bin });
  expect(ended.status, `${label}: DEL ${id}: ${ended.stdout}`).toBe(0);
  counts.deleted++;
}

/** One life of one container, with what may come between. */
async function live(id: string): Promise<void> {
  const fate = random(10);
  if (fate === 0) await killed(id, "ADD");
  const caller = call(id);
  const added = fate === 0 ? undefined : await node.pluginAsync("bridge", "ADD", CONF, caller);
  if (added?.status === 0) {
    counts.added++;
    for (const { address } of added.json.ips as { address: string }[]) {
      const other = holders.get(address);
      expect(other, `${address} was given to ${id} while ${other} has it (seed ${SEED})`).toBeUndefined();
      holders.set(address, id);
    }
  } else if (added !== undefined) {
    counts.refused++;
    // The reference gives up on a busy machine's duplicate address detection, and leaves the link to the DEL.
    const gaveUp = caller.bin === REFERENCE && added.stdout.includes("still has tentative addresses");
    if (!gaveUp) throw new Error(`ADD ${id}: ${added.stdout} ${added.stderr} (seed ${SEED})`);
  }
  await new Promise((resolve) => setTimeout(resolve, random(300)));
  if (fate === 1) {
    // Killed half way: its addresses are free or not, which is not for us to know.
    for (const [address, holder] of holders) if (holder === id) holders.delete(address);
    await killed(id, "DEL");
  }
  if (fate === 2) {
    counts.namespaces++;
    // The kernel takes the link; the plugin learns of it at DEL.
    node.start("ip", ["netns", "del", id], {}, "ignore");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await del(id, `fate ${fate}`);
  if (fate === 2) {
    await new Promise((resolve) =>
      node.start("ip", ["netns", "del", id], {}, "ignore").once("close", resolve),
    );
    await new Promise((resolve) =>
      node.start("ip", ["netns", "add", id], {}, "ignore").once("close", resolve),
    );
  }
}

/** The IPv4 addresses of containers' interfaces as the kernel has them: `[container, address]`. */
async function addressesOf(ids: readonly string[]): Promise<(readonly [string, string])[]> {
  const script = `for id; do echo "$id" $(nsenter --net=/run/netns/$id ip -o -4 addr show eth0 2>/dev/null); done`;
  const child = node.start("sh", ["-c", script, "sh", ...ids], {}, ["ignore", "pipe", "ignore"]);
  let text = "";
  child.stdout!.on("data", (chunk) => {
    text += chunk;
  });
  await new Promise((resolve) => child.once("close", resolve));
  return [...text.matchAll(/^(\S+) .* inet (\S+)\//gm)].map(([, id, address]) => [id!, address!]);
}

/** Reads all namespaces; an address in two of them that is still in both when looked at again is a duplicate. */
async function lookForDuplicates(ids: readonly string[]): Promise<number> {
  const found = await addressesOf(ids);
  const byAddress = new Map<string, string[]>();
  for (const [id, address] of found) byAddress.set(address, [...(byAddress.get(address) ?? []), id]);
  for (const [address, suspects] of byAddress) {
    if (suspects.length < 2) continue;
    const still = (await addressesOf(suspects)).filter(([, each]) => each === address);
    expect(still.length, `${address} is in ${suspects.join(" and ")} (seed ${SEED})`).toBeLessThan(2);
  }
  return found.length;
}

it(`${CONTAINERS} containers with ${WORKERS} at once leave nothing and share no address`, async () => {
  console.log(`LOAD_SEED=${SEED}`);
  const end = Date.now() + SECONDS * 1000;
  const all = Array.from({ length: CONTAINERS }, (_, index) => `c${index}`);
  const queue = [...all];
  let looked = 0;
  const watch = (async () => {
    while (Date.now() < end) {
      looked += await lookForDuplicates(all);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  })();
  const worker = async () => {
    for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
      await live(id);
      if (Date.now() < end) queue.push(id);
    }
  };
  await Promise.all([watch, ...Array.from({ length: WORKERS }, worker)]);
  // A kill may have left what only DEL or GC of that container takes away; each had its DEL, so this finds nothing.
  const gc = node.plugin("bridge", "GC", { ...CONF, cniVersion: "1.1.0", "cni.dev/valid-attachments": [] });
  expect(gc.status, gc.stdout).toBe(0);

  console.log(JSON.stringify({ ...counts, addressesLookedAt: looked, seconds: SECONDS }));
  expect(counts.added).toBeGreaterThan(CONTAINERS / 2);
  expect(looked).toBeGreaterThan(0);
  expect(node.sh("ls /var/lib/cni/networks/load | grep -v -e lock -e last_reserved || true")).toBe("");
  expect(node.sh("ip -o link show type veth")).toBe("");
  expect(node.sh("nft list ruleset | grep elements || true")).toBe("");
  expect(node.sh("find /run/cni-bridge ! -type d 2>/dev/null || true")).toBe("");
  // The reference's nft backend keeps a table of its own, with a chain of one rule for each container.
  expect(node.sh("nft list ruleset | grep -e '10.60.0.[0-9]* ' -e '-c[0-9]' || true")).toBe("");
}, 900_000);
