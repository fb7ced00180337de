// The virtual machine itself: what the other tests here trust.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Vm } from "../support/vm.ts";

describe("Vm", () => {
  let vm: Vm;
  beforeAll(async () => {
    vm = await Vm.boot();
  });
  afterAll(() => vm?.dispose());

  it("begins with a loopback that is up and nothing else", () => {
    expect(vm.json("ip -j link show")).toMatchObject([
      { ifname: "lo", flags: expect.arrayContaining(["UP"]) },
    ]);
    expect(vm.sh("ls -A /run/netns /var/lib/cni 2>/dev/null || true").trim()).toBe("/var/lib/cni:");
  });

  it("tells the exit status, both outputs, and a signal", () => {
    expect(vm.run("sh", ["-c", "cat; echo 'it''s no' >&2; exit 3"], { input: "yes" })).toEqual({
      status: 3,
      stdout: "yes",
      stderr: "its no\n",
    });
    expect(vm.run("sh", ["-c", "kill -9 $$"]).status).toBe(137);
    expect(() => vm.must("false")).toThrow("false  ended with 1");
  });

  it("gives a command PATH and what the call names", () => {
    expect(vm.sh("env | sort", { env: { CNI_COMMAND: "ADD" } })).toMatch(
      /^CNI_COMMAND=ADD\nPATH=[^\n]*\n(PWD=[^\n]*\n)?$/,
    );
  });

  it("carries every character both ways", () => {
    const text = Array.from({ length: 1 << 14 }, (_, index) => String.fromCharCode(index & 0xff)).join("");
    expect(vm.run("cat", [], { input: text }).stdout).toBe(text);
  });

  it.each([
    ["bridges with VLAN filtering", "ip link add probe type bridge vlan_filtering 1"],
    ["802.1Q interfaces", "ip link add parent type dummy; ip link add probe link parent type vlan id 5"],
    ["dummies", "ip link add probe type dummy"],
  ])("has %s", (_name, command) => {
    vm.sh(`${command}; ip link del probe`);
  });

  it("has nf_tables with masquerade, and iptables on top of it", () => {
    vm.addNetns("rules");
    vm.sh(
      `nft 'table ip t { chain c { type nat hook postrouting priority srcnat; masquerade; }; }'
       iptables -t nat -A POSTROUTING -s 10.0.0.1 -m comment --comment why -j MASQUERADE`,
      { netns: "rules" },
    );
    expect(vm.sh("nft list ruleset; iptables-save", { netns: "rules" })).toContain(
      "--comment why -j MASQUERADE",
    );
    vm.delNetns("rules");
  });

  it("ends with a command that does not, and says so afterwards", () => {
    expect(() => vm.run("sleep", ["99"], { timeoutMs: 500 })).toThrow("sleep 99: no end within 500 ms");
    expect(() => vm.run("true")).toThrow();
  });
});
