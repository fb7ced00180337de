import { describe, expect, it } from "vitest";
import { parseArgs } from "../../src/cni/args.ts";

describe("parseArgs", () => {
  it.each([
    ["", {}],
    ["IP=10.1.0.9", { IP: "10.1.0.9" }],
    [
      "IgnoreUnknown=1;IP=10.77.0.60;MAC=02:00:00:00:00:01",
      { IgnoreUnknown: "1", IP: "10.77.0.60", MAC: "02:00:00:00:00:01" },
    ],
    ["K8S_POD_NAMESPACE=ns;K8S_POD_NAME=p-0", { K8S_POD_NAMESPACE: "ns", K8S_POD_NAME: "p-0" }],
    ["IP=10.1.0.9;", { IP: "10.1.0.9" }],
    [";;IP=10.1.0.9;;", { IP: "10.1.0.9" }],
    ["A=b=c", { A: "b=c" }],
    ["foo;IP=10.1.0.9", { IP: "10.1.0.9" }],
    ["=x;A=1", { A: "1" }],
    ["IP=", { IP: "" }],
    ["ip=1;IP=2", { ip: "1", IP: "2" }],
    ["IP=1;IP=2", { IP: "2" }],
    ["__proto__=1", { ["__proto__"]: "1" }],
  ])("reads %j", (text, pairs) => {
    expect([...parseArgs(text)]).toEqual(Object.entries(pairs));
  });
});
