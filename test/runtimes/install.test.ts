// examples/kubernetes: the image is built from its Dockerfile and run as the DaemonSet runs it, on a directory that has
// the reference plugins, while somebody calls them without a pause.

import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DIST, REFERENCE } from "../support/executables.ts";
import { IMAGE } from "../support/image.ts";
import { Podman } from "../support/podman.ts";

const EXAMPLES = new URL("../../examples/kubernetes", import.meta.url).pathname;
const BIN = "/run/opt/cni/bin";
const INSTALLER = "localhost/cni-bridge-install";

describe("examples/kubernetes", () => {
  let podman: Podman;
  let context: string;

  /** What the DaemonSet's init container does. */
  const install = (...command: string[]) =>
    podman.run([
      ...[
        "run",
        "--rm",
        "--network",
        "none",
        "--read-only",
        "--cap-drop",
        "all",
        "--cap-add",
        "dac_override",
      ],
      ...["-v", `${BIN}:/host/opt/cni/bin`, INSTALLER, ...command],
    ]);
  const says = (name: string) =>
    podman.node.run(`${BIN}/${name}`, [], {
      env: { CNI_COMMAND: "VERSION" },
      input: '{"cniVersion":"1.1.0"}',
    });
  const isSame = (name: string, file: string) =>
    podman.node.run("cmp", ["-s", `${BIN}/${name}`, file]).status === 0;
  const names = () => podman.node.sh(`ls -A ${BIN}`).split("\n").filter(Boolean);

  beforeAll(async () => {
    podman = await Podman.create();
    context = mkdtempSync(join(tmpdir(), "image-"));
    mkdirSync(join(context, "dist"));
    cpSync(join(DIST, "bridge"), join(context, "dist/bridge"));
    cpSync(EXAMPLES, join(context, "examples/kubernetes"), { recursive: true });
    const file = join(context, "examples/kubernetes/Dockerfile");
    podman.must("build", "--build-arg", `BASE=${IMAGE}`, "-f", file, "-t", INSTALLER, context);
  });
  afterAll(async () => {
    await podman?.dispose();
    if (context !== undefined) rmSync(context, { recursive: true });
  });
  beforeEach(() => {
    podman.node.sh(`rm -rf ${BIN}; mkdir -p ${BIN}; cp ${REFERENCE}/bridge ${REFERENCE}/host-local ${BIN}`);
  });

  it("puts the three names there and keeps what was there before", () => {
    expect(install()).toMatchObject({ status: 0, stdout: expect.stringMatching(/cni-bridge .* is in/) });
    expect(names()).toEqual([
      "bridge",
      "bridge.reference",
      "cni-bridge",
      "host-local",
      "host-local.reference",
    ]);
    for (const name of ["bridge", "host-local", "cni-bridge"]) {
      expect(isSame(name, join(DIST, "bridge")), name).toBe(true);
    }
    for (const name of ["bridge", "host-local"]) {
      expect(says(name)).toMatchObject({ status: 0, stdout: expect.stringContaining("1.1.0") });
      expect(isSame(`${name}.reference`, join(REFERENCE, name)), name).toBe(true);
    }
  });

  it("does the same again, and does not take ours for what was there before", () => {
    for (let round = 0; round < 2; round++) expect(install()).toMatchObject({ status: 0 });
    expect(isSame("bridge.reference", join(REFERENCE, "bridge"))).toBe(true);
  });

  it("restores it", () => {
    expect(install()).toMatchObject({ status: 0 });
    expect(install("/cni-bridge/install.sh", "restore")).toMatchObject({ status: 0 });
    expect(names()).toEqual(["bridge", "host-local"]);
    for (const name of names()) expect(isSame(name, join(REFERENCE, name)), name).toBe(true);
  });

  it("puts nothing there that does not run on the node", () => {
    const script = ": >/tmp/other; SOURCE=/tmp/other /cni-bridge/install.sh";
    const ended = podman.run([
      ...["run", "--rm", "--network", "none", "-v", `${BIN}:/host/opt/cni/bin`, INSTALLER],
      ...["sh", "-c", `mkdir -p /tmp; ${script}`],
    ]);
    expect(ended.status).not.toBe(0);
    expect(names()).toEqual(["bridge", "host-local"]);
    expect(isSame("bridge", join(REFERENCE, "bridge"))).toBe(true);
  });

  it("never lets a runtime meet half a plugin", async () => {
    const caller = podman.node.start(
      "bash",
      [
        "-c",
        `calls=0 failures=0
         trap 'echo "$calls $failures"; exit' TERM
         echo ready
         while :; do
           ${BIN}/bridge </dev/null >/dev/null || failures=$((failures + 1))
           calls=$((calls + 1))
         done`,
      ],
      { env: { CNI_COMMAND: "VERSION" } },
    );
    await once(caller.stdout!, "data");
    for (let round = 0; round < 3; round++) {
      expect(install()).toMatchObject({ status: 0 });
      expect(install("/cni-bridge/install.sh", "restore")).toMatchObject({ status: 0 });
    }
    const said = once(caller.stdout!, "data");
    caller.kill("SIGTERM");
    const [calls, failures] = `${(await said)[0]}`.trim().split(" ").map(Number);
    expect(failures).toBe(0);
    expect(calls).toBeGreaterThan(100);
  });

  it("mounts in the DaemonSet what the script writes, and starts what the image has", () => {
    const manifest = readFileSync(join(EXAMPLES, "daemonset.yaml"), "utf8");
    const script = readFileSync(join(EXAMPLES, "install.sh"), "utf8");
    const target = /TARGET:-([^}]+)}/.exec(script)![1]!;
    expect(manifest).toContain(`mountPath: ${target}`);
    expect(manifest).toContain(`path: ${target.replace("/host", "")}`);
    const dockerfile = readFileSync(join(EXAMPLES, "Dockerfile"), "utf8");
    for (const [, path] of manifest.matchAll(/command: \["(\/[^"]+)"/g))
      expect(dockerfile).toContain(` ${path}`);
    const version = JSON.parse(readFileSync(join(EXAMPLES, "../../package.json"), "utf8")).version;
    const images = [...manifest.matchAll(/image: \S+:(\S+)/g)].map(([, tag]) => tag);
    expect(images).toEqual([version, version]);
  });
});
