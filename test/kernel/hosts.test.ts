// Unusual hosts: a clear error or a working ADD, never half an attachment. Whether a container works is asked of ping.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { attachment, dualStack } from "../support/network.ts";
import type { PluginCall, PluginEnded } from "../support/node.ts";
import { Sandbox } from "../support/sandbox.ts";
import { buildLauncher } from "../support/seccomp.ts";

const CONF = dualStack(41);
const IPV4 = { ...CONF, ipam: { type: "host-local", ranges: [[{ subnet: "10.41.0.0/24" }]] } };
const CALL = attachment("c1");

const tools = mkdtempSync(join(tmpdir(), "cni-bridge-hosts-"));
afterAll(() => rmSync(tools, { recursive: true }));

let node: Sandbox;
beforeEach(async () => {
  node = await Sandbox.create();
  node.addNetns("c1");
});
afterEach(() => node.dispose());

const run = (verb: string, conf: object = CONF, call: PluginCall = {}) =>
  node.plugin("bridge", verb, conf, { ...CALL, ...call });

/** Links, leases and records: what an ADD that failed must not leave. */
function left(): string {
  return node.sh(`
    ip -o link show type veth | sed 's/^[0-9]*: //'
    ip -n c1 -o link | grep -v ' lo:' || true
    find /run/cni-bridge ! -type d 2>/dev/null || true
    find /var/lib/cni/networks -name '[0-9a-f]*[.:]*' ! -path '*/.cni-bridge*' 2>/dev/null || true
    nft list ruleset | grep elements || true`);
}

/** A whole life: ADD, an answer from the gateway, CHECK, DEL, and nothing left. */
function lives(conf: object = CONF, call: PluginCall = {}): PluginEnded {
  const added = run("ADD", conf, call);
  expect(added.status, added.stdout + added.stderr).toBe(0);
  expect(node.pings("c1", "10.41.0.1")).toBe(true);
  const checked = run("CHECK", { ...conf, prevResult: added.json }, call);
  expect(checked.status, checked.stdout + checked.stderr).toBe(0);
  const deleted = run("DEL", conf, call);
  expect(deleted.status, deleted.stdout + deleted.stderr).toBe(0);
  expect(left()).toBe("");
  return added;
}

/** An error that names what is wrong, and nothing left. */
function refuses(words: RegExp, conf: object = CONF, call: PluginCall = {}): void {
  const added = run("ADD", conf, call);
  expect(added.status, added.stdout).toBe(1);
  expect(added.json.msg).toMatch(words);
  expect(added.json.code).not.toBe(999);
  expect(left()).toBe("");
}

