// doctor: each thing that is made wrong on a node is found, with the severity that the exit status says; metrics counts
// what ip and the lease files show, and has all that the shipped rules and dashboard ask for.

import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dualStack } from "../support/network.ts";
import { Sandbox } from "../support/sandbox.ts";
import { type Attached, attach, kill, tool, toolJson } from "../support/tool.ts";

const CONF = dualStack(63, {
  ipam: { type: "host-local", ranges: [[{ subnet: "10.63.0.0/28" }], [{ subnet: "fd00:63::/64" }]] },
});
const CONF_DIR = "/run/net.d";
const STORE = "/var/lib/cni/networks/net";

let node: Sandbox;
let live: Attached;

function configure(name: string, text: string): void {
  node.must("sh", ["-c", `mkdir -p ${CONF_DIR}; cat >${CONF_DIR}/${name}`], { input: text });
}

interface Finding {
  severity: string;
  check: string;
  text: string;
  fix?: string;
}
const doctor = (): Finding[] => toolJson(node, "doctor", "--conf-dir", CONF_DIR);
const findings = () => doctor().filter(({ severity }) => severity !== "ok");
const status = () => tool(node, "doctor", "--conf-dir", CONF_DIR).status;

beforeEach(async () => {
  node = await Sandbox.create();
  live = attach(node, CONF, "live");
  configure("10-net.conf", JSON.stringify(CONF));
});
afterEach(() => node?.dispose());

interface Case {
  readonly name: string;
  readonly spoil: () => void | Promise<void>;
  readonly severity: "warning" | "problem";
  readonly check: string;
  readonly says: string;
  readonly fix: string;
}

