import { describe, expect, it } from "vitest";
import { delegate } from "../../src/cni/delegate.ts";
import type { Request, Verb } from "../../src/cni/request.ts";
import type { Ended } from "../../src/host.ts";
import { caught } from "../support/caught.ts";
import { fakeProcess, type Program } from "../support/fake-process.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const request: Request = {
  verb: "ADD",
  containerId: "c1",
  ifname: "eth0",
  netns: "/run/netns/t1",
  args: "",
  path: ["/a", "/b"],
  stdin: bytes('{"name":"n1"}'),
  config: { name: "n1" },
  cniVersion: "1.1.0",
  name: "n1",
};
const answers = (ended: Partial<Ended>): Program => ({ run: () => ended });
const says = (stdout: string, stderr = "", status = 0) =>
  answers({ stdout: bytes(stdout), stderr: bytes(stderr), status });

function run(program: Program, verb: Verb = "ADD") {
  const host = fakeProcess({ programs: { "/a/dhcp": program } });
  return { host, run: () => delegate(host, request, "dhcp", verb) };
}

describe("delegate", () => {
  it("gives the plugin our very standard input, and our environment but for the verb", () => {
    const { host, run: call } = run(says('{"ips":[]}', "a line\n"), "DEL");
    expect(call()).toBe('{"ips":[]}');
    expect(host.stderr).toBe("a line\n");
    expect(host.stdout).toBe("");
    expect(host.spawned).toHaveLength(1);
    const [spawned] = host.spawned;
    expect(spawned).toMatchObject({ path: "/a/dhcp", argv: ["/a/dhcp"], environment: ["CNI_COMMAND=DEL"] });
    expect(spawned!.stdin).toBe(request.stdin);
  });

  it.each([
    "ADD",
    "DEL",
    "CHECK",
    "GC",
    "STATUS",
  ] as const)("gives %s an end, within runtimes' patience", (verb) => {
    const { host, run: call } = run(says(""), verb);
    call();
    const [spawned] = host.spawned;
    expect(spawned!.timeoutMs).toBeGreaterThanOrEqual(verb === "ADD" ? 62_000 : 1000);
    expect(spawned!.timeoutMs).toBeLessThan(
      { ADD: 120, CHECK: 60, DEL: 60, GC: 30, STATUS: 30 }[verb] * 1000,
    );
  });

  // libcni's FindInPath.
  it.each([
    ["the first directory that has it", { "/a/x": {}, "/b/x": {} }, "/a/x"],
    ["the second where the first lacks it", { "/b/x": {} }, "/b/x"],
    ["no directory of that name", { "/a/x": { mode: 0o40755 }, "/b/x": {} }, "/b/x"],
    ["no device, pipe or socket", { "/a/x": { mode: 0o20666 }, "/b/x": {} }, "/b/x"],
    ["a file that cannot be executed", { "/a/x": { mode: 0o100644 }, "/b/x": {} }, "/a/x"],
  ])("takes %s", (_, programs: Record<string, Program>, path) => {
    const host = fakeProcess({ programs });
    delegate(host, request, "x", "ADD");
    expect(host.spawned.map((call) => call.path)).toEqual([path]);
  });

  it.each([
    ["", 7, "no plugin name provided"],
    ["a/b", 7, "invalid plugin name: a/b"],
    ["../x", 7, "invalid plugin name: ../x"],
    ["/bin/sh", 7, "invalid plugin name: /bin/sh"],
    ["x\0y", 7, "invalid plugin name: x\0y"],
    ["nope", 103, 'failed to find plugin "nope" in path [/a /b]'],
    [".", 103, 'failed to find plugin "." in path [/a /b]'],
  ])("runs nothing for the name %j", (type, code, message) => {
    const host = fakeProcess({ programs: { "/a/.": { mode: 0o40755 }, "/a/../x": {}, "/bin/sh": {} } });
    expect(caught(() => delegate(host, request, type, "ADD"))).toMatchObject({ code, message });
    expect(host.spawned).toEqual([]);
  });

  it("asks for CNI_PATH only now", () => {
    const error = caught(() => delegate(fakeProcess(), { ...request, path: [] }, "dhcp", "ADD"));
    expect(error).toMatchObject({ code: 4, message: "required env variables [CNI_PATH] missing" });
  });

  it.each([
    [{ code: 42, msg: "no lease", details: "server down" }, 42, "no lease", "server down"],
    [{ cniVersion: "1.0.0", code: 11, msg: "later" }, 11, "later", undefined],
    [{ code: 51, msg: "m", details: "" }, 51, "m", ""],
    [{ code: 0, msg: "unknown" }, 103, "unknown", undefined],
    [{ msg: "no code" }, 103, "no code", undefined],
    [{ code: 7, msg: "m", details: 5, extra: 1 }, 7, "m", undefined],
  ])("passes on the error object %j", (object, code, message, details) => {
    const { run: call } = run(says(JSON.stringify(object), "", 1));
    const error = caught(call);
    expect([error.code, error.message, error.details]).toEqual([code, message, details]);
  });

  it.each([
    ["no JSON", "boom", 'netplugin failed but error parsing its diagnostic message "boom"'],
    ["another document", "[]", 'netplugin failed but error parsing its diagnostic message "[]"'],
    [
      "no message",
      '{"code":5}',
      String.raw`netplugin failed but error parsing its diagnostic message "{\"code\":5}"`,
    ],
    ["a code that is a text", '{"code":"5","msg":"m"}', "netplugin failed but error parsing"],
    ["a negative code", '{"code":-5,"msg":"m"}', "netplugin failed but error parsing"],
    ["nothing", "", "netplugin failed with no error message: exit status 3"],
  ])("makes its own error of %s", (_, stdout, words) => {
    const error = caught(run(says(stdout, "", 3)).run);
    expect(error.code).toBe(103);
    expect(error.message).toContain(words);
    expect(error.details).toContain("/a/dhcp ADD: exit status 3");
  });

  it("shows stderr where stdout says nothing, and forwards it in any case", () => {
    const { host, run: call } = run(says("", "panic: nil\n", 2));
    expect(caught(call).message).toBe(String.raw`netplugin failed: "panic: nil\n"`);
    expect(host.stderr).toBe("panic: nil\n");
  });

  it("keeps the message short and the details whole", () => {
    const error = caught(run(says("x".repeat(5000), "", 1)).run);
    expect(error.message.length).toBeLessThan(300);
    expect(error.details).toContain("x".repeat(5000));
  });

  it("tells of a plugin that a signal ended", () => {
    const none = new Uint8Array();
    const error = caught(run(answers({ status: -1, signal: 9, stdout: none, stderr: none })).run);
    expect(error).toMatchObject({ code: 103, message: "netplugin failed with no error message: signal 9" });
  });

  it("tells of a plugin that came to no end", () => {
    const error = caught(
      run(answers({ status: -1, signal: 9, timedOut: true, stderr: bytes("waiting") })).run,
    );
    expect(error).toMatchObject({ code: 103, details: "waiting" });
    expect(error.message).toBe("plugin /a/dhcp did not finish ADD in 110 s and was killed");
  });

  it("tells of a plugin that cannot be executed", () => {
    const error = caught(run({ run: () => -13 }).run);
    expect(error).toMatchObject({ code: 103, message: "execute /a/dhcp: EACCES (permission denied)" });
  });

  it("waits for a plugin that is being written, but not for ever", () => {
    let tries = 0;
    const { host, run: call } = run({ run: () => (++tries < 4 ? -26 : {}) });
    call();
    expect(host.waited).toBe(300);
    const busy = run({ run: () => -26 });
    expect(caught(busy.run)).toMatchObject({ code: 103, message: expect.stringContaining("ETXTBSY") });
    expect(busy.host.waited).toBeLessThanOrEqual(6000);
  });

  it.each([
    ["is absent", undefined],
    ["cannot be executed", { run: () => -13 }],
    ["fails without a word", says("", "", 1)],
  ])("answers STATUS with 50 where the plugin %s", (_, program) => {
    const host = fakeProcess({ programs: program === undefined ? {} : { "/a/dhcp": program } });
    expect(caught(() => delegate(host, request, "dhcp", "STATUS")).code).toBe(50);
  });
});
