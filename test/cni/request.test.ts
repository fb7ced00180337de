import { describe, expect, it } from "vitest";
import { readEnvironment } from "../../src/cni/environment.ts";
import { readNetworkConfig } from "../../src/cni/network-config.ts";
import { checkRequest, declaredVersion } from "../../src/cni/request.ts";
import { caught } from "../support/caught.ts";
import { fakeProcess } from "../support/fake-process.ts";

const env = {
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/run/netns/t1",
  CNI_IFNAME: "eth0",
  CNI_ARGS: "IP=10.1.0.5",
  CNI_PATH: "/a:/b",
};
function request(command: string, text: string, changes: Record<string, string> = {}) {
  const host = fakeProcess({ env: { CNI_COMMAND: command, ...env, ...changes }, stdin: text });
  return checkRequest(host, readEnvironment(host), readNetworkConfig(host));
}

describe("checkRequest", () => {
  it("puts environment and configuration together", () => {
    const text = '{"cniVersion":"1.0.0","name":"n1","mtu":1400}';
    expect(request("ADD", text)).toEqual({
      verb: "ADD",
      containerId: "c1",
      ifname: "eth0",
      netns: "/run/netns/t1",
      args: "IP=10.1.0.5",
      path: ["/a", "/b"],
      stdin: new TextEncoder().encode(text),
      config: { cniVersion: "1.0.0", name: "n1", mtu: 1400 },
      cniVersion: "1.0.0",
      name: "n1",
    });
  });

  it("takes an empty CNI_NETNS for none", () => {
    expect(request("DEL", '{"name":"n1"}', { CNI_NETNS: "" }).netns).toBeUndefined();
  });

  it.each([
    ['{"name":"n1"}', "n1", "0.1.0"],
    ['{"name":"n1","cniVersion":""}', "n1", "0.1.0"],
    ['{"name":"n1","cniVersion":null}', "n1", "0.1.0"],
    ['{"NAME":"n1","CNIVERSION":"0.4.0"}', "n1", "0.4.0"],
    ['{"name":"a","Name":"b"}', "b", "0.1.0"],
    ['{"name":"a","Name":null}', "a", "0.1.0"],
    ['{"name":"a","name":"b"}', "b", "0.1.0"],
    ['{"__proto__":{"cniVersion":"9"},"constructor":1,"name":"n1"}', "n1", "0.1.0"],
  ])("reads %s as Go does", (text, name, cniVersion) => {
    expect(request("ADD", text)).toMatchObject({ name, cniVersion });
  });

  it.each([
    ["{}", 7, "missing network name"],
    ['{"name":""}', 7, "missing network name"],
    ['{"name":null}', 7, "missing network name"],
    ['{"name":"a/b"}', 7, "invalid characters found in network name"],
    ['{"name":".."}', 7, "invalid characters found in network name"],
    ['{"name":"../x"}', 7, "invalid characters found in network name"],
    ['{"name":"ab\\n"}', 7, "invalid characters found in network name"],
    ['{"name":"\\u0000"}', 7, "invalid characters found in network name"],
    ['{"name":"é"}', 7, "invalid characters found in network name"],
    ['{"__proto__":{"name":"n1"}}', 7, "missing network name"],
    ['{"name":1}', 6, "cannot decode the network configuration: name must be a string"],
    ['{"name":["n1"]}', 6, "cannot decode the network configuration: name must be a string"],
    [
      '{"name":"n1","cniVersion":1.0}',
      6,
      "cannot decode the network configuration: cniVersion must be a string",
    ],
    [
      '{"name":"n1","cniVersion":{}}',
      6,
      "cannot decode the network configuration: cniVersion must be a string",
    ],
  ])("refuses %s", (text, code, message) => {
    for (const verb of ["ADD", "DEL", "CHECK", "GC", "STATUS"]) {
      expect(caught(() => request(verb, text))).toMatchObject({ code, message });
    }
  });

  it.each(["add", "NOPE", "ADD ", "__proto__", "constructor"])("refuses the verb %j", (verb) => {
    expect(caught(() => request(verb, '{"name":"n1"}'))).toMatchObject({
      code: 4,
      message: `unknown CNI_COMMAND: ${verb}`,
    });
  });

  // The Go skeleton's order: environment, JSON, name, version, verb.
  it.each([
    ["ADD", "nonsense", { CNI_IFNAME: "" }, 4],
    ["ADD", '{"name":"a/b","cniVersion":"9.9.9"}', {}, 7],
    ["NOPE", "nonsense", {}, 6],
    ["NOPE", '{"name":"a/b"}', {}, 7],
    ["NOPE", '{"name":"n1","cniVersion":"9.9.9"}', {}, 1],
  ])("tells the first of several faults: %s %s", (verb, text, changes, code) => {
    expect(caught(() => request(verb, text, changes)).code).toBe(code);
  });
});

describe("declaredVersion", () => {
  it.each([
    ["{}", "0.1.0"],
    ['{"cniVersion":""}', "0.1.0"],
    ['{"cniversion":"0.4.0"}', "0.4.0"],
    ['{"cniVersion":"9.9.9"}', undefined],
    ['{"cniVersion":5}', undefined],
  ])("of %s is %s", (text, version) => {
    expect(declaredVersion(readNetworkConfig(fakeProcess({ stdin: text })))).toBe(version);
  });
});