const cases: readonly Case[] = [
  {
    name: "forwarding off",
    spoil: () => void node.sh("echo 0 >/proc/sys/net/ipv4/ip_forward"),
    severity: "problem",
    check: "forwarding: ipv4",
    says: "net.ipv4.ip_forward is 0",
    fix: "cni-bridge repair",
  },
  {
    name: "a chain of nft that drops what is forwarded",
    spoil: () =>
      void node.sh(
        "nft add table inet fw; nft 'add chain inet fw forward { type filter hook forward priority 0; policy drop; }'",
      ),
    severity: "warning",
    check: "firewall: forward",
    says: "chain forward of table inet fw has policy drop, and no rule in it accepts br0",
    fix: "nft insert rule inet fw forward iifname br0 accept",
  },
  {
    name: "iptables with policy drop",
    spoil: () => void node.sh("iptables -P FORWARD DROP"),
    severity: "warning",
    check: "firewall: forward",
    says: "chain FORWARD of table ip filter",
    fix: "iptables -I FORWARD -i br0 -j ACCEPT",
  },
  {
    name: "a subnet that two networks have",
    spoil: () => configure("20-other.conf", JSON.stringify({ ...CONF, name: "other", bridge: "br1" })),
    severity: "problem",
    check: "subnets: configured",
    says: `network net (${CONF_DIR}/10-net.conf) has 10.63.0.0/28, network other`,
    fix: "a subnet of its own",
  },
  {
    name: "a link of the host in the bridge's subnet",
    spoil: () => void node.sh("ip link add v0 type veth peer v1; ip addr add 10.63.0.9/29 dev v0"),
    severity: "problem",
    check: "subnets: in use",
    says: "br0 has 10.63.0.1/28, v0 has 10.63.0.9/29",
    fix: "a subnet of its own",
  },
  {
    name: "a range of another node",
    spoil: () =>
      void node.sh(
        "mkdir /run/flannel; printf 'FLANNEL_NETWORK=10.63.0.0/16\\nFLANNEL_SUBNET=10.63.7.1/24\\n' >/run/flannel/subnet.env",
      ),
    severity: "problem",
    check: "subnets: this node's",
    says: "this node has 10.63.7.0/24, and 10.63.0.0/28 is another's",
    fix: "change its range to 10.63.7.0/24",
  },
  {
    name: "the same address in two stores",
    spoil: () =>
      void node.sh(
        `mkdir /var/lib/cni/networks/twin; printf 'x\\r\\neth0' >/var/lib/cni/networks/twin/${live.address}`,
      ),
    severity: "problem",
    check: "duplicate address",
    says: "is leased in networks net and twin",
    fix: "delete the newer container",
  },
  {
    name: "a pool nearly full",
    spoil: () =>
      void node.sh(`for i in 3 4 5 6 7 8 9 10 11 12 13; do printf 'c\\r\\neth0' >${STORE}/10.63.0.$i; done`),
    severity: "warning",
    check: "pool: net 0",
    says: "12 of 13 addresses in use in 10.63.0.1-10.63.0.14",
    fix: "cni-bridge gc",
  },
  {
    name: "a full pool",
    spoil: () =>
      void node.sh(
        `for i in 3 4 5 6 7 8 9 10 11 12 13 14; do printf 'c\\r\\neth0' >${STORE}/10.63.0.$i; done`,
      ),
    severity: "problem",
    check: "pool: net 0",
    says: "13 of 13",
    fix: "a larger range",
  },
  {
    name: "rules flushed",
    spoil: () => void node.sh("nft flush ruleset"),
    severity: "problem",
    check: "host side",
    says: `masquerade element of ${"10.63.0.2"}/28: expected this container's, found none`,
    fix: "cni-bridge repair",
  },
  {
    name: "a bridge that is down",
    spoil: () => void node.sh("ip link set br0 down"),
    severity: "problem",
    check: "bridge",
    says: "br0 is down",
    fix: "cni-bridge repair",
  },
  {
    name: "a port with another MTU",
    spoil: () => void node.sh(`ip link set br0 mtu 1400; ip link set ${live.veth} mtu 1500`),
    severity: "warning",
    check: "MTU",
    says: "br0 has MTU 1400, and not all of its ports have: veth",
    fix: "one MTU for all",
  },
  {
    name: "a default route with a smaller MTU",
    spoil: () =>
      void node.sh(
        "ip link add up0 mtu 1280 type veth peer up1; ip addr add 192.0.2.1/24 dev up0; ip link set up1 up; ip link set up0 up; ip route add default via 192.0.2.2",
      ),
    severity: "warning",
    check: "MTU",
    says: "br0 has MTU 1500, the host's default route 1280",
    fix: '"mtu": "auto"',
  },
  {
    name: "a bridge whose MAC nobody has set",
    spoil: () => {
      // The node's /sys is the machine's. A gateway address fixes the MAC, so there is none.
      node.sh("mount -t sysfs sysfs /sys; ip link add br7 type bridge");
      attach(node, { ...dualStack(67), name: "loose", bridge: "br7", isDefaultGateway: false }, "loose");
    },
    severity: "warning",
    check: "MAC",
    says: "nobody has set the MAC of br7: it follows its ports, and udev's MACAddressPolicy may change it",
    fix: "ip link set br7 address ",
  },
  {
    name: "a table of connections that is nearly full",
    spoil: () =>
      void node.sh(
        `cd /run; for each in count=90 max=100; do
           echo \${each#*=} >\${each%=*}; mount --bind \${each%=*} /proc/sys/net/netfilter/nf_conntrack_\${each%=*}
         done`,
      ),
    severity: "warning",
    check: "conntrack",
    says: "90 of 100 connections are tracked: new ones are about to be dropped",
    fix: "net.netfilter.nf_conntrack_max",
  },
  {
    name: "a link that somebody deleted",
    spoil: () => void node.sh(`ip link del ${live.veth}`),
    severity: "problem",
    check: "links",
    says: "net live/eth0: the namespace is there, the link is gone",
    fix: "restart",
  },
  {
    name: "a container that died unnoticed",
    spoil: () => kill(node, live),
    severity: "warning",
    check: "left over",
    says: "of net live/eth0: its namespace and its link are gone",
    fix: "cni-bridge gc --yes",
  },
  {
    name: "a torn lease",
    spoil: () => void node.sh(`: >${STORE}/10.63.0.14`),
    severity: "warning",
    check: "left over",
    says: `${STORE}/10.63.0.14`,
    fix: "cni-bridge gc --yes",
  },
  {
    name: "an element of nobody",
    spoil: () =>
      void node.sh(
        "c=$(nft list table inet cni-bridge | grep -o 'net-[0-9a-f]*' | head -n 1); nft add element inet cni-bridge masquerade4 \"{ 10.63.0.13 : goto $c }\"",
      ),
    severity: "warning",
    check: "left over",
    says: "masquerade elements of addresses that nobody holds: 10.63.0.13",
    fix: "nft delete element",
  },
  {
    name: "a configuration that is no JSON",
    spoil: () => configure("30-bad.conf", "{"),
    severity: "problem",
    check: "configuration",
    says: "30-bad.conf",
    fix: "cni-bridge lint",
  },
];

