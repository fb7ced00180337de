// Bundles src/main.ts to build/plugin.js: one ES module whose default export is main(host).
// The bundle is compiled to bytecode next and not shipped, so its length does not matter; names stay as they are
// because a stack trace shows them. A bundle that would not change is not written: see the Makefile.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const target = "build/plugin.js";

const { outputFiles } = await build({
  entryPoints: ["src/main.ts"],
  bundle: true,
  write: false,
  format: "esm",
  platform: "neutral",
  target: "es2023",
  charset: "utf8",
  legalComments: "none",
  minifySyntax: true,
  logLevel: "warning", // esbuild names what is wrong itself
}).catch(() => process.exit(1));
const bundle = outputFiles[0].text;

if (read(target) !== bundle) {
  mkdirSync("build", { recursive: true });
  writeFileSync(target, bundle);
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
