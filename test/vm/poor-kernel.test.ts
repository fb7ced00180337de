// Kernels that lack something: a clear error that leaves nothing, or an ADD that works without.

import { afterEach, describe, expect, it } from "vitest";
import { attachment, dualStack } from "../support/network.ts";
import { type BootOptions, Vm } from "../support/vm.ts";

const DUAL = dualStack(41, { ipMasq: false });
const CONF = { ...DUAL, ipam: { ...DUAL.ipam, ranges: DUAL.ipam.ranges.slice(0, 1) } };
const MASQUERADE = { ...CONF, ipMasq: true };
const CALL = attachment("c1");

let vm: Vm;
afterEach(() => vm?.dispose());

async function boot(options: BootOptions): Promise<void> {
  vm = await Vm.boot(options);
  vm.addNetns("c1");
}

const left = () =>
  vm.sh(`for path in /sys/class/net/veth* /run/cni-bridge/*/* /var/lib/cni/networks/net/10*; do [ ! -e "$path" ] || echo "$path"; done
    nsenter --net=/run/netns/c1 ip -o link | grep -v ' lo:' || true`);

function lives(conf: object): void {
  const added = vm.plugin("bridge", "ADD", conf, CALL);
  expect(added.status, added.stdout).toBe(0);
  expect(vm.pings("c1", "10.41.0.1", 3000)).toBe(true);
  const deleted = vm.plugin("bridge", "DEL", conf, CALL);
  expect(deleted.status, deleted.stdout).toBe(0);
  expect(left()).toBe("");
}

function refuses(conf: object, words: RegExp): void {
  const added = vm.plugin("bridge", "ADD", conf, CALL);
  expect(added.status, added.stdout).toBe(1);
  expect(added.json.msg).toMatch(words);
  expect(added.json.code).not.toBe(999);
  expect(left()).toBe("");
  expect(vm.plugin("bridge", "DEL", conf, CALL).status).toBe(0);
}

describe("a kernel", () => {
  it("without nf_tables: all but masquerading works, and STATUS says so", async () => {
    await boot({ without: /nf_tables|nft_|nfnetlink|ip_tables|iptable_|x_tables/ });
    lives(CONF);
    refuses(MASQUERADE, /the kernel has no nf_tables|netlink 12/);
    const status = vm.plugin("bridge", "STATUS", MASQUERADE, {});
    expect(status.json).toMatchObject({ code: 50, msg: expect.stringContaining("nf_tables") });
  });

  it("without bridges: an error that names the bridge", async () => {
    await boot({ without: /\/bridge\/|br_netfilter/ });
    refuses(CONF, /cannot create bridge "br0": EOPNOTSUPP/);
  });

  it("without veth: an error that names the pair", async () => {
    await boot({ without: /veth/ });
    refuses(CONF, /cannot make veth pair .*EOPNOTSUPP/);
  });

  it("with ipv6.disable=1: IPv4 works, IPv6 is an error", async () => {
    await boot({ parameters: "ipv6.disable=1" });
    lives(MASQUERADE);
    refuses(DUAL, /ipv6|fd00:41::|EAFNOSUPPORT|EOPNOTSUPP/i);
  });

  it("with ipv6.disable_ipv6=1, which a namespace can undo: both work", async () => {
    await boot({ parameters: "ipv6.disable_ipv6=1" });
    lives(MASQUERADE);
    const added = vm.plugin("bridge", "ADD", DUAL, CALL);
    // The bridge's own disable_ipv6 is the administrator's: either it works, or the error names what is in the way.
    if (added.status === 1) expect(added.json.msg).toMatch(/fd00:41::1|disable_ipv6/);
    expect(vm.plugin("bridge", "DEL", DUAL, CALL).status).toBe(0);
    expect(left()).toBe("");
  });
});
