// Every link of the documents leads somewhere: a path that is relative to a file that is there, an anchor to a heading.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = new URL("../", import.meta.url).pathname;
const ELSEWHERE = ["node_modules", "native", "build", "dist"];
const documents = readdirSync(ROOT, { withFileTypes: true }).flatMap((entry) => {
  if (entry.isFile()) return entry.name.endsWith(".md") ? [entry.name] : [];
  if (ELSEWHERE.includes(entry.name) || entry.name.startsWith(".")) return [];
  const inside = readdirSync(join(ROOT, entry.name), { recursive: true, encoding: "utf8" });
  return inside.filter((path) => path.endsWith(".md")).map((path) => join(entry.name, path));
});

/** Without what is code: neither a link nor a heading. */
function prose(path: string): string {
  return readFileSync(join(ROOT, path), "utf8")
    .replace(/^```.*?^```/gms, "")
    .replace(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()#]/g, " "));
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchors(path: string): string[] {
  const seen = new Map<string, number>();
  return [...prose(path).matchAll(/^#{1,6} +(.+?) *$/gm)].map(([, heading]) => {
    const anchor = heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
    const times = seen.get(anchor) ?? 0;
    seen.set(anchor, times + 1);
    return times === 0 ? anchor : `${anchor}-${times}`;
  });
}

const links = documents.flatMap((from) =>
  [...prose(from).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => ({ from, target })),
);

describe("links", () => {
  it("are in the documents", () => {
    expect(documents.length).toBeGreaterThan(10);
    expect(links.length).toBeGreaterThan(40);
  });

  it("lead to files that are there", () => {
    const broken = links.filter(
      ({ from, target }) => !existsSync(join(ROOT, dirname(from), target.replace(/#.*/, ""))),
    );
    expect(broken).toEqual([]);
  });

  it("lead to headings that are there", () => {
    const broken = links.filter(({ from, target }) => {
      const [path, anchor] = target.split("#");
      if (anchor === undefined) return false;
      const to = path === "" ? from : normalize(join(dirname(from), path!));
      return to.endsWith(".md") && existsSync(join(ROOT, to)) && !anchors(to).includes(anchor);
    });
    expect(broken).toEqual([]);
  });
});

describe("paths in code spans", () => {
  const FOLDERS =
    /^(src|test|docs|scripts|bench|native|examples|conf\.d-examples|schemas|man|completions)\/[\w./-]+$/;
  const spans = documents
    .filter((from) => from !== "CHANGELOG.md")
    .flatMap((from) =>
      [...readFileSync(join(ROOT, from), "utf8").matchAll(/`([^`\n]+)`/g)].map(([, path]) => ({
        from,
        path: path!,
      })),
    )
    .filter(({ path }) => FOLDERS.test(path));

  it("name files that are there", () => {
    expect(spans.length).toBeGreaterThan(40);
    expect(spans.filter(({ path }) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});
