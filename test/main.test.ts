import { describe, expect, it } from "vitest";
import type { Outcome, Plugin, Run } from "../src/cni/outcome.ts";
import type { Request, Verb } from "../src/cni/request.ts";
import type { Result } from "../src/cni/result.ts";
import { CniError, HostError, NetlinkError } from "../src/errors.ts";
import main, { runPlugin } from "../src/main.ts";
import { version } from "../src/version.ts";
import { type FakeProcessOptions, fakeProcess } from "./support/fake-process.ts";

const env = {
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/run/netns/t1",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/opt/cni/bin",
};
const verbs: readonly Verb[] = ["ADD", "DEL", "CHECK", "GC", "STATUS"];
const result: Result = {
  interfaces: [{ name: "eth0", sandbox: "/run/netns/t1" }],
  ips: [{ address: "10.1.0.5/16", interface: 0 }],
  routes: [],
  dns: {},
};

/** A plugin whose every verb does the same. */
function pluginOf(run: Run): Plugin {
  return { ADD: run, DEL: run, CHECK: run, GC: run, STATUS: run };
}
const untouched = pluginOf(() => {
  throw new Error("the plugin was run");
});

function call(
  run: Plugin | Run,
  command: string | undefined,
  conf: unknown,
  options: FakeProcessOptions = {},
) {
  const host = fakeProcess({
    env: { CNI_COMMAND: command, ...env },
    stdin: typeof conf === "string" ? conf : JSON.stringify(conf),
    ...options,
  });
  const plugin = typeof run === "function" ? pluginOf(run) : run;
  return { status: runPlugin(host, "bridge", plugin), stdout: host.stdout, stderr: host.stderr, host };
}
const conf = (cniVersion: string | undefined = "1.1.0") => ({ cniVersion, name: "n1" });

describe("main", () => {
  it.each(["/opt/cni/bin/bridge", "bridge", "./host-local"])("is a plugin when called as %s", (name) => {
    const host = fakeProcess({ argv: [name, "junk"] });
    expect(main(host)).toBe(0);
    expect(host.stderr).toContain(`CNI ${name.replace(/.*\//, "")} plugin v`);
  });

  it.each(["/usr/bin/cni-bridge", "bridge2", "/bridge/x"])("is the tool when called as %s", (name) => {
    const host = fakeProcess({ argv: [name, "--version"] });
    expect(main(host)).toBe(0);
    expect(host.stdout).toContain(version);
  });
});

