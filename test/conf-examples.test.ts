import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const DIRECTORY = new URL("../conf.d-examples/", import.meta.url);
const files = readdirSync(DIRECTORY).filter((file) => file !== "README.md");
const text = (file: string) => readFileSync(new URL(file, DIRECTORY), "utf8");

interface PluginConf {
  readonly type: string;
}

function plugins(file: string): PluginConf[] {
  const conf = JSON.parse(text(file));
  return file.endsWith(".conflist") ? conf.plugins : [conf];
}

describe("conf.d-examples", () => {
  it("has files that a runtime would find", () => {
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) expect(file).toMatch(/\.(conf|conflist)$/);
  });

  it("gives each network a name of its own", () => {
    const names = files.map((file) => JSON.parse(text(file)).name);
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  });

  it("gives each network a bridge of its own", () => {
    const bridges = files.flatMap((file) => plugins(file)).filter(({ type }) => type === "bridge");
    const names = bridges.map((plugin) => (plugin as { bridge?: string }).bridge ?? "cni0");
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  });

  it.each(files)("explains %s in the README", (file) => {
    expect(text("README.md")).toContain(`| [${file}](${file}) |`);
  });

  it.each(files)("begins the chain of %s with our plugin", (file) => {
    expect(plugins(file)[0]!.type).toBe("bridge");
  });
});
