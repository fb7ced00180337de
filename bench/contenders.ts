// Who is compared: the reference plugins, the floor (bench/floor.c) and cni-bridge, each on a simulated node of its own
// with the same network, so that none meets what another has left.

import { mkdirSync, writeFileSync } from "node:fs";
import { DIST, REFERENCE } from "../test/support/executables.ts";
import { Sandbox } from "../test/support/sandbox.ts";
import { BUILD, type Call, type Job } from "./jobs.ts";

export interface Network {
  readonly masquerade?: "default" | "iptables" | "nftables";
  readonly dualStack?: true;
  /** For the floor: its pairs have one queue, as ours, where the kernel would have one for each processor. */
  readonly oneQueue?: true;
}

export interface Contender {
  readonly label: string;
  readonly bin: string;
  readonly network: Network;
}

export type Verb = "ADD" | "DEL" | "VERSION";

export const GATEWAY = "10.88.0.1";
const GATEWAY6 = "fd00:88::1";
const BRIDGE = "cni0";
const FLOOR = `${BUILD}/floor`;
const LEASES = "/var/lib/cni/networks";

export function reference(network: Network = {}, label = "reference"): Contender {
  return { label, bin: REFERENCE, network };
}
export function floor(network: Network = {}): Contender {
  const label = network.oneQueue ? "floor, one queue" : "floor";
  return { label, bin: FLOOR, network };
}
export function ours(network: Network = {}, label = "cni-bridge"): Contender {
  return { label, bin: DIST, network };
}

/** As long as those of the runtimes. */
function containerId(index: number): string {
  return `c${index.toString(16).padStart(63, "0")}`;
}

function address(index: number): string {
  const at = index + 2;
  return `10.${88 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}`;
}

function bridgeConfig({ masquerade, dualStack }: Network): object {
  const ranges = [[{ subnet: "10.88.0.0/16" }], ...(dualStack ? [[{ subnet: "fd00:88::/64" }]] : [])];
  const routes = [{ dst: "0.0.0.0/0" }, ...(dualStack ? [{ dst: "::/0" }] : [])];
  return {
    cniVersion: "1.0.0",
    name: "bench",
    type: "bridge",
    bridge: BRIDGE,
    isGateway: true,
    ...(masquerade !== undefined && { ipMasq: true }),
    ...((masquerade ?? "default") !== "default" && { ipMasqBackend: masquerade }),
    ipam: { type: "host-local", ranges, routes },
  };
}

/** A contender on its node. */
export class Entrant {
  readonly contender: Contender;
  readonly sandbox: Sandbox;
  readonly #config: string;

  private constructor(contender: Contender, sandbox: Sandbox) {
    this.contender = contender;
    this.sandbox = sandbox;
    this.#config = JSON.stringify(bridgeConfig(contender.network));
  }

  /** Makes a node with that many container namespaces, c0, c1, … */
  static async create(contender: Contender, containers: number): Promise<Entrant> {
    const sandbox = await Sandbox.create({ bin: contender.bin });
    const entrant = new Entrant(contender, sandbox);
    const names = Array.from({ length: containers }, (_, index) => `c${index}`);
    const input = names.map((name) => `netns add ${name}\n`).join("");
    sandbox.must("ip", ["-batch", "-"], { input });
    if (contender.bin === FLOOR) entrant.#prepareFloor();
    return entrant;
  }

  #prepareFloor(): void {
    const nat = (ip: string, set: string) => `ip${ip} saddr @${set} masquerade`;
    this.sandbox.sh(`
      mkdir -p ${LEASES}/bench
      sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
      ip link add ${BRIDGE} type bridge
      ip address add ${GATEWAY}/16 dev ${BRIDGE}
      ip address add ${GATEWAY6}/64 dev ${BRIDGE} nodad
      ip link set ${BRIDGE} up
      nft 'table inet floor {
        set s4 { type ipv4_addr; }
        set s6 { type ipv6_addr; }
        chain postrouting { type nat hook postrouting priority srcnat; ${nat("", "s4")}; ${nat("6", "s6")}; }
      }'`);
  }

  /** What the runtime calls for container `index`. */
  call(verb: Verb, index: number): Call {
    const { bin, network } = this.contender;
    const env: Record<string, string> = {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      CNI_COMMAND: verb,
      CNI_CONTAINERID: containerId(index),
      CNI_NETNS: `/run/netns/c${index}`,
      CNI_IFNAME: "eth0",
      CNI_PATH: bin,
    };
    if (bin === FLOOR) {
      Object.assign(env, {
        FLOOR_LINK: `veth${index}`,
        FLOOR_BRIDGE: BRIDGE,
        FLOOR_LEASES: `${LEASES}/bench`,
        FLOOR_IP4: address(index),
        FLOOR_GW4: GATEWAY,
        ...(network.masquerade !== undefined && { FLOOR_SETS: "1" }),
        ...(network.oneQueue && { FLOOR_QUEUE: "1" }),
        ...(network.dualStack && { FLOOR_IP6: `fd00:88::${(index + 2).toString(16)}`, FLOOR_GW6: GATEWAY6 }),
      });
    }
    return { program: `${bin}/bridge`, stdin: this.#config, env };
  }

  /** Makes a call that must succeed, and that nobody measures. */
  perform({ program, stdin, env }: Call): void {
    this.sandbox.must(program, [], { input: stdin, env });
  }

  job(verb: Verb, index: number, options: Pick<Job, "settleMs" | "probe"> = {}): Job {
    return { ...this.call(verb, index), node: this.sandbox.pid, ...options };
  }

  /** Gives network `leases-COUNT` that many leases of other containers. */
  fillLeases(count: number): void {
    const directory = `/proc/${this.sandbox.pid}/root${LEASES}/leases-${count}`;
    mkdirSync(directory, { recursive: true });
    for (let index = 0; index < count; index++) {
      writeFileSync(`${directory}/${address(index)}`, `${containerId(index)}\r\neth0`);
    }
    writeFileSync(`${directory}/last_reserved_ip.0`, address(count - 1));
  }

  /** A call of host-local in that network, for a container beside those that have the leases. */
  leaseJob(verb: Verb, count: number, settleMs: number): Job {
    const job = this.job(verb, count, { settleMs });
    const ipam = { type: "host-local", ranges: [[{ subnet: "10.0.0.0/8", rangeStart: address(0) }]] };
    const config = { cniVersion: "1.0.0", name: `leases-${count}`, type: "bridge", ipam };
    const floored = this.contender.bin === FLOOR ? { FLOOR_LEASES: `${LEASES}/leases-${count}` } : {};
    return {
      ...job,
      program: `${this.contender.bin}/host-local`,
      stdin: JSON.stringify(config),
      env: { ...job.env, CNI_NETNS: "/run/netns/c0", ...floored },
    };
  }
}

/** Makes the entrants, works with them, and ends their nodes. */
export async function compete<T>(
  contenders: readonly Contender[],
  containers: number,
  work: (entrants: readonly Entrant[]) => T,
): Promise<T> {
  const entrants: Entrant[] = [];
  try {
    for (const contender of contenders) entrants.push(await Entrant.create(contender, containers));
    return work(entrants);
  } finally {
    for (const { sandbox } of entrants) await sandbox.dispose();
  }
}
