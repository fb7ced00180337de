// The examples are what users copy: each is a file that a runtime finds, that the README explains, and in which our
// plugins know every key. The runtimes tier runs them.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readConfig } from "../src/bridge/config.ts";
import { readEnvironment } from "../src/cni/environment.ts";
import { readNetworkConfig } from "../src/cni/network-config.ts";
import { checkRequest } from "../src/cni/request.ts";
import { readIpamConfig } from "../src/host-local/config.ts";
import { fakeProcess } from "./support/fake-process.ts";

const DIRECTORY = new URL("../conf.d-examples/", import.meta.url);
const files = readdirSync(DIRECTORY).filter((file) => file !== "README.md");
const text = (file: string) => readFileSync(new URL(file, DIRECTORY), "utf8");

interface PluginConf {
  readonly type: string;
  readonly ipam?: { readonly type: string };
}

/** The configuration of each plugin as libcni passes it: with the name and the version of the list. */
function plugins(file: string): PluginConf[] {
  const conf = JSON.parse(text(file));
  if (!file.endsWith(".conflist")) return [conf];
  const { name, cniVersion } = conf;
  return conf.plugins.map((plugin: object) => ({ ...plugin, name, cniVersion }));
}

/** The request that an ADD with this configuration makes, and the process whose stderr gets the warnings. */
function request(conf: PluginConf) {
  const env = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/c1", CNI_IFNAME: "eth0" };
  const host = fakeProcess({ env, stdin: JSON.stringify(conf) });
  return { host, request: checkRequest(host, readEnvironment(host), readNetworkConfig(host)) };
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

  it.each(files)("has no key in %s that we refuse or do not know", (file) => {
    for (const conf of plugins(file).filter(({ type }) => type === "bridge")) {
      const { host, request: add } = request(conf);
      readConfig(host, add);
      if (conf.ipam?.type === "host-local") readIpamConfig(host, add);
      expect(host.stderr).toBe("");
    }
  });
});
