// A container image of a few kilobytes of JSON and one static busybox, as the tar archive that `ctr image import` and
// `podman load` read: an OCI image layout (image-spec, image-layout.md). Needs tar and Debian's busybox-static.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The name under which the image is known after the import. */
export const IMAGE = "localhost/busybox:latest";

const BUSYBOX = "/bin/busybox";
const APPLETS = "sh ip ping sleep cat nc wget httpd cp mv rm ln chmod mkdir echo".split(" ");
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

function tar(from: string, archive: string): void {
  const ended = spawnSync("tar", ["--owner=0", "--group=0", "-C", from, "-cf", archive, "."], {
    encoding: "utf8",
  });
  if (ended.status !== 0) throw new Error(`tar: ${ended.error?.message ?? ended.stderr}`);
}

/** Writes the archive into `directory` and returns its path. */
export function buildImage(directory: string): string {
  if (!existsSync(BUSYBOX)) throw new Error(`${BUSYBOX} is missing: apt-get install busybox-static`);
  const root = join(directory, "rootfs");
  mkdirSync(join(root, "bin"), { recursive: true });
  copyFileSync(BUSYBOX, join(root, "bin/busybox"));
  for (const applet of APPLETS) symlinkSync("busybox", join(root, "bin", applet));
  const layer = join(directory, "layer.tar");
  tar(root, layer);

  const layout = join(directory, "layout");
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  const blob = (mediaType: string, content: Uint8Array | string) => {
    const hex = createHash("sha256").update(content).digest("hex");
    writeFileSync(join(layout, "blobs/sha256", hex), content);
    return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(content) };
  };
  const layerBlob = blob("application/vnd.oci.image.layer.v1.tar", readFileSync(layer));
  const config = {
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    // What a pod's sandbox runs, which names no command: it waits for ever.
    config: { Env: ["PATH=/bin"], Cmd: ["sleep", "2147483647"] },
    history: [{ created_by: "test/support/image.ts" }],
    rootfs: { type: "layers", diff_ids: [layerBlob.digest] },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: blob("application/vnd.oci.image.config.v1+json", JSON.stringify(config)),
    layers: [layerBlob],
  };
  const index = {
    schemaVersion: 2,
    manifests: [
      { ...blob(MANIFEST, JSON.stringify(manifest)), annotations: { "io.containerd.image.name": IMAGE } },
    ],
  };
  writeFileSync(join(layout, "index.json"), JSON.stringify(index));
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const archive = join(directory, "image.tar");
  tar(layout, archive);
  return archive;
}