describe("/proc/sys", () => {
  const readOnly = () => node.sh("mount --bind /proc/sys /proc/sys; mount -o remount,ro,bind /proc/sys");

  it("read-only, with forwarding on: works, and says what it could not set", () => {
    node.sh("echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
    node.sh("ip netns exec c1 true");
    readOnly();
    const { stderr } = lives();
    expect(stderr).toMatch(/cni-bridge: set to 0 \/proc\/sys\/net\/ipv6\/conf\/br0\/accept_ra .*EROFS/);
  });

  it("read-only, with forwarding off: an error that names it", () => {
    node.sh("echo 0 >/proc/sys/net/ipv4/ip_forward");
    readOnly();
    refuses(/set to 1 \/proc\/sys\/net\/ipv4\/ip_forward .*EROFS/);
  });

  it("without net/ipv6: IPv4 works, IPv6 is an error that names it", () => {
    node.sh("mkdir /run/empty; mount --bind /run/empty /proc/sys/net/ipv6");
    lives(IPV4);
    refuses(/\/proc\/sys\/net\/ipv6\/conf\//);
  });

  it("not there at all: IPv4 with forwarding is an error", () => {
    node.sh("mkdir /run/empty; mount --bind /run/empty /proc/sys");
    refuses(/\/proc\/sys\/net\//);
  });
});

describe("the environment", () => {
  it.each([
    ["no nft and no iptables in PATH", { PATH: "/nonexistent" }],
    ["no PATH", { PATH: undefined }],
    ["no HOME, no USER, no LANG", { HOME: undefined, USER: undefined, LANG: undefined }],
    ["a locale that does not exist", { LC_ALL: "xx_YY.UTF-8", LANG: "tlh" }],
    ["a dynamic linker's orders", { LD_PRELOAD: "/nonexistent.so", LD_LIBRARY_PATH: "/nonexistent" }],
    [
      "4000 variables",
      Object.fromEntries(Array.from({ length: 4000 }, (_, at) => [`X${at}`, "y".repeat(20)])),
    ],
  ])("with %s", (_, env) => {
    lives(CONF, { env });
  });

  it.each(["000", "022", "077"])("with umask %s makes files for root alone", (umask) => {
    const under = ["sh", "-c", `umask ${umask}; exec "$@"`, "sh"];
    expect(run("ADD", CONF, { under }).status).toBe(0);
    const modes = node.sh(
      "find /run/cni-bridge /var/lib/cni/networks/net ! -type l -printf '%u:%g %m %y %P\\n' | sort -k4",
    );
    const open = modes.split("\n").filter((line) => {
      const [owner, mode, type, path] = line.split(" ");
      if (line === "" || (type === "d" && path === "")) return false;
      return owner !== "root:root" || (Number.parseInt(mode!, 8) & 0o027) !== 0;
    });
    expect(open).toEqual([]);
    const mode = (path: string) => node.sh(`stat -c %a ${path}`).trim();
    expect(mode("/run/cni-bridge")).toBe("700");
    expect(Number.parseInt(mode("/var/lib/cni/networks/net"), 8) & 0o022).toBe(0);
    expect(mode("/var/lib/cni/networks/net/10.41.0.2")).toBe("600");
    expect(run("DEL", CONF, { under }).status).toBe(0);
    lives(CONF, { under });
  });

  it("with a working directory that is gone", () => {
    const under = ["sh", "-c", 'mkdir /run/gone; cd /run/gone; rmdir /run/gone; exec "$@"', "sh"];
    lives(CONF, { under });
  });

  it.each(["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])("with the streams %s closed", (closed) => {
    node.must("tee", ["/run/conf"], { input: JSON.stringify(CONF) });
    const redirect = closed.includes("0") ? closed : `</run/conf ${closed}`;
    const ended = run("ADD", CONF, { under: ["sh", "-c", `exec "$@" ${redirect}`, "sh"] });
    // Without stdin there is no configuration; without stdout nobody is told of the container, so there must be none.
    expect(ended.status, ended.stdout).toBe(closed === "2>&-" ? 0 : 1);
    if (ended.status === 1) expect(left()).toBe("");
    expect(run("DEL").status).toBe(0);
    expect(left()).toBe("");
  });

  it.each([3, 4, 8, 12, 16, 31])("with %i descriptors at most: an error that names the limit", (limit) => {
    const ended = run("ADD", CONF, { under: ["prlimit", `--nofile=${limit}`] });
    expect(ended.status).toBe(1);
    expect(ended.json.msg).toMatch(/descriptors/);
    expect(left()).toBe("");
  });

  it("with 32 descriptors at most, or a soft limit that can be raised", () => {
    lives(CONF, { under: ["prlimit", "--nofile=32"] });
    lives(CONF, { under: ["prlimit", "--nofile=4:1024"] });
  });

  it("with all descriptors taken by whoever started it: works or leaves nothing", () => {
    const under = (free: number) => [
      "bash",
      "-c",
      `for fd in $(seq 3 ${63 - free}); do eval "exec $fd</dev/null"; done; ulimit -n 64; exec "$@"`,
      "bash",
    ];
    for (const free of [40, 16, 14, 12, 10]) {
      const ended = run("ADD", CONF, { under: under(free) });
      if (ended.status !== 0) expect(ended.json, ended.stdout).toMatchObject({ code: expect.any(Number) });
      expect(run("DEL").status).toBe(0);
      expect(left()).toBe("");
    }
  });

  it.each([8, 16])("with %i MB of memory at most: works or says so", (megabytes) => {
    const ended = run("ADD", CONF, { under: ["prlimit", `--as=${(megabytes + 16) << 20}`] });
    if (ended.status !== 0) expect(ended.json, ended.stdout).toMatchObject({ code: expect.any(Number) });
    expect(run("DEL").status).toBe(0);
    expect(left()).toBe("");
  });
});

describe("the data directory", () => {
  it("on a full disk: an error that names it, and nothing left", () => {
    node.sh(
      "mount -t tmpfs -o size=64k tmpfs /var/lib/cni; mkdir -p /var/lib/cni/networks/net; cat /dev/zero >/var/lib/cni/full || true",
    );
    refuses(/ENOSPC/);
    node.sh("rm /var/lib/cni/full");
    lives();
  });

  it("without inodes: an error that names it, and nothing left", () => {
    node.sh(
      "mount -t tmpfs -o nr_inodes=6 tmpfs /var/lib/cni; mkdir -p /var/lib/cni/networks/net; for f in 1 2 3; do : >/var/lib/cni/$f || true; done",
    );
    refuses(/ENOSPC/);
  });

  it("read-only: an error that names it, and nothing left", () => {
    node.sh("mkdir -p /var/lib/cni/networks/net; mount -o remount,ro /var/lib/cni");
    refuses(/EROFS/);
    const deleted = run("DEL");
    expect([0, 1]).toContain(deleted.status);
    if (deleted.status === 1) expect(deleted.json.msg).toContain("EROFS");
  });

  it("whose disk fills up while containers live: DEL still works", () => {
    node.sh("mount -t tmpfs -o size=64k tmpfs /var/lib/cni");
    expect(run("ADD").status).toBe(0);
    node.sh("cat /dev/zero >/var/lib/cni/full || true");
    expect(run("DEL").status).toBe(0);
    expect(left()).toBe("");
  });

  it("with /run full or read-only: works, or says so and leaves nothing", () => {
    node.sh("mkdir -p /run/cni-bridge; mount -t tmpfs -o ro tmpfs /run/cni-bridge");
    const { stderr } = lives();
    expect(stderr).toMatch(/cannot write \/run\/cni-bridge\/.*EROFS/);
  });
});

describe("a user namespace without host root", () => {
  it("works as on a host", () => {
    const script = `
      set -e
      mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /var/lib/cni; mkdir -p /run/netns
      ip link set lo up; ip netns add c1
      export CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0 CNI_PATH=/x
      CNI_COMMAND=ADD "$1" </opt/conf >/run/result || { cat /run/result; exit 1; }
      ip netns exec c1 busybox ping -c1 -W2 10.41.0.1 >&2
      CNI_COMMAND=DEL "$1" </opt/conf
      [ -z "$(ip -o link show type veth)" ]; echo done`;
    node.sh("mount -t tmpfs tmpfs /opt");
    node.must("tee", ["/opt/conf"], { input: JSON.stringify(CONF) });
    node.sh(`cp ${node.bin}/bridge /opt/bridge; chmod 755 /opt/bridge; chmod 644 /opt/conf`);
    const ended = node.run("setpriv", [
      ...["--reuid", "65534", "--regid", "65534", "--clear-groups"],
      ...["unshare", "-Urmn", "sh", "-c", script, "sh", "/opt/bridge"],
    ]);
    expect(ended.stdout + ended.stderr).toContain("done");
    expect(ended.status).toBe(0);
  });

  it("without any right says so and leaves nothing", () => {
    const under = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    node.sh(`mount -t tmpfs tmpfs /opt; mkdir /opt/bin; cp ${node.bin}/bridge /opt/bin/; chmod -R a+rx /opt`);
    const ended = run("ADD", CONF, { under, bin: "/opt/bin" });
    expect(ended.status).toBe(1);
    expect(ended.json.msg).toMatch(/EPERM|EACCES/);
    expect(left()).toBe("");
  });
});

describe("a container runtime's restrictions", () => {
  /** What a node that is itself a container must be given, and nothing else of root's powers. */
  const capabilities = [
    "setpriv",
    "--bounding-set=-all,+net_admin,+sys_admin",
    "--inh-caps=-all",
    "--ambient-caps=-all",
  ];

  it.each(["docker", "containerd"])("%s's default profile for seccomp, and two capabilities", (name) => {
    const launcher = buildLauncher(tools, name);
    // As older runtimes refuse a call, and newer ones what is newer than the profile: EPERM, ENOSYS.
    for (const errno of ["1", "38"]) {
      const under = [...capabilities, launcher, errno];
      const refused = node.run(under[0]!, [...under.slice(1), "busybox", "chroot", "/", "true"]);
      expect(refused.stderr).toMatch(errno === "1" ? /Operation not permitted/ : /Function not implemented/);
      const allowed = node.run(under[0]!, [...under.slice(1), "busybox", "true"]);
      expect(allowed.status, allowed.stderr).toBe(0);
      const { stderr } = lives({ ...CONF, macspoofchk: true }, { under });
      expect(stderr).toBe("");
    }
  });
});
