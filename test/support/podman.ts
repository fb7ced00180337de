// Debian's podman with its CNI backend, on a simulated node: storage, networks and state of its own, our plugins beside
// the stock ones. Everything it keeps is in /run or in one directory, so a test can take away what a reboot takes.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REFERENCE } from "./executables.ts";
import { buildImage } from "./image.ts";
import type { Ended, RunOptions } from "./node.ts";
import { Sandbox } from "./sandbox.ts";

const PLUGINS = "/run/podman-plugins";
const NETWORKS = "/run/podman-networks";
const CONFIG = "/run/containers.conf";
const STOCK = ["portmap", "firewall", "tuning"];

// The limits and the OOM score are what a machine that is a container itself cannot raise.
const CONTAINERS_CONF = `
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[network]
network_backend = "cni"
cni_plugin_dirs = ["${PLUGINS}"]
network_config_dir = "${NETWORKS}"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
`;

export class Podman {
  readonly node: Sandbox;
  readonly #directory: string;

  private constructor(node: Sandbox, directory: string) {
    this.node = node;
    this.#directory = directory;
  }

  static async create(): Promise<Podman> {
    if (process.getuid?.() !== 0) throw new Error("these tests of podman need root");
    const directory = mkdtempSync(join(tmpdir(), "podman-"));
    // podman's locks are in /dev/shm.
    const node = await Sandbox.create({ empty: ["/dev/shm"] });
    const podman = new Podman(node, directory);
    podman.node.sh(`mkdir -p ${PLUGINS} ${NETWORKS}; cp -d ${podman.node.bin}/* ${PLUGINS}`);
    for (const name of STOCK) podman.node.must("cp", [`${REFERENCE}/${name}`, PLUGINS]);
    podman.node.sh(`cat >${CONFIG}`, { input: CONTAINERS_CONF });
    podman.must("load", "-i", buildImage(directory));
    return podman;
  }

  run(args: readonly string[], options: RunOptions = {}): Ended {
    const storage = ["--root", join(this.#directory, "root"), "--runroot", "/run/podman-run"];
    const flags = [...storage, "--storage-driver", "vfs", "--network-backend", "cni"];
    return this.node.run("podman", [...flags, ...args], {
      ...options,
      env: { CONTAINERS_CONF: CONFIG, HOME: this.#directory, ...options.env },
    });
  }

  /** Runs podman with words that must succeed, and returns its stdout without the line's end. */
  must(...args: string[]): string {
    const { status, stdout, stderr } = this.run(args);
    if (status !== 0) throw new Error(`podman ${args.join(" ")} ended with ${status}: ${stderr} ${stdout}`);
    return stdout.trimEnd();
  }

  /**
   * What a loss of power and the next boot leave: no process, no namespace, no link, nothing of podman's in /run,
   * another boot id; storage, networks and /var/lib/cni as they were.
   */
  reboot(): void {
    const pids = this.must("ps", "-q", "--format", "{{.Pid}}").split("\n").filter(Boolean);
    this.node.sh(`
      for pid in ${pids.join(" ")}; do
        # conmon first, so that nobody cleans up.
        kill -9 $(sed 's/.*) . \\([0-9]*\\) .*/\\1/' /proc/$pid/stat) $pid
      done
      ip -all netns delete
      for link in $(ip -o link | sed 's/^[0-9]*: \\([^:@]*\\).*/\\1/'); do
        [ $link = lo ] || ip link delete $link 2>/dev/null || :
      done
      nft flush ruleset
      awk '$5 ~ "^(/run/(podman-run|netns|libpod)|${this.#directory}/)" { print $5 }' /proc/self/mountinfo |
        sort -r | xargs -r umount -l
      rm -rf /dev/shm/*
      find /run -mindepth 1 -maxdepth 1 ! -path ${PLUGINS} ! -path ${NETWORKS} ! -path ${CONFIG} -exec rm -rf {} +
      umount /proc/sys/kernel/random/boot_id 2>/dev/null || :
      cat /proc/sys/kernel/random/uuid >/run/boot_id
      mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
    `);
  }

  async dispose(): Promise<void> {
    try {
      this.run(["rm", "-f", "-t", "0", "-a"]);
    } finally {
      await this.node.dispose();
      rmSync(this.#directory, { recursive: true, force: true });
    }
  }
}
