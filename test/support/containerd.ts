// Debian's containerd, started for one test file alone: its own root, state and socket, on a simulated node where
// /etc/cni/net.d and /opt/cni/bin are private.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { REFERENCE } from "./executables.ts";
import { buildImage, IMAGE } from "./image.ts";
import { Sandbox } from "./sandbox.ts";

const SOCKET = "/run/containerd.sock";
const ENV = { CONTAINERD_ADDRESS: SOCKET, CONTAINERD_SNAPSHOTTER: "native" };
const START_TIMEOUT_MS = 120_000;
/** The plugins of containernetworking that the CRI or a test's network starts besides ours. */
const STOCK = ["loopback", "portmap"];

function configuration(directory: string, cri: boolean): string {
  // oom_score_adj and AppArmor are what a machine that is a container itself may not have.
  const plugin = cri
    ? `
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
`
    : 'disabled_plugins = ["io.containerd.grpc.v1.cri"]';
  return `
version = 2
root = "${directory}/root"
state = "/run/containerd"
${cri ? "" : plugin}
[grpc]
  address = "${SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${directory}/opt"
${cri ? plugin : ""}`;
}

export class Containerd {
  readonly node: Sandbox;
  readonly #directory: string;
  readonly #namespace: string;
  #daemon: ChildProcess;

  private constructor(node: Sandbox, directory: string, namespace: string) {
    this.node = node;
    this.#directory = directory;
    this.#namespace = namespace;
    this.#daemon = this.#started();
  }

  /** Makes a node with containerd on it, `conf` as its only network, and the image. `cri` serves the kubelet's calls. */
  static async start({ conf, cri = false }: { conf?: object; cri?: boolean }): Promise<Containerd> {
    if (process.getuid?.() !== 0) throw new Error("containerd needs root");
    const directory = mkdtempSync(join(tmpdir(), "containerd-"));
    const node = await Sandbox.create({ empty: ["/etc/cni/net.d", "/opt/cni/bin"] });
    node.sh(`cp -d ${node.bin}/* /opt/cni/bin/`);
    for (const name of STOCK) node.must("cp", [`${REFERENCE}/${name}`, "/opt/cni/bin/"]);
    node.sh("cat >/run/containerd.toml", { input: configuration(directory, cri) });
    const containerd = new Containerd(node, directory, cri ? "k8s.io" : "default");
    if (conf !== undefined) containerd.configure(conf);
    await containerd.#answers();
    containerd.ctr("image", "import", buildImage(directory));
    return containerd;
  }

  #started(): ChildProcess {
    return this.node.start("sh", [
      "-c",
      "exec containerd -c /run/containerd.toml >>/run/containerd.log 2>&1",
    ]);
  }

  async #answers(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const version = this.node.run("ctr", ["version"], { env: ENV });
      if (version.status === 0) return;
      if (Date.now() > deadline) {
        const log = this.node.sh("tail -n 50 /run/containerd.log");
        throw new Error(`containerd does not answer: ${version.stderr}${log}`);
      }
      await sleep(50);
    }
  }

  /** Writes the network's configuration list. */
  configure(conf: object): void {
    this.node.sh("cat >/etc/cni/net.d/.new; mv /etc/cni/net.d/.new /etc/cni/net.d/10-net.conflist", {
      input: JSON.stringify(conf),
    });
  }

  /** containerd's socket as this process reaches it. */
  get socket(): string {
    return `/proc/${this.node.pid}/root${SOCKET}`;
  }

  get env(): Readonly<Record<string, string>> {
    return { ...ENV, CONTAINERD_NAMESPACE: this.#namespace };
  }

  ctr(...args: string[]): string {
    return this.node.must("ctr", args, { env: this.env });
  }

  /** Kills the daemon and starts another. Containers go on, under their shims. */
  async restart(): Promise<void> {
    const closed = once(this.#daemon, "close");
    this.#daemon.kill("SIGKILL");
    await closed;
    this.#daemon = this.#started();
    await this.#answers();
  }

  async dispose(): Promise<void> {
    try {
      const tasks = this.ctr("task", "ls", "-q").split("\n").filter(Boolean);
      for (const id of tasks) this.ctr("task", "rm", "-f", id);
      const closed = once(this.#daemon, "close");
      this.#daemon.kill("SIGTERM");
      await closed;
    } finally {
      await this.node.dispose();
      rmSync(this.#directory, { recursive: true, force: true });
    }
  }
}