describe("doctor", () => {
  it("finds nothing on a node that is well, and says what it looked at", () => {
    expect(findings()).toEqual([]);
    expect(status()).toBe(0);
    const { stdout } = tool(node, "doctor", "--all", "--conf-dir", CONF_DIR);
    for (const { check } of doctor()) expect(stdout).toContain(`ok       ${check}: `);
    expect(stdout).toMatch(/\n0 problems, 0 warnings, [0-9]+ checks in order\n$/);
  });

  it.each(cases)("finds $name", async ({ spoil, severity, check, says, fix }) => {
    await spoil();
    expect(findings()).toContainEqual({
      severity,
      check,
      text: expect.stringContaining(says),
      fix: expect.stringContaining(fix),
    });
    expect(status()).toBe(findings().some((each) => each.severity === "problem") ? 2 : 1);
  });

  it("takes a chain that lets the bridge through for what it is", () => {
    node.sh(
      "iptables -P FORWARD DROP; iptables -A FORWARD -i br0 -j ACCEPT; iptables -A FORWARD -o br0 -j ACCEPT",
    );
    expect(findings()).toEqual([]);
  });

  it("changes nothing", () => {
    node.sh("nft flush ruleset");
    const before = node.snapshot();
    doctor();
    expect(node.snapshot()).toEqual(before);
  });
});

/** Samples by name and labels. */
function samples(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

describe("metrics", () => {
  it("counts addresses, attachments, ports and what is left over", async () => {
    const dead = attach(node, CONF, "dead");
    attach(node, CONF, "ref", "reference");
    await kill(node, dead);
    const found = samples(tool(node, "metrics", "--conf-dir", CONF_DIR).stdout);
    const pool = '{network="net",set="0",range="10.63.0.1-10.63.0.14"}';
    expect(found.get(`cni_bridge_pool_addresses${pool}`)).toBe(13);
    expect(found.get(`cni_bridge_pool_addresses_used${pool}`)).toBe(
      Number(node.sh(`ls ${STORE} | grep -c '^10[.]'`)),
    );
    expect(found.get('cni_bridge_leases{network="net"}')).toBe(6);
    expect(found.get('cni_bridge_attachments{network="net",state="alive"}')).toBe(1);
    expect(found.get('cni_bridge_attachments{network="net",state="dead"}')).toBe(1);
    expect(found.get('cni_bridge_attachments{network="net",state="foreign"}')).toBe(1);
    expect(found.get('cni_bridge_bridge_ports{bridge="br0"}')).toBe(
      node.json("ip -j link show master br0").length,
    );
    expect(found.get('cni_bridge_leftovers{kind="attachment"}')).toBe(1);
    expect(found.get('cni_bridge_findings{severity="warning"}')).toBe(1);
  });

  it("writes a file whole, for all to read", () => {
    const ended = tool(node, "metrics", "--output", "/run/cni.prom");
    expect(ended).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(node.sh("stat -c %a /run/cni.prom; ls -a /run | grep -c cni.prom")).toBe("644\n1\n");
    expect(samples(node.sh("cat /run/cni.prom")).get('cni_bridge_info{version="0.1.0"}')).toBe(1);
    expect(tool(node, "metrics", "--output", "/nonexistent/x").stderr).toMatch(
      /^cni-bridge: metrics: create \/nonexistent\/x\.[0-9]+\.tmp: ENOENT \(no such file or directory\)\n$/,
    );
  });

  it("tells of the last error in a log", () => {
    const failed = node.plugin("bridge", "ADD", CONF, {
      containerId: "none",
      netns: "/nonexistent",
      env: { CNI_BRIDGE_LOG: "/run/log" },
    });
    const found = samples(tool(node, "metrics", "--log", "/run/log").stdout);
    const name = `cni_bridge_last_error_timestamp_seconds{plugin="bridge",verb="ADD",code="${failed.json.code}"}`;
    expect(Math.abs(found.get(name)! - Date.now() / 1000)).toBeLessThan(60);
  });

  it("is what the shipped alert rules and the dashboard ask for", () => {
    node.sh('echo \'{"time":"2026-01-01T00:00:00Z","error":{"code":7}}\' >/run/log');
    const { stdout } = tool(node, "metrics", "--conf-dir", CONF_DIR, "--log", "/run/log");
    const emitted = new Set([...samples(stdout).keys()].map((key) => key.replace(/[{].*/, "")));
    for (const file of ["prometheus/cni-bridge.rules.yml", "grafana/cni-bridge.json"]) {
      const text = readFileSync(new URL(`../../examples/${file}`, import.meta.url), "utf8");
      const asked = new Set(text.match(/\bcni_bridge_[a-z_]+/g));
      expect(asked.size).toBeGreaterThan(5);
      expect([...asked].filter((name) => !emitted.has(name))).toEqual([]);
    }
    const rules = readFileSync(
      new URL("../../examples/prometheus/cni-bridge.rules.yml", import.meta.url),
      "utf8",
    );
    for (const [, state] of rules.matchAll(/state="([a-z_]+)"/g))
      expect(stdout).toContain(`state="${state}"`);
  });
});
