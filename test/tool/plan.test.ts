// The plan of each example as text, to be read by people: test/golden/plans. That the commands do what ADD does is
// tested in test/kernel/plan.test.ts. UPDATE_GOLDEN=1 writes the files anew.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Host } from "../../src/host.ts";
import { getRoute } from "../../src/netlink/rtnetlink.ts";
import { plan } from "../../src/tool/plan-command.ts";
import { FakeHost } from "../support/fake-host.ts";
import { fakeNetlink, listOf } from "../support/fake-netlink.ts";

const EXAMPLES = new URL("../../conf.d-examples/", import.meta.url);
const GOLDEN = new URL("../golden/plans/", import.meta.url);
const files = readdirSync(EXAMPLES).filter((file) => file !== "README.md");

/** The host, with a kernel that has no default route (for `"mtu": "auto"`). */
function withKernel(host: FakeHost): Host {
  const netlink = fakeNetlink({ answer: ([query]) => listOf(query!, getRoute, []) });
  const calls: readonly PropertyKey[] = ["socket", "setsockopt", "send", "recv"];
  return new Proxy({} as Host, {
    get(_, name) {
      if (calls.includes(name)) return netlink[name as keyof Host];
      const value = host[name as keyof FakeHost] as unknown;
      return typeof value === "function" ? value.bind(host) : value;
    },
  });
}

function planOf(text: string, options: Readonly<Record<string, string>> = {}): string {
  const host = new FakeHost();
  host.put("/conf", text);
  const before = host.written.size;
  const given = { operands: ["/conf"], options: new Map(Object.entries(options)) };
  expect(plan.run(withKernel(host), given, [])).toBe(0);
  expect(host.written.size).toBe(before);
  return host.stdout;
}

describe("plan", () => {
  it.each(files)("shows what ADD does with %s", (file) => {
    const shown = planOf(readFileSync(new URL(file, EXAMPLES), "utf8"));
    const golden = new URL(`${file}.txt`, GOLDEN);
    if (process.env.UPDATE_GOLDEN === "1") writeFileSync(golden, shown);
    expect(shown).toBe(readFileSync(golden, "utf8"));
  });

  const conf = {
    cniVersion: "1.1.0",
    name: "net",
    type: "bridge",
    ipam: { type: "host-local", subnet: "10.1.0.0/24" },
  };

  it("names interface and namespace as it is told", () => {
    const shown = planOf(JSON.stringify(conf), { "--ifname": "net1", "--netns": "web", "--container": "c1" });
    expect(shown).toContain("ip -n web addr add 10.1.0.2/24 dev net1");
  });

  it("asks for the next address and leaves it free", () => {
    const host = new FakeHost();
    host.put("/conf", JSON.stringify(conf));
    host.put("/var/lib/cni/networks/net/10.1.0.2", "other\r\neth0");
    host.put("/var/lib/cni/networks/net/last_reserved_ip.0", "10.1.0.2");
    const given = { operands: ["/conf"], options: new Map() };
    plan.run(withKernel(host), given, []);
    plan.run(withKernel(host), given, []);
    expect(host.stdout.match(/host-local would give 10\.1\.0\.3\/24/g)).toHaveLength(2);
  });

  it("fails where ADD would", () => {
    const host = new FakeHost();
    host.put("/conf", JSON.stringify({ ...conf, vlan: 5000 }));
    expect(() => plan.run(withKernel(host), { operands: ["/conf"], options: new Map() }, [])).toThrow(
      /vlan: invalid VLAN ID 5000 .*\(cni-bridge lint \/conf says where\)/,
    );
  });

  it.each([
    ["a file that is not there", "/nowhere", /^cannot read \/nowhere: ENOENT/],
    ["a file that is no JSON", "/torn", /^\/torn:2:1: a key in double quotes/],
    ["a file that holds no object", "/list", /^\/list is not a JSON object/],
  ])("says what is wrong with %s", (_what, path, message) => {
    const host = new FakeHost();
    host.put("/torn", "{\nx");
    host.put("/list", "[]");
    expect(() => plan.run(withKernel(host), { operands: [path], options: new Map() }, [])).toThrow(message);
  });
});
