// Where the executables under test are: ours in dist/, and the reference plugins of containernetworking, which serve
// as oracle and as the plugins of a chain. The reference is installed with Go into a cache once; REF_BIN points to
// a directory that has it already. Also the global set-up of the tiers that run executables.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

export const PLUGINS_VERSION = "v1.9.1";
export const CNITOOL_VERSION = "v1.3.0";
/** The last release with flannel's plugin in it; flannel took the source over then. */
export const FLANNEL_VERSION = "v0.9.1";
const PLUGINS = "github.com/containernetworking/plugins/plugins";
const PACKAGES = [
  `${PLUGINS}/main/bridge@${PLUGINS_VERSION}`,
  `${PLUGINS}/main/loopback@${PLUGINS_VERSION}`,
  `${PLUGINS}/ipam/host-local@${PLUGINS_VERSION}`,
  `${PLUGINS}/ipam/static@${PLUGINS_VERSION}`,
  `${PLUGINS}/meta/portmap@${PLUGINS_VERSION}`,
  `${PLUGINS}/meta/firewall@${PLUGINS_VERSION}`,
  `${PLUGINS}/meta/bandwidth@${PLUGINS_VERSION}`,
  `${PLUGINS}/meta/tuning@${PLUGINS_VERSION}`,
  `github.com/containernetworking/cni/cnitool@${CNITOOL_VERSION}`,
];
/** What only the runtimes tier starts. */
const RUNTIMES_PACKAGES = [
  `${PLUGINS}/main/ptp@${PLUGINS_VERSION}`,
  `${PLUGINS}/main/macvlan@${PLUGINS_VERSION}`,
  `${PLUGINS}/ipam/dhcp@${PLUGINS_VERSION}`,
  `${PLUGINS}/meta/flannel@${FLANNEL_VERSION}`,
];

function executable(path: string): string {
  return path.replace(/@.*/, "").replace(/.*\//, "");
}

/** Our executables: `make build` puts them here. */
export const DIST = process.env.DIST ?? new URL("../../dist", import.meta.url).pathname;

const CACHE = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
const CACHED = join(CACHE, "cni-bridge", `plugins-${PLUGINS_VERSION}-cnitool-${CNITOOL_VERSION}`);

/** The reference plugins, and cnitool beside them. */
export const REFERENCE = process.env.REF_BIN ?? CACHED;

function missing(directory: string, names: readonly string[]): string[] {
  return names.filter((name) => !existsSync(join(directory, name)));
}

/** Modules come over the network, which may fail once. */
const INSTALL_TRIES = 3;

function goInstall(path: string, directory: string): void {
  for (let tries = 1; ; tries++) {
    const ended = spawnSync("go", ["install", path], {
      env: { ...process.env, GOBIN: directory, CGO_ENABLED: "0", GOFLAGS: "-mod=mod" },
      encoding: "utf8",
    });
    if (ended.error !== undefined)
      throw new Error(
        `the reference plugins are built with Go 1.24 or newer, see https://go.dev/dl (${ended.error.message})`,
      );
    if (ended.status === 0) return;
    if (tries === INSTALL_TRIES) throw new Error(`go install ${path}: ${ended.stderr}`);
  }
}

/** Builds in a directory of its own and renames each, so that two runs at once cannot meet a half-done one. */
function installReference(paths: readonly string[]): void {
  mkdirSync(CACHED, { recursive: true });
  const staging = mkdtempSync(`${CACHED}.`);
  try {
    for (const path of paths) {
      goInstall(path, staging);
      renameSync(join(staging, executable(path)), join(CACHED, executable(path)));
    }
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** What a tier starts besides the plugins; scripts/install-packages.sh gets all of it. */
const SANDBOX = ["unshare", "nsenter", "ip", "bridge", "nft", "iptables", "busybox", "bash", "sysctl"];
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  kernel: [...SANDBOX, "strace"],
  faults: [...SANDBOX, "strace"],
  fuzz: SANDBOX,
  load: SANDBOX,
  runtimes: [...SANDBOX, "tar", "tc", "containerd", "ctr", "runc", "podman", "conmon"],
  vm: ["qemu-system-x86_64", "setpriv", "mkfifo", "ldd"],
  bench: [...SANDBOX, "strace", "valgrind"],
};

function absentCommands(tier: string): string[] {
  const directories = `${process.env.PATH}:/usr/sbin:/sbin`.split(":");
  return (COMMANDS[tier] ?? []).filter((name) =>
    directories.every((directory) => !existsSync(join(directory, name))),
  );
}

/** Vitest's global set-up: all executables are there, or the run ends with a sentence that says what to do. */
export default function setup({ name: tier }: Pick<TestProject, "name">): void {
  const commands = absentCommands(tier);
  if (commands.length > 0) {
    throw new Error(
      `the ${tier} tests need ${commands.join(", ")}: run scripts/install-packages.sh on Debian or Ubuntu`,
    );
  }
  const unbuilt = missing(DIST, ["bridge", "host-local"]);
  if (unbuilt.length > 0) throw new Error(`${DIST} has no ${unbuilt.join(", ")}: run \`make build\` first`);
  const needed = tier === "runtimes" ? [...PACKAGES, ...RUNTIMES_PACKAGES] : PACKAGES;
  const absent = needed.filter((path) => missing(REFERENCE, [executable(path)]).length > 0);
  if (absent.length === 0) return;
  if (process.env.REF_BIN !== undefined) {
    throw new Error(
      `REF_BIN=${REFERENCE} has no ${absent.map(executable).join(", ")}; unset it to have them installed with Go`,
    );
  }
  installReference(absent);
}
