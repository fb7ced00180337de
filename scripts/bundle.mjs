// Bundles src/ to three ES modules in build/: plugin.js, whose default export is main(host); tool.js, what a person calls,
// which is loaded when it is asked for; shared.js, what both import. And rehearsal.js, which stands alone, for the build itself.
// They are compiled to bytecode next and not shipped, so their length does not matter; names stay as they are because a stack
// trace shows them. A module that would not change is not written: see the Makefile.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { build } from "esbuild";

const options = {
  bundle: true,
  outdir: "build",
  write: false,
  format: "esm",
  platform: "neutral",
  target: "es2023",
  charset: "utf8",
  legalComments: "none",
  minifySyntax: true,
  logLevel: "warning", // esbuild names what is wrong itself
};
const shipped = { plugin: "src/main.ts", tool: "src/tool/command.ts" };
const bundles = await Promise.all([
  build({ ...options, entryPoints: shipped, splitting: true, chunkNames: "shared" }),
  build({ ...options, entryPoints: ["rehearsal/rehearsal.ts"] }),
]).catch(() => process.exit(1));

mkdirSync("build", { recursive: true });
for (const { path, text } of bundles.flatMap(({ outputFiles }) => outputFiles)) {
  const target = `build/${basename(path)}`;
  if (read(target) !== text) writeFileSync(target, text);
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