describe("runPlugin", () => {
  it.each([undefined, ""])("says what it is when CNI_COMMAND is %j", (command) => {
    const { status, stdout, stderr, host } = call(untouched, command, "");
    expect([status, stdout, host.reads]).toEqual([0, "", 0]);
    expect(stderr).toBe(
      `CNI bridge plugin v${version}\n` +
        "CNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n",
    );
  });

  // What libcni sends for VERSION, and nothing at all.
  it.each([
    {},
    { CNI_CONTAINERID: "", CNI_NETNS: "dummy", CNI_IFNAME: "dummy", CNI_PATH: "dummy" },
  ])("answers VERSION without reading standard input: %j", (variables) => {
    const { status, stdout, stderr, host } = call(untouched, "VERSION", "", {
      env: { CNI_COMMAND: "VERSION", ...variables },
    });
    expect([status, stderr, host.reads]).toEqual([0, "", 0]);
    expect(stdout).toBe(
      '{"cniVersion":"1.1.0","supportedVersions":["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}\n',
    );
  });

  it("gives the verb its request and prints the result, indented, without a newline", () => {
    const seen: Request[] = [];
    const { status, stdout, stderr } = call(
      (_, request) => {
        seen.push(request);
        return { result };
      },
      "ADD",
      conf("0.4.0"),
    );
    expect([status, stderr]).toEqual([0, ""]);
    expect(seen).toMatchObject([{ verb: "ADD", containerId: "c1", name: "n1", cniVersion: "0.4.0" }]);
    expect(stdout).toMatch(/^\{\n {4}"cniVersion": "0\.4\.0",\n[\s\S]*\n\}$/);
  });

  it.each(verbs.filter((verb) => verb !== "ADD"))("prints nothing for %s", (verb) => {
    const ran: string[] = [];
    const plugin = Object.fromEntries(
      verbs.map((name) => [
        name,
        () => {
          ran.push(name);
          return {};
        },
      ]),
    ) as unknown as Plugin;
    expect(call(plugin, verb, conf())).toMatchObject({ status: 0, stdout: "", stderr: "" });
    expect(ran).toEqual([verb]);
  });

  it.each([
    [new CniError(42, "no", "why"), 42, "no"],
    [new HostError(28, "write", "/x"), 5, "write /x: ENOSPC (no space left on device)"],
    [new NetlinkError(1, "add link veth0"), 100, "add link veth0: EPERM (operation not permitted)"],
    [new TypeError("x"), 999, "internal error: TypeError: x"],
  ])("prints %s as one error object", (error, code, msg) => {
    const { status, stdout, stderr } = call(
      () => {
        throw error;
      },
      "ADD",
      conf("0.3.1"),
    );
    expect([status, stderr]).toEqual([1, ""]);
    expect(JSON.parse(stdout)).toMatchObject({ cniVersion: "0.3.1", code, msg });
    expect(stdout.endsWith("\n}")).toBe(true);
  });

  // [command, stdin, changes of the environment, code, cniVersion of the error]
  it.each([
    ["ADD", "", {}, 6, "1.1.0"],
    ["ADD", "no JSON", {}, 6, "1.1.0"],
    ["ADD", "[]", {}, 6, "1.1.0"],
    ["ADD", '{"name":5,"cniVersion":"0.2.0"}', {}, 6, "0.2.0"],
    ["ADD", '{"cniVersion":"1.0.0"}', {}, 7, "1.0.0"],
    ["ADD", '{"name":"../x"}', {}, 7, "0.1.0"],
    ["DEL", '{"name":"n1","cniVersion":"9.9.9"}', {}, 1, "1.1.0"],
    ["CHECK", '{"name":"n1","cniVersion":"0.3.1"}', {}, 1, "0.3.1"],
    ["NOPE", '{"name":"n1","cniVersion":"0.3.1"}', {}, 4, "0.3.1"],
    ["ADD", '{"name":"n1","cniVersion":"0.3.1"}', { CNI_NETNS: "" }, 4, "1.1.0"],
    ["DEL", '{"name":"n1"}', { CNI_CONTAINERID: "../x" }, 4, "1.1.0"],
  ])("refuses %s %s %j without running the plugin", (command, stdin, changes, code, cniVersion) => {
    const { status, stdout, stderr } = call(untouched, command, stdin, {
      env: { CNI_COMMAND: command, ...env, ...changes },
    });
    expect([status, stderr]).toEqual([1, ""]);
    expect(JSON.parse(stdout)).toMatchObject({ cniVersion, code, msg: expect.stringMatching(/./) });
  });

  describe("when the result cannot be handed over", () => {
    function add(outcome: Omit<Outcome, "undo">, options: FakeProcessOptions, version?: string) {
      let undone = 0;
      const undo = () => {
        undone++;
        throw new CniError(100, "cannot undo");
      };
      return { ...call(() => ({ ...outcome, undo }), "ADD", conf(version), options), undone: () => undone };
    }

    it.each([
      [-32, "EPIPE"],
      [-28, "ENOSPC"],
    ])("undoes the ADD and fails, with the reason on stderr (%i)", (stdoutFails, name) => {
      const { status, stderr, undone } = add({ result }, { stdoutFails });
      expect([status, undone()]).toEqual([1, 1]);
      expect(stderr).toMatch(new RegExp(`^cni-bridge: cannot write to standard output: ${name}`));
      expect(stderr).toContain("while cleaning up: cannot undo");
    });

    it("undoes an ADD whose version cannot say it", () => {
      const { status, stdout, undone } = add({ result: { ...result, ips: [] } }, {}, "0.2.0");
      expect([status, undone()]).toEqual([1, 1]);
      expect(JSON.parse(stdout)).toMatchObject({ code: 7, msg: "cannot convert: no valid IP addresses" });
    });

    it("undoes nothing that was handed over", () => {
      const { status, undone } = add({ result }, {});
      expect([status, undone()]).toEqual([0, 0]);
    });

    it("fails even where the error cannot be told", () => {
      const { status, stderr } = call(untouched, "ADD", "", { stdoutFails: -32 });
      expect(status).toBe(1);
      expect(stderr).toContain("EPIPE");
    });

    it("fails when VERSION cannot be told", () => {
      expect(call(untouched, "VERSION", "", { stdoutFails: -32 }).status).toBe(1);
    });
  });
});
