// A node in a virtual machine, for what the machine's own kernel may lack: VLAN filtering, 8021q, dummy. QEMU boots
// Debian's kernel in about four seconds; it needs no root and no KVM, and ends with the test. The other side
// is scripts/vm/init.sh.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DIST, REFERENCE } from "./executables.ts";
import { initramfs } from "./initramfs.ts";
import { type Ended, Node, type RunOptions } from "./node.ts";

/** Made by scripts/vm/fetch-kernel.sh. */
const KERNEL = new URL("../../build/vm/kernel", import.meta.url).pathname;
const BOOT_TIMEOUT_MS = 120_000;
/** scripts/vm/init.sh ends each part of an answer with it. */
const MARK = "\x1e\x1c\x1d\x1e";

const never = new Int32Array(new SharedArrayBuffer(4));

export interface BootOptions {
  /** The directory here of the plugins under test; ours by default. */
  readonly bin?: string;
  /** Parameters of the kernel in addition. */
  readonly parameters?: string;
  /** Modules of the kernel to leave out, by path; nobody can load them then. */
  readonly without?: RegExp;
}

export class Vm extends Node {
  /** Directories in the machine: the plugins under test, and the reference. */
  static readonly bin = "/opt/cni/bin";
  static readonly reference = "/opt/reference/bin";

  readonly bin = Vm.bin;

  #disposed = false;
  readonly #qemu: ChildProcess;
  /** What qemu and the kernel say. */
  readonly #log: number;
  /** Read without waiting: EAGAIN while there is nothing, an end where qemu has no hold of the pipe. */
  readonly #answers: number;
  #requests = -1;
  #received = "";

  private constructor(qemu: ChildProcess, log: number, answers: number) {
    super();
    this.#qemu = qemu;
    this.#log = log;
    this.#answers = answers;
  }

  static async boot({ bin = DIST, parameters = "", without }: BootOptions = {}): Promise<Vm> {
    if (!existsSync(KERNEL)) throw new Error(`${KERNEL} is missing: make build/vm/kernel`);
    const plugins = ["bridge", "host-local"].flatMap((name) => [
      [`${Vm.bin}/${name}`, join(bin, name)],
      [`${Vm.reference}/${name}`, join(REFERENCE, name)],
    ]);
    plugins.push([`${Vm.reference}/cnitool`, join(REFERENCE, "cnitool")]);
    const directory = mkdtempSync(join(tmpdir(), "cni-bridge-vm-"));
    const file = (name: string) => join(directory, name);
    try {
      writeFileSync(file("initramfs"), initramfs(KERNEL, Object.fromEntries(plugins), without));
      const made = spawnSync("mkfifo", [file("port.in"), file("port.out")], { encoding: "utf8" });
      if (made.status !== 0) throw new Error(`mkfifo: ${made.error?.message ?? made.stderr}`);
      const answers = openSync(file("port.out"), constants.O_RDONLY | constants.O_NONBLOCK);
      const log = openSync(file("log"), "a+");
      // The kernel ends qemu with the thread that started it, however that ends.
      const command = ["--pdeathsig", "KILL", "qemu-system-x86_64", ...flags(file, parameters)];
      const vm = new Vm(spawn("setpriv", command, { stdio: ["ignore", "ignore", log] }), log, answers);
      try {
        await vm.#ready(file("port.in"));
      } catch (error) {
        await vm.dispose();
        throw error;
      }
      return vm;
    } finally {
      // Now open wherever it is needed; nothing stays of a test that is killed.
      rmSync(directory, { recursive: true });
    }
  }

