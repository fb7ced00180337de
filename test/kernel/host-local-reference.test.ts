// host-local beside the reference's: the same calls give the same answers and the same files, and both work on one
// directory at once, 256 calls side by side.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { REFERENCE } from "../support/executables.ts";
import { leasesOf } from "../support/leases.ts";
import { hostLocal } from "../support/network.ts";
import { Sandbox } from "../support/sandbox.ts";

let node: Sandbox;
beforeAll(async () => {
  node = await Sandbox.create();
});
afterAll(() => node.dispose());

const store = (name: string) => `/var/lib/cni/networks/${name}`;

/** Names, modes and bytes of everything the reference would see. */
function files(name: string): string {
  return node.sh(
    `cd ${store(name)} && find . -path ./.cni-bridge -prune -o -type f -printf '%P %m ' -exec sh -c 'od -An -c "$1" | tr -s "\\n" " "' _ {} ';' -printf '\\n' | sort`,
  );
}

describe("the same calls as the reference's executable", () => {
  type Step = readonly [verb: "ADD" | "DEL", id: string, call?: { args?: string; ifname?: string }];
  const around: Step[] = [
    ...[1, 2, 3, 4, 5].map((n): Step => ["ADD", `c${n}`]),
    ["ADD", "c6"],
    ["DEL", "c2"],
    ["ADD", "c7"],
    ["ADD", "c7"],
    ["DEL", "unknown"],
  ];
  const cases: [string, object, Step[]][] = [
    ["go round a /29 to its end", { subnet: "10.9.1.0/29" }, around],
    [
      "go round two ranges",
      { ranges: [[{ subnet: "10.9.2.0/30" }, { subnet: "10.9.3.0/29", rangeStart: "10.9.3.3" }]] },
      around,
    ],
    [
      "take two families, with routes",
      {
        ranges: [[{ subnet: "10.9.4.0/24" }], [{ subnet: "2001:db8:9::/64" }]],
        routes: [
          { dst: "0.0.0.0/0", mtu: 1400, table: 7, scope: 0 },
          { dst: "::/0", gw: "2001:db8:9::7" },
        ],
      },
      [
        ["ADD", "a"],
        ["ADD", "a", { ifname: "eth1" }],
        ["DEL", "a"],
        ["ADD", "b"],
      ],
    ],
    [
      "take requested addresses",
      { subnet: "10.9.5.0/24", rangeStart: "10.9.5.0", rangeEnd: "10.9.5.255", gateway: "10.9.5.9" },
      [
        ["ADD", "a", { args: "IgnoreUnknown=1;IP=10.9.5.200" }],
        ["ADD", "b", { args: "IP=10.9.5.9" }],
        ["ADD", "b", { args: "IP=10.9.5.255/24" }],
        ["ADD", "c"],
      ],
    ],
  ];
  it.each(cases)("%s: equal answers, equal files", (what, ipam, steps) => {
    const run = (bin: string, name: string) =>
      steps.map(([verb, containerId, call]) => {
        const ended = node.plugin("host-local", verb, hostLocal(name, ipam), {
          containerId,
          netns: "/nonexistent",
          bin,
          ...call,
        });
        const failed = ended.status !== 0;
        return failed ? "failed" : ended.stdout;
      });
    const ours = `ours-${cases.findIndex(([name]) => name === what)}`;
    const theirs = ours.replace("ours", "theirs");
    expect(run(node.bin, ours)).toEqual(run(REFERENCE, theirs));
    expect(files(ours)).toBe(files(theirs));
  });

  it("begins each error with the reference's text", () => {
    const conf = hostLocal("texts", { subnet: "10.9.6.0/29" });
    const fail = (bin: string, id: string, args?: string) => {
      const { json } = node.plugin("host-local", "ADD", conf, {
        containerId: id,
        netns: "/x",
        bin,
        ...(args !== undefined && { args }),
      });
      return json.msg as string;
    };
    node.plugin("host-local", "ADD", conf, { containerId: "a", netns: "/x" });
    for (const [id, args] of [
      ["a"],
      ["b", "IP=10.9.6.2"],
      ["b", "IP=10.9.6.1"],
      ["b", "IP=10.9.7.1"],
    ] as const)
      expect(fail(node.bin, id, args).startsWith(fail(REFERENCE, id, args)), fail(node.bin, id, args)).toBe(
        true,
      );
  });

  it("each releases what the other gave, and neither sees a lease twice", () => {
    const conf = hostLocal("switch", {
      ranges: [[{ subnet: "10.9.7.0/24" }], [{ subnet: "2001:db8:7::/64" }]],
    });
    const call = (containerId: string, bin: string) => ({ containerId, bin, netns: "/x" });
    for (const [n, bin] of [node.bin, REFERENCE, node.bin, REFERENCE].entries())
      expect(node.plugin("host-local", "ADD", conf, call(`c${n}`, bin)).status).toBe(0);
    for (const [n, bin] of [REFERENCE, node.bin, REFERENCE, node.bin].entries()) {
      expect(node.plugin("host-local", "CHECK", conf, call(`c${n}`, bin)).status).toBe(0);
      expect(node.plugin("host-local", "DEL", conf, call(`c${n}`, bin)).status).toBe(0);
      expect(node.plugin("host-local", "CHECK", conf, call(`c${n}`, bin)).status).not.toBe(0);
      expect(leasesOf(node, "switch").size).toBe(2 * (3 - n));
    }
  });
});

describe("on one directory at once", () => {
  it.each([
    ["ours alone", () => node.bin],
    ["ours and the reference's", (n: number) => (n % 3 === 0 ? REFERENCE : node.bin)],
  ])(
    "256 ADDs and DELs by %s neither give an address twice nor lose one",
    async (what, binOf) => {
      const name = what.replace(/\W+/g, "-");
      const conf = hostLocal(name, {
        ranges: [[{ subnet: "10.10.0.0/22" }], [{ subnet: "2001:db8:10::/64" }]],
      });
      const call = (n: number) => ({ containerId: `c${n}`, bin: binOf(n), netns: "/x", timeoutMs: 50_000 });
      const old = Array.from({ length: 64 }, (_, n) => n);
      for (const n of old) node.plugin("host-local", "ADD", conf, call(n));
      const fresh = Array.from({ length: 192 }, (_, n) => n + 64);
      const [added, deleted] = await Promise.all([
        Promise.all(
          fresh.map(async (n) => ({ n, ended: await node.pluginAsync("host-local", "ADD", conf, call(n)) })),
        ),
        Promise.all(old.map(async (n) => await node.pluginAsync("host-local", "DEL", conf, call(n)))),
      ]);
      expect(deleted.filter(({ status }) => status !== 0)).toEqual([]);
      const given = new Map<string, string>();
      for (const { n, ended } of added) {
        expect(ended.status, ended.stdout).toBe(0);
        for (const { address } of ended.json.ips) {
          const ip = address.split("/")[0];
          expect(given.has(ip), `${ip} twice`).toBe(false);
          given.set(ip, `c${n}/:eth0`);
        }
      }
      expect(given.size).toBe(2 * fresh.length);
      expect(leasesOf(node, name)).toEqual(new Map([...given].sort(([a], [b]) => (a < b ? -1 : 1))));
      const gone = await Promise.all(
        fresh.map((n) => node.pluginAsync("host-local", "DEL", conf, { ...call(n), bin: binOf(n + 1) })),
      );
      expect(gone.filter(({ status }) => status !== 0)).toEqual([]);
      expect(leasesOf(node, name).size).toBe(0);
    },
    180_000,
  );
});
