// The rules of CONTRIBUTING.md that a compiler does not check: imports point one way, every folder and every file name
// has one place, what is below knows nothing of what is above.

import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

const root = new URL("../src/", import.meta.url).pathname;
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
const sources = new Map(files.map((path) => [path, readFileSync(join(root, path), "utf8")]));

/** A file may import its own folder and what stands after it. A file of src/ itself is a layer by its name. */
const layers = ["main", "tool", "bridge", "host-local", "cni", "kernel", "netlink", "net"];
/** What every layer may import, and their own order. */
const leaves = ["version", "open-flags", "host", "errors", "errno"];
const order = [...layers, ...leaves];

function layerOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : basename(path, ".ts");
}

const imports = [...sources].flatMap(([path, text]) =>
  [...text.matchAll(/^(?:import|export)( type)?\b(?:[^;"=]* from)? "([^"]+)";/gm)].map(
    ([, type, target]) => ({
      path,
      typeOnly: type !== undefined,
      target: target!.startsWith(".") ? normalize(join(dirname(path), target!)) : target!,
    }),
  ),
);

describe("src/", () => {
  it("has only the folders and files that the layers name", () => {
    expect(files.length).toBeGreaterThan(20);
    expect([...new Set(files.map(layerOf))].filter((layer) => !order.includes(layer))).toEqual([]);
    expect(files.filter((path) => path.split("/").length > 2)).toEqual([]);
  });

  it("imports one way", () => {
    expect(imports.length).toBeGreaterThan(50);
    const wrong = imports.filter(({ path, target }) => {
      const from = order.indexOf(layerOf(path));
      const to = order.indexOf(layerOf(target));
      return !sources.has(target) || to < from;
    });
    expect(wrong).toEqual([]);
  });

  it("exports only what another file imports", () => {
    const project = new URL("../", import.meta.url).pathname;
    const users = ["src", "test", "bench", "scripts"].flatMap((folder) =>
      readdirSync(join(project, folder), { recursive: true, encoding: "utf8" })
        .filter((path) => /\.(ts|mjs)$/.test(path))
        .map((path) => join(folder, path)),
    );
    const used = new Set<string>();
    for (const user of users) {
      const text = readFileSync(join(project, user), "utf8");
      const statements = /^import (?:type )?(?:\w+, )?(?:\{([^}]*)\}|(\*) as \w+) from "(\.[^"]+)";/gm;
      for (const [, names, all, target] of text.matchAll(statements)) {
        // A test that reads a whole table of numbers uses none of them.
        if (all !== undefined && !user.startsWith("src/")) continue;
        for (const name of (all ?? names!).split(",")) {
          const own = name.trim().replace(/^type | as .*/g, "");
          used.add(`${normalize(join(dirname(user), target!))} ${own}`);
        }
      }
    }
    const exported = [...sources].flatMap(([path, text]) =>
      [...text.matchAll(/^export (?:const|function|class|interface|type) (\w+)/gm)].map(
        ([, name]) => [`src/${path}`, name] as const,
      ),
    );
    expect(exported.length).toBeGreaterThan(300);
    const unused = exported.filter(([file, name]) => !used.has(`${file} ${name}`) && !used.has(`${file} *`));
    expect(unused).toEqual([]);
  });

  it("has no circle of imports inside a folder", () => {
    const circles: string[] = [];
    const done = new Set<string>();
    const visit = (path: string, trail: readonly string[]) => {
      if (trail.includes(path)) circles.push([...trail, path].join(" → "));
      else if (!done.has(path)) {
        for (const row of imports)
          if (row.path === path && !row.typeOnly) visit(row.target, [...trail, path]);
        done.add(path);
      }
    };
    for (const path of files) visit(path, []);
    expect(circles).toEqual([]);
  });

  it("gives each file a name of its own, but for verbs and what every plugin has", () => {
    const shared = ["add.ts", "del.ts", "check.ts", "gc.ts", "status.ts", "config.ts", "plugin.ts"];
    const names = files.map((path) => basename(path)).filter((name) => !shared.includes(name));
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it("names files for what they hold, in kebab-case", () => {
    const banned = /^(utils?|helpers?|common|misc|types|core|shared|lib)$/;
    const wrong = files
      .map((path) => basename(path, ".ts"))
      .filter((name) => banned.test(name) || !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name));
    expect(wrong).toEqual([]);
  });

  it("opens each file with what it is", () => {
    expect([...sources].filter(([, text]) => !text.startsWith("// ")).map(([path]) => path)).toEqual([]);
  });

  it.each(["netlink", "net"])("keeps %s/ ignorant of CNI", (layer) => {
    const inside = [...sources].filter(([path]) => layerOf(path) === layer);
    expect(inside.length).toBeGreaterThan(2);
    expect(
      inside.filter(([, text]) => /cni[A-Z_]|CNI_|CniError|\/cni\//.test(text)).map(([path]) => path),
    ).toEqual([]);
  });
});