  async #ready(requests: string): Promise<void> {
    let failure: string | undefined;
    this.#qemu.once("error", (error) => {
      failure = error.message;
    });
    this.#qemu.once("exit", (status, signal) => {
      failure ??= `qemu ended with ${signal ?? status}`;
    });
    const deadline = Date.now() + BOOT_TIMEOUT_MS;
    while (this.#answer(1) === undefined) {
      if (Date.now() > deadline) failure ??= `no answer within ${BOOT_TIMEOUT_MS / 1000} s`;
      if (failure !== undefined)
        throw new Error(`cannot boot a virtual machine: ${failure}\n${this.#logged()}`);
      await sleep(2);
    }
    this.#requests = openSync(requests, "w");
  }

  /** The end of the log, for error messages. */
  #logged(): string {
    const end = Buffer.alloc(4000);
    const { size } = fstatSync(this.#log);
    return end.toString("utf8", 0, readSync(this.#log, end, 0, end.length, Math.max(0, size - end.length)));
  }

  /** What has arrived, if that is `parts` marks and what each ends; an empty read before the first is no end. */
  #answer(parts: number): string[] | undefined {
    const chunk = Buffer.alloc(1 << 16);
    for (;;) {
      const received = this.#received.split(MARK);
      if (received.length > parts) {
        this.#received = "";
        return received;
      }
      let count: number;
      try {
        count = readSync(this.#answers, chunk);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EAGAIN") return undefined;
        throw error;
      }
      if (count === 0) {
        if (this.#requests >= 0) throw new Error(`the virtual machine is gone\n${this.#logged()}`);
        return undefined;
      }
      this.#received += chunk.toString("latin1", 0, count);
    }
  }

  /** Runs a command on the node to its end. One that does not end in time ends the machine. */
  run(cmd: string, args: readonly string[] = [], options: RunOptions = {}): Ended {
    const timeoutMs = options.timeoutMs ?? 60_000;
    const env = Object.entries(options.env ?? {}).map(([name, value]) =>
      value === undefined ? `unset ${name}` : `export ${name}=${quoted(value)}`,
    );
    const inner = options.netns === undefined ? [] : ["nsenter", `--net=/run/netns/${options.netns}`];
    const command = ["exec", ...[...inner, cmd, ...args].map(quoted)].join(" ");
    const input = Buffer.from(options.input ?? "").toString("latin1");
    const script = Buffer.from([...env, command].join("\n")).toString("latin1");

    const deadline = Date.now() + timeoutMs;
    writeSync(this.#requests, `${escaped(script)}\n${escaped(input)}\n`);
    let answer = this.#answer(3);
    while (answer === undefined) {
      if (Date.now() > deadline) {
        this.#qemu.kill("SIGKILL");
        throw new Error(`${cmd} ${args.join(" ")}: no end within ${timeoutMs} ms\n${this.#logged()}`);
      }
      Atomics.wait(never, 0, 0, 0.5);
      answer = this.#answer(3);
    }
    const [stdout, stderr, status] = answer.map((part) => Buffer.from(part, "latin1").toString("utf8"));
    return { status: Number(status), stdout: stdout!, stderr: stderr! };
  }

  /** Takes away what a test left: namespaces, links, rules, and the plugins' files. */
  reset(): void {
    this.sh(`
      ip -all netns delete
      for path in /sys/class/net/*; do
        link=\${path##*/}
        [ "$link" = lo ] || [ ! -e "$path" ] || ip link delete "$link"
      done
      nft flush ruleset
      rm -rf /var/lib/cni/* /run/cni-bridge
    `);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#qemu.pid !== undefined && this.#qemu.exitCode === null && this.#qemu.signalCode === null) {
      const ended = once(this.#qemu, "exit");
      this.#qemu.kill("SIGKILL");
      await ended;
    }
    for (const fd of [this.#log, this.#answers, this.#requests]) if (fd >= 0) closeSync(fd);
  }
}

function flags(file: (name: string) => string, parameters: string): string[] {
  return [
    // Not KVM: inside other virtual machines it may open well and then fail at the first rare instruction.
    ...["-accel", "tcg"],
    ...["-cpu", "max", "-smp", "1", "-m", "512"],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-kernel", join(KERNEL, "vmlinuz"), "-initrd", file("initramfs")],
    // A machine whose kernel panics ends at once.
    ...[
      "-append",
      `console=ttyS0 quiet panic=-1 no_timer_check random.trust_cpu=on mitigations=off ${parameters}`,
    ],
    ...["-chardev", `file,id=log,path=${file("log")},append=on`, "-serial", "chardev:log"],
    ...["-chardev", `pipe,id=port,path=${file("port")}`],
    ...["-device", "virtio-serial-pci", "-device", "virtserialport,chardev=port"],
  ];
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** For `read -r` and printf's %b: one line of plain ASCII, of bytes given as characters. */
function escaped(bytes: string): string {
  return bytes.replace(/[^ !-[\]-~]/g, (byte) => `\\0${byte.charCodeAt(0).toString(8).padStart(3, "0")}`);
}
