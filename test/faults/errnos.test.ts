// The errnos that a busy or broken machine gives, SIGTERM, and answers of the kernel that cannot be read, at every system
// call of ADD, DEL and GC that can have them: an ADD completes or leaves nothing, what a DEL or GC did not finish the next
// one finishes, and a call that was merely interrupted is made again. EIO and kill -9 at ADD and DEL are in
// bridge-converges.test.ts.

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { callSites, type Fault, TIMING, withFault } from "../support/faults.ts";
import { attachment, dualStack } from "../support/network.ts";
import type { PluginCall } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";

const CONF = dualStack(41, { macspoofchk: true });
const VICTIM = attachment("victim");
const LIVING = attachment("one");
const GC_CONF = { ...CONF, "cni.dev/valid-attachments": [{ containerID: "one", ifname: "eth0" }] };

/** The calls of which each errno is heard. */
const FAULTS: readonly (readonly [Fault, readonly string[] | "all"])[] = [
  ["terminate", "all"],
  ["ENOSPC", ["openat", "write", "mkdirat", "linkat", "symlinkat", "renameat", "utimensat"]],
  ["EMFILE", ["openat", "socket", "pipe2"]],
  ["ENOBUFS", ["sendto", "recvfrom"]],
  ["ENOMEM", ["openat", "socket", "sendto", "recvfrom", "clone", "setns", "mkdirat", "flock"]],
  ["short", ["recvfrom"]],
  ["garbled", ["recvfrom"]],
  ["EINTR", ["openat", "read", "write", "sendto", "recvfrom", "ppoll", "flock", "getrandom", "fstatfs"]],
];

let node: Sandbox;
let faults = 0;

/** What belongs to attachments, as text: links, addresses, nf_tables, files. */
function traces(): string {
  return node.sh(`
    ip -o link show type veth | sed 's/^[0-9]*: //; s/@.*//' | sort
    ip -n victim -o addr | sed 's/^[0-9]*: //; s/valid_lft.*//' | grep -v '^lo' || true
    nft list ruleset
    cd /var/lib/cni/networks/net && grep -Hr . --exclude='last_*' --exclude-dir=.cni-bridge . | sort || true
    find /run/cni-bridge ! -type d || true
    true`);
}

const run = (verb: string, call: PluginCall = VICTIM, conf: object = CONF) =>
  node.plugin("bridge", verb, conf, call);
function must(verb: string, label: string, call: PluginCall = VICTIM, conf: object = CONF): void {
  const ended = run(verb, call, conf);
  expect(ended.status, `${verb} after ${label}: ${ended.stdout}`).toBe(0);
}

beforeAll(async () => {
  node = await Sandbox.create();
  for (const id of ["one", "victim"]) node.addNetns(id);
  must("ADD", "nothing", LIVING);
  for (const verb of ["ADD", "DEL", "ADD", "DEL"]) must(verb, "nothing");
});
afterEach(() => {
  // A failed test must not fail the others.
  run("DEL");
});
afterAll(async () => {
  console.log(`${faults} faults`);
  await node?.dispose();
});

describe.each(FAULTS)("%s", (fault, names) => {
  const sitesOf = (verb: string, conf: object, call: PluginCall) =>
    callSites(node, verb, conf, call).filter(({ name }) => names === "all" || names.includes(name));

  it("at ADD completes or leaves nothing", () => {
    const before = traces();
    const sites = sitesOf("ADD", CONF, VICTIM);
    const whole = traces();
    must("DEL", "counting");
    expect(sites.length).toBeGreaterThan(fault === "terminate" ? 60 : 3);
    for (const site of sites) {
      const label = `${fault} at ${site.name} ${site.nth} of ADD`;
      const ended = withFault(node, "ADD", CONF, VICTIM, site, fault);
      faults++;
      const left = traces();
      if (ended.status === 0) {
        // The address is another each time. A record that cannot be written is a warning.
        const lines = (text: string) => text.split("\n").filter((line) => !line.startsWith("/run/")).length;
        expect(lines(left), `${label}: ${ended.stderr}`).toBe(lines(whole));
      } else {
        if (fault !== "terminate" && !ended.stderr.includes("cannot write to standard output"))
          expect(ended.json, `${label}: ${ended.stdout}`).toMatchObject({ code: expect.any(Number) });
        expect(left, `${label}: ${ended.stdout}`).toBe(before);
      }
      if (fault === "EINTR") expect(ended.status, `${label}: ${ended.stdout}`).toBe(0);
      expect(ended.json?.code, label).not.toBe(999);
      if (fault === "terminate" && ended.status !== 0) {
        expect(ended.stdout, label).toBe("");
        expect([
          "read",
          "fcntl",
          "prlimit64",
          "mmap",
          "madvise",
          "rt_sigaction",
          "rt_sigprocmask",
          ...TIMING,
        ]).toContain(site.name);
      }
      must("DEL", label);
      expect(traces(), label).toBe(before);
    }
  }, 300_000);

  it.each(["DEL", "GC"])("at %s is made good by the next", (verb) => {
    const conf = verb === "GC" ? GC_CONF : CONF;
    const call = verb === "GC" ? {} : VICTIM;
    const before = traces();
    must("ADD", "nothing");
    const sites = sitesOf(verb, conf, call);
    for (const site of sites) {
      const label = `${fault} at ${site.name} ${site.nth} of ${verb}`;
      must("ADD", label);
      const ended = withFault(node, verb, conf, call, site, fault);
      faults++;
      if (ended.status === 1)
        expect(ended.json, `${label}: ${ended.stdout}`).toMatchObject({ code: expect.any(Number) });
      expect(ended.json?.code, label).not.toBe(999);
      if (ended.status === 0) expect(traces(), `${label}: ${ended.stderr}`).toBe(before);
      if (fault === "EINTR") expect(ended.status, `${label}: ${ended.stdout}`).toBe(0);
      must(verb, label, call, conf);
      expect(traces(), `${label}: ${ended.stdout}`).toBe(before);
    }
  }, 300_000);
});

describe.each<Fault>(["kill", "error"])("%s", (fault) => {
  it("at every system call of GC is made good by the next", () => {
    const before = traces();
    must("ADD", "nothing");
    const sites = callSites(node, "GC", GC_CONF, {});
    expect(sites.length).toBeGreaterThan(40);
    for (const site of sites) {
      const label = `${fault} at ${site.name} ${site.nth} of GC`;
      must("ADD", label);
      const ended = withFault(node, "GC", GC_CONF, {}, site, fault);
      faults++;
      if (fault === "error") expect([0, 1], label).toContain(ended.status);
      must("GC", label, {}, GC_CONF);
      expect(traces(), `${label}: ${ended.stdout}`).toBe(before);
    }
  }, 300_000);
});
