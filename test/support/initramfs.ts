// The root file system of the virtual machine: Debian's modules, this machine's own network tools with the libraries
// they need, busybox for everything else, scripts/vm/init.sh as the first process, and the plugins under test.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Archive } from "./cpio.ts";

const INIT = new URL("../../scripts/vm/init.sh", import.meta.url).pathname;
const BUSYBOX = "busybox";
/** nsenter too, because that of busybox would start busybox's own ip. */
const TOOLS = "sh bash nsenter ip bridge nft iptables ip6tables iptables-save ip6tables-save".split(" ");
/** iptables opens its matches and targets by name when it runs; these are what the reference plugins name. */
const EXTENSIONS = /^lib(xt|ipt|ip6t)_(standard|comment|MASQUERADE)\.so$/;
const LIBRARIES = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"];

function located(name: string): string {
  const directories = `${process.env.PATH}:/usr/sbin:/sbin`.split(":");
  const found = directories.map((directory) => join(directory, name)).find((path) => existsSync(path));
  if (found === undefined) {
    throw new Error(`the virtual machine needs ${name}: run scripts/install-packages.sh on Debian or Ubuntu`);
  }
  return found;
}

function extensions(): string[] {
  const directory = LIBRARIES.map((path) => join(path, "xtables")).find((path) => existsSync(path));
  if (directory === undefined)
    throw new Error(`no xtables in ${LIBRARIES.join(", ")}: apt-get install iptables`);
  return readdirSync(directory)
    .filter((name) => EXTENSIONS.test(name))
    .map((name) => join(directory, name));
}

/** The shared libraries and the loader of all these, as ldd(1) names them. */
function libraries(paths: readonly string[]): Set<string> {
  const { stdout, error } = spawnSync("ldd", paths, { encoding: "utf8" });
  if (error !== undefined) throw error;
  return new Set([...stdout.matchAll(/^\t(?:\S+ => )?(\/\S+) \(0x/gm)].map(([, path]) => path!));
}

function files(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? files(path) : [path];
  });
}

/** `plugins` is path in the machine → path here; `kernel` is the directory of fetch-kernel.sh, without some modules. */
export function initramfs(
  kernel: string,
  plugins: Readonly<Record<string, string>>,
  without?: RegExp,
): Uint8Array {
  const archive = new Archive();
  for (const path of ["/dev", "/proc", "/sys", "/run", "/bin"]) archive.directory(path);
  archive.file("/init", readFileSync(INIT), 0o755);
  archive.file("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
  archive.file("/bin/busybox", readFileSync(located(BUSYBOX)), 0o755);
  archive.symlink("/bin/sh", "/usr/sbin/sh");
  // The kernel calls this name when a module is missing.
  archive.symlink("/sbin/modprobe", "/bin/busybox");

  const tools = TOOLS.map(located);
  const shared = extensions();
  for (const path of tools) archive.file(`/usr/sbin/${basename(path)}`, readFileSync(path), 0o755);
  for (const path of [...shared, ...libraries([...tools, ...shared])]) {
    archive.file(path, readFileSync(path), 0o755);
  }
  for (const path of files(join(kernel, "lib"))) {
    if (without?.test(path) !== true) archive.file(path.slice(kernel.length), readFileSync(path));
  }
  for (const [path, here] of Object.entries(plugins)) archive.file(path, readFileSync(here), 0o755);
  return archive.bytes();
}
