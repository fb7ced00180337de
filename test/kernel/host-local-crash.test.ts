// kill -9 at each system call of ADD and DEL on the real kernel, on tmpfs and on the disk the tests run from; and a
// reboot, as a boot id mounted over the kernel's. What must hold is in test/host-local/crash.test.ts.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { REFERENCE } from "../support/executables.ts";
import { leasesOf } from "../support/leases.ts";
import { hostLocal } from "../support/network.ts";
import { Sandbox } from "../support/sandbox.ts";

const disk = mkdtempSync(join(tmpdir(), "host-local-"));
let node: Sandbox;
beforeAll(async () => {
  node = await Sandbox.create();
});
afterAll(async () => {
  await node.dispose();
  rmSync(disk, { recursive: true });
});

/** Five addresses, and as many of IPv6: an ADD makes two leases. */
const ranges = [
  [{ subnet: "10.20.0.0/29" }],
  [{ subnet: "2001:db8:20::/64", rangeStart: "2001:db8:20::10", rangeEnd: "2001:db8:20::14" }],
];
const confIn = (dataDir: string) => hostLocal("net", { ranges, dataDir });

/** As "address owner". */
const leases = (dataDir: string) => [...leasesOf(node, "net", dataDir)].map((lease) => lease.join(" "));

/** The calls of a run that concern the store, by name and number, in order. */
function callSites(under: (log: string) => void): { name: string; nth: number }[] {
  const log = "/run/strace.log";
  under(log);
  const counts = new Map<string, number>();
  const lines = node.sh(`cat ${log}`).split("\n");
  const start = lines.findIndex((line) => line.includes('/net"'));
  expect(start).toBeGreaterThan(0);
  return lines.flatMap((line, index) => {
    const name = /^(\w+)\(/.exec(line)?.[1];
    if (name === undefined) return [];
    counts.set(name, (counts.get(name) ?? 0) + 1);
    return index < start || name.startsWith("exit") ? [] : [{ name, nth: counts.get(name)! }];
  });
}

/** What a power cut may leave of a file: all, nothing, the beginning, NUL bytes. $1 is the file. */
const damages = [
  ":",
  ': >"$1"',
  'truncate -s 3 "$1"',
  'size=$(wc -c <"$1"); head -c "$size" /dev/zero >"$1"',
];

/** As if another boot had begun. */
async function rebooted(act: () => Promise<void> | void): Promise<void> {
  node.sh(`cat /proc/sys/kernel/random/uuid >/run/boot_id
    mount --bind /run/boot_id /proc/sys/kernel/random/boot_id`);
  try {
    await act();
  } finally {
    node.sh("umount /proc/sys/kernel/random/boot_id");
  }
}

describe.each([
  ["tmpfs", () => "/var/lib/cni"],
  ["disk", () => disk],
])("on %s", (_, place) => {
  /** Kills the verb for container k at each of its system calls, beside a container a. */
  async function killEverywhere(
    dataDir: string,
    verb: string,
    then: (
      run: (what: string, containerId: string, bin?: string) => number,
      at: string,
      nth: number,
    ) => Promise<void> | void,
  ): Promise<void> {
    const call = (what: string, containerId: string, under: string[] = [], bin = node.bin) =>
      node.plugin("host-local", what, confIn(dataDir), { containerId, netns: "/x", under, bin }).status;
    const prepare = () => {
      node.sh(`rm -rf ${dataDir}`);
      for (const id of verb === "ADD" ? ["a"] : ["a", "k"]) expect(call("ADD", id)).toBe(0);
    };
    prepare();
    const sites = callSites((log) => call(verb, "k", ["strace", "-qq", "-o", log]));
    expect(sites.length).toBeGreaterThan(15);
    for (const [index, { name, nth }] of sites.entries()) {
      prepare();
      const at = `${name} ${nth}`;
      const inject = `inject=${name}:signal=KILL:when=${nth}`;
      const status = call(verb, "k", ["strace", "-qq", "-o", "/dev/null", "-e", inject]);
      expect(status, at).toBeGreaterThanOrEqual(128);
      await then((what, id, bin) => call(what, id, [], bin), at, index);
    }
  }

  it.each([
    "ADD",
    "DEL",
  ])("a kill at any system call of %s half-writes no lease and loses none", async (verb) => {
    const dataDir = `${place()}/kill-${verb}`;
    const of = (id: string) => leases(dataDir).filter((lease) => lease.includes(` ${id}/`));
    await killEverywhere(dataDir, verb, (run, at, index) => {
      for (const lease of leases(dataDir)) expect(lease, at).toMatch(/^[0-9a-f.:]+ [ak]\/:eth0$/);
      expect(of("a"), at).toHaveLength(2);
      // Either plugin's DEL cleans up, and then all four addresses that are left can be given out.
      expect(run("DEL", "k", index % 2 === 0 ? REFERENCE : node.bin), at).toBe(0);
      expect(of("k"), at).toEqual([]);
      expect(
        ["f1", "f2", "f3", "f4", "f5"].map((id) => run("ADD", id)),
        at,
      ).toEqual([0, 0, 0, 0, 1]);
    });
  }, 300_000);

  it.each(["ADD", "DEL"])("a power cut at any system call of %s costs no address", async (verb) => {
    const dataDir = `${place()}/cut-${verb}`;
    await killEverywhere(dataDir, verb, (run, at, index) => {
      const damage = damages[index % damages.length]!;
      node.sh(`cd ${dataDir}/net; damage() { ${damage}; }; for f in [0-9]*; do damage "$f"; done`);
      return rebooted(() => {
        const given = ["f1", "f2", "f3", "f4", "f5", "f6"].map((id) => run("ADD", id));
        expect(given, `${at}, ${damage}`).toEqual([0, 0, 0, 0, 0, 1]);
        expect(new Set(leases(dataDir).map((lease) => lease.split(" ")[0])).size).toBe(10);
      });
    });
  }, 300_000);
});

describe("after a reboot", () => {
  it("the first ADD frees the dead, of the reference too, and torn files, and says so", async () => {
    const conf = confIn("/var/lib/cni/boot");
    const run = (what: string, containerId: string, bin = node.bin) =>
      node.plugin("host-local", what, conf, { containerId, netns: "/x", bin });
    for (const [id, bin] of [
      ["a", node.bin],
      ["r", REFERENCE],
      ["b", node.bin],
      ["c", node.bin],
    ] as const)
      expect(run("ADD", id, bin).status).toBe(0);
    node.sh(`cd /var/lib/cni/boot/net; : >10.20.0.2; printf 'c\\r\\ne' >10.20.0.5`);
    let ended = run("STATUS", "");
    await rebooted(() => {
      ended = run("ADD", "new");
    });
    const { status, stderr, json } = ended;
    expect(status).toBe(0);
    expect(json.ips[0].address).toBe("10.20.0.6/29");
    expect(leases("/var/lib/cni/boot")).toEqual(["10.20.0.6 new/:eth0", "2001:db8:20::14 new/:eth0"]);
    for (const ip of ["10.20.0.2", "10.20.0.3", "10.20.0.4", "10.20.0.5", "2001:db8:20::11"])
      expect(stderr).toContain(ip);
  });
});
