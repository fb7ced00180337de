// Findings that no simulated node can be brought to: another kernel's modules, a machine without an id, a bridge with a
// thousand ports. The rest is in test/kernel/tool-doctor-metrics.test.ts.

import { describe, expect, it } from "vitest";
import { Session } from "../../src/kernel/session.ts";
import type { Link } from "../../src/netlink/if-link.ts";
import { diagnose } from "../../src/tool/doctor.ts";
import type { Found } from "../../src/tool/inventory.ts";
import { FakeHost } from "../support/fake-host.ts";

const header = { family: 0, pad: 0, type: 1, flags: 1, change: 0, mtu: 1500 };
const address = Uint8Array.of(2, 0, 0, 0, 0, 1);
const BRIDGE: Link = { ...header, index: 3, ifname: "br0", address, linkinfo: { kind: "bridge" } };
const port = (_: unknown, at: number): Link => ({
  ...header,
  index: 10 + at,
  ifname: `p${at}`,
  master: 3,
  address,
});
const FOUND = { bridge: "br0", addresses: [] as string[], state: "foreign" } as unknown as Found;

/** What doctor finds of a check, on a node that has these links. */
function find(check: string, host: FakeHost, links: readonly Link[], found: readonly Found[] = []) {
  const session = new Session(host, undefined);
  const inventory = { session, links, addresses: new Map(), stores: [], found };
  const configuration = { directory: "/etc/cni/net.d", networks: [], unreadable: [] };
  return diagnose({ inventory, configuration }).filter((each) => each.check === check);
}

describe("diagnose, the kernel's modules", () => {
  const release = "6.1.0-13-amd64";
  const withModules = (files: Readonly<Record<string, string>>) => {
    const host = new FakeHost();
    host.put("/proc/sys/kernel/osrelease", `${release}\n`);
    for (const [name, text] of Object.entries(files)) host.put(`/lib/modules/${release}/${name}`, text);
    return host;
  };
  const builtin = "kernel/net/bridge/bridge.ko\n";
  const loadable = "kernel/drivers/net/veth.ko.xz: kernel/net/core/page_pool.ko.xz\n";

  it.each<[string, Record<string, string>, string, string, string]>([
    ["built in", { "modules.builtin": builtin }, "bridge", "ok", "the kernel has it"],
    ["to be loaded", { "modules.dep": loadable }, "veth", "ok", "the kernel has it"],
    ["missing", { "modules.builtin": builtin, "modules.dep": "" }, "veth", "problem", "CONFIG_VETH"],
    [
      "missing, for one of a like name",
      { "modules.dep": "net/br_bridge.ko:\n" },
      "bridge",
      "problem",
      "CONFIG_BRIDGE",
    ],
    ["unknown, as there is no list", {}, "bridge", "ok", "not known"],
  ])("%s", (_name, files, kind, severity, says) => {
    const [finding, ...others] = find(`kernel: ${kind}`, withModules(files), []);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ severity });
    expect(`${finding!.text} ${finding!.fix}`).toContain(says);
  });

  it("are not looked at where a link shows that the kernel has it", () => {
    expect(find("kernel: bridge", withModules({ "modules.dep": "" }), [BRIDGE])).toMatchObject([
      { severity: "ok" },
    ]);
  });
});

describe("diagnose, the machine id", () => {
  it.each([
    ["there", "0123456789abcdef0123456789abcdef\n", "ok"],
    ["empty", "", "warning"],
    ["not set yet", "uninitialized\n", "warning"],
  ])("%s", (_name, text, severity) => {
    const host = new FakeHost();
    host.put("/etc/machine-id", text);
    expect(find("machine id", host, [])).toMatchObject([{ severity }]);
  });
});

describe("diagnose, the ports of a bridge", () => {
  it.each([
    [921, "ok"],
    [922, "warning"],
    [1023, "warning"],
    [1024, "problem"],
  ])("%i of 1024: %s", (count, severity) => {
    const links = [BRIDGE, ...Array.from({ length: count }, port)];
    const text = `br0 has ${count} of at most 1024 ports`;
    expect(find("bridge ports", new FakeHost(), links, [FOUND])).toMatchObject([{ severity, text }]);
  });
});
