// The software bill of materials, CycloneDX 1.5, of what the lock files pin: crates of the executable, and what only
// builds or tests. `node scripts/sbom.mjs` writes sbom.cdx.json; with --check it only compares, and fails where that is
// not current, where a licence is not on the list, or where a version is not pinned. Works offline.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const FILE = "sbom.cdx.json";
/** Of what is shipped, inside the executable. */
const SHIPPED_LICENCES = ["Apache-2.0", "MIT", "Zlib", "BSD-3-Clause", "Unicode-3.0"];
/** Of what builds and tests it, and is not shipped. */
const TOOL_LICENCES = [...SHIPPED_LICENCES, "MPL-2.0", "ISC", "0BSD", "BSD-2-Clause"];

const problems = [];

/** Whether one of the alternatives of an SPDX expression is allowed. */
function isAllowed(expression, allowed) {
  const alternatives = (expression ?? "").replace(/[()]/g, "").split(" OR ");
  return alternatives.some((all) => all.split(" AND ").every((each) => allowed.includes(each.trim())));
}

function component(type, { name, version, licence, purl, hash, shipped }) {
  const allowed = shipped ? SHIPPED_LICENCES : TOOL_LICENCES;
  if (!isAllowed(licence, allowed))
    problems.push(`${name} ${version}: licence ${licence} is not on the list`);
  return {
    type,
    "bom-ref": purl,
    name,
    version,
    scope: shipped ? "required" : "excluded",
    ...(hash && { hashes: [hash] }),
    licenses: [{ expression: licence }],
    purl,
  };
}

function crates() {
  const args = [
    "metadata",
    "--format-version",
    "1",
    "--locked",
    "--offline",
    "--manifest-path",
    "native/Cargo.toml",
  ];
  const metadata = JSON.parse(execFileSync("cargo", args, { encoding: "utf8", maxBuffer: 64 << 20 }));
  const checksums = new Map(
    [
      ...readFileSync("native/Cargo.lock", "utf8").matchAll(
        /name = "(.+)"\nversion = "(.+)"\nsource = .*\nchecksum = "(.+)"/g,
      ),
    ].map(([, name, version, checksum]) => [`${name} ${version}`, checksum]),
  );
  const nodes = new Map(metadata.resolve.nodes.map((node) => [node.id, node]));
  // What normal dependencies lead to is in the executable; build dependencies are not.
  const shipped = new Set();
  const visit = (id) => {
    if (shipped.has(id)) return;
    shipped.add(id);
    for (const { pkg, dep_kinds } of nodes.get(id).deps)
      if (dep_kinds.some(({ kind }) => kind === null)) visit(pkg);
  };
  visit(metadata.resolve.root);
  for (const { name, req } of metadata.packages.find(({ id }) => id === metadata.resolve.root).dependencies) {
    if (!req.startsWith("=")) problems.push(`native/Cargo.toml: ${name} ${req} is not pinned`);
  }
  return metadata.packages
    .filter(({ id, source }) => nodes.has(id) && source !== null)
    .map(({ id, name, version, license }) => {
      const checksum = checksums.get(`${name} ${version}`);
      if (checksum === undefined) problems.push(`native/Cargo.lock has no checksum of ${name} ${version}`);
      return component("library", {
        name,
        version,
        licence: license.replaceAll("/", " OR "),
        purl: `pkg:cargo/${name}@${version}`,
        hash: checksum && { alg: "SHA-256", content: checksum },
        shipped: shipped.has(id),
      });
    });
}

function packages() {
  const { packages: locked } = JSON.parse(readFileSync("package-lock.json", "utf8"));
  const { devDependencies = {}, dependencies = {} } = JSON.parse(readFileSync("package.json", "utf8"));
  if (Object.keys(dependencies).length > 0)
    problems.push("package.json has dependencies: nothing of npm is shipped");
  for (const [name, version] of Object.entries(devDependencies)) {
    if (!/^\d+\.\d+\.\d+$/.test(version)) problems.push(`package.json: ${name} ${version} is not pinned`);
  }
  return Object.entries(locked)
    .filter(([path]) => path !== "")
    .map(([path, { version, license, integrity }]) => {
      const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
      if (integrity === undefined) problems.push(`package-lock.json has no integrity of ${name}`);
      const content = Buffer.from((integrity ?? "-").split("-")[1], "base64").toString("hex");
      return component("library", {
        name,
        version,
        licence: license,
        purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
        hash: { alg: "SHA-512", content },
        shipped: false,
      });
    });
}

const { name, version, license } = JSON.parse(readFileSync("package.json", "utf8"));
const text = `${JSON.stringify(
  {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: {
      component: { type: "application", "bom-ref": name, name, version, licenses: [{ expression: license }] },
    },
    components: [...crates(), ...packages()].sort((a, b) => (a.purl < b.purl ? -1 : 1)),
  },
  null,
  2,
)}\n`;

if (!process.argv.includes("--check")) writeFileSync(FILE, text);
else if (readFileSync(FILE, "utf8") !== text) problems.push(`${FILE} is not current: make sbom`);
for (const problem of problems) console.error(problem);
const count = JSON.parse(text).components.length;
if (problems.length === 0) console.log(`${count} components, all pinned, all licences on the list`);
process.exitCode = problems.length === 0 ? 0 : 1;
