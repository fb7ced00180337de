// Writes the files that are made of src/ (scripts/generated.ts) into the tree.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { build } from "esbuild";

const bundle = "build/generated.mjs";
await build({
  entryPoints: ["scripts/generated.ts"],
  bundle: true,
  format: "esm",
  platform: "node",
  outfile: bundle,
  logLevel: "warning",
}).catch(() => process.exit(1));

// From build/, which is as deep in the tree as scripts/.
const { generated } = await import(`../${bundle}`);
for (const [path, text] of generated()) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
