// The commands that `plan` shows, run by a shell on one node, leave what ADD leaves on another. So ip, bridge, nft and
// sysctl judge both the plan's text and what ADD does.

import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { Sandbox } from "../support/sandbox.ts";

const EXAMPLES = new URL("../../conf.d-examples/", import.meta.url);
const attachment = { containerId: "example", netns: "/run/netns/container", ifname: "eth0" };

/** The first plugin of an example, as a runtime passes it. */
function confOf(file: string): Readonly<Record<string, unknown>> {
  const { plugins, ...rest } = JSON.parse(readFileSync(new URL(file, EXAMPLES), "utf8"));
  return plugins === undefined ? rest : { ...plugins[0], name: rest.name, cniVersion: rest.cniVersion };
}

/** What `ip -j -d addr` says of a link, as far as it is looked at. */
interface Listed {
  readonly ifname: string;
  readonly master?: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly linkinfo?: {
    readonly info_slave_data?: { readonly hairpin?: boolean; readonly isolated?: boolean };
  };
  readonly addr_info: readonly {
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
  }[];
}

function portOf({ linkinfo }: Listed) {
  const { hairpin, isolated } = linkinfo?.info_slave_data ?? {};
  return { hairpin, isolated };
}

describe("plan", () => {
  const nodes: Sandbox[] = [];
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.dispose();
  });

  async function makeNode(): Promise<Sandbox> {
    const node = await Sandbox.create();
    nodes.push(node);
    node.addNetns("container");
    return node;
  }

  /** Links with their place and addresses, routes, rules, and sysctls, without what is random or counted. */
  function stateOf(node: Sandbox) {
    const links = (ip: string) =>
      node
        .json(`${ip} -j -d addr`)
        .filter(({ ifname }: { ifname: string }) => ifname !== "lo")
        .map((link: Listed) => ({
          ifname: link.ifname,
          master: link.master,
          mtu: link.mtu,
          flags: link.flags.filter((flag) => ["UP", "PROMISC"].includes(flag)),
          port: portOf(link),
          addresses: link.addr_info
            .filter(({ scope }) => scope === "global")
            .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
        }));
    const routes = (ip: string) =>
      node.sh(`${ip} route; ${ip} -6 route show default`).replaceAll(/ (linkdown|pref medium)/g, "");
    const sysctls = ["accept_dad", "keep_addr_on_down", "ndisc_notify"].map((key) => `ipv6/conf/eth0/${key}`);
    return {
      host: links("ip"),
      container: links("ip -n container"),
      routes: [routes("ip"), routes("ip -n container")],
      rules: node
        .sh("nft list ruleset")
        .replaceAll(/ ?comment "[^"]*"/g, "")
        .replaceAll(/saddr [0-9a-f:]{17}/g, "saddr MAC")
        .split("\n")
        .filter((line) => line.trim() !== ""),
      forwarding: node.sh("cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding"),
      sysctls: node.sh(`cd /proc/sys/net; cat ${[...sysctls, "ipv4/conf/eth0/arp_notify"].join(" ")}`, {
        netns: "container",
      }),
    };
  }

  it.each([
    "default-route.conf",
    "dual-stack.conf",
    "layer-2.conf",
    "chosen-addresses.conf",
    "published-ports.conflist",
    "isolated-tenants.conf",
    "flannel-delegate.conf",
  ])("shows commands that leave what ADD leaves, with %s", async (file) => {
    const conf = confOf(file);
    const [added, planned] = [await makeNode(), await makeNode()];
    expect(added.plugin("bridge", "ADD", conf, attachment)).toMatchObject({ status: 0, stderr: "" });
    const before = planned.snapshot();
    const { status, stdout, stderr } = planned.run(`${planned.bin}/cni-bridge`, ["plan", "-"], {
      input: JSON.stringify(conf),
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(planned.snapshot()).toEqual(before);
    // procps may be missing; a sysctl is a file.
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
    const sysctl = 'sysctl() { printf %s "${2#*=}" > "/proc/sys/${2%%=*}"; }';
    const script = stdout
      .replaceAll("ip netns exec container sysctl -w ", "in_container ")
      .replaceAll(" address RANDOM", "")
      .replaceAll("RANDOM", "02:00:00:00:00:01");
    const inContainer =
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
      'in_container() { ip netns exec container sh -c \'printf %s "$1" > "/proc/sys/$2"\' - "${1#*=}" "${1%%=*}"; }';
    planned.sh(`${sysctl}\n${inContainer}\n${script}`);
    expect(stateOf(planned)).toEqual(stateOf(added));
  });
});
