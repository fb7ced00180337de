import { describe, expect, it } from "vitest";
import { readEnvironment } from "../../src/cni/environment.ts";
import { caught } from "../support/caught.ts";
import { fakeProcess } from "../support/fake-process.ts";

const all = {
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/run/netns/t1",
  CNI_IFNAME: "eth0",
  CNI_ARGS: "IgnoreUnknown=1;IP=10.1.0.5",
  CNI_PATH: "/opt/cni/bin",
};
type Variables = Readonly<Record<string, string | undefined>>;
const read = (command: string, changes: Variables = {}) =>
  readEnvironment(fakeProcess({ env: { CNI_COMMAND: command, ...all, ...changes } }));

// SPEC.md §Parameters and the sections of the verbs.
const required: Record<string, string[]> = {
  ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
  GC: ["CNI_PATH"],
  STATUS: [],
  NOPE: [],
};
const cases = Object.entries(required).flatMap(([verb, names]) =>
  Object.keys(all).map((name) => ({ verb, name, isRequired: names.includes(name) })),
);

describe("readEnvironment", () => {
  it("gives every variable as it is, the path in parts", () => {
    expect(read("ADD", { CNI_PATH: "/a::/b:" })).toEqual({
      command: "ADD",
      containerId: "c1",
      netns: "/run/netns/t1",
      ifname: "eth0",
      args: "IgnoreUnknown=1;IP=10.1.0.5",
      path: ["/a", "/b"],
    });
  });

  it.each(cases)("$verb without $name: required is $isRequired, unset or empty", ({
    verb,
    name,
    isRequired,
  }) => {
    for (const value of [undefined, ""]) {
      const run = () => read(verb, { [name]: value });
      if (isRequired) {
        expect(caught(run)).toMatchObject({ code: 4, message: `required env variables [${name}] missing` });
      } else expect(run().command).toBe(verb);
    }
  });

  it.each(Object.entries(required))("%s names all missing variables at once", (verb, names) => {
    const nothing = Object.fromEntries(Object.keys(all).map((name) => [name, undefined]));
    const run = () => read(verb, nothing);
    if (names.length === 0) expect(run().containerId).toBe("");
    else expect(caught(run).message).toBe(`required env variables [${names.join(",")}] missing`);
  });

  it.each(["c1", "A.b_c-1", "0", "x".repeat(300)])("takes the container ID %j", (id) => {
    expect(read("ADD", { CNI_CONTAINERID: id }).containerId).toBe(id);
  });

  it.each([
    "a/b",
    "-a",
    ".a",
    "_a",
    "a b",
    "é",
    "a\n",
    "\na",
    "../x",
    "a\u0000",
    "a:b",
  ])("refuses the container ID %j", (id) => {
    const error = caught(() => read("DEL", { CNI_CONTAINERID: id }));
    expect(error).toMatchObject({
      code: 4,
      message: "CNI_CONTAINERID: invalid characters in containerID",
      details: `CNI_CONTAINERID is ${JSON.stringify(id)}`,
    });
  });

  it.each([
    "eth0",
    "a",
    "x".repeat(15),
    "éé",
    "...",
    "-",
    "eth0.5",
    "a@b",
  ])("takes the interface name %j", (name) => {
    expect(read("ADD", { CNI_IFNAME: name }).ifname).toBe(name);
  });

  it.each([
    ["x".repeat(16), "too long"],
    ["éééééééé", "too long"],
    [".", "is . or .."],
    ["..", "is . or .."],
    ["a/b", "contains / or :"],
    ["a:b", "contains / or :"],
    ["a b", "contains / or :"],
    ["a\t", "contains / or :"],
    ["a\n", "contains / or :"],
    ["a\u00a0", "contains / or :"],
    ["a\u0085", "contains / or :"],
    ["a\ufffd", "not UTF-8"],
  ])("refuses the interface name %j", (name, words) => {
    const error = caught(() => read("ADD", { CNI_IFNAME: name }));
    expect(error.code).toBe(4);
    expect(error.message).toContain("CNI_IFNAME: interface name ");
    expect(error.message).toContain(words);
  });

  it("names what is missing and what is malformed together", () => {
    const error = caught(() => read("ADD", { CNI_CONTAINERID: "a/b", CNI_NETNS: "", CNI_IFNAME: ".." }));
    expect(error.message).toBe(
      "required env variables [CNI_NETNS] missing; CNI_CONTAINERID: invalid characters in containerID; " +
        "CNI_IFNAME: interface name is . or ..",
    );
  });

  it.each(["GC", "STATUS"])("%s takes no notice of attachment variables", (verb) => {
    expect(read(verb, { CNI_CONTAINERID: "../x", CNI_IFNAME: "a/b", CNI_NETNS: "" }).command).toBe(verb);
  });
});
