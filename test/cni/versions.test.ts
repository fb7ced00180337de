import { describe, expect, it } from "vitest";
import { checkVersion, newestVersion, requiresAddress, supportedVersions } from "../../src/cni/versions.ts";
import { caught } from "../support/caught.ts";

const verbs = ["ADD", "DEL", "CHECK", "GC", "STATUS"];
// SPEC.md at its tags: the first version that has the verb.
const first: Record<string, string> = {
  ADD: "0.1.0",
  DEL: "0.1.0",
  CHECK: "0.4.0",
  GC: "1.1.0",
  STATUS: "1.1.0",
};
const versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

describe("supportedVersions", () => {
  it("are all that were ever published, the newest last", () => {
    expect(supportedVersions).toEqual(versions);
    expect(newestVersion).toBe(versions.at(-1));
  });
});

describe("checkVersion", () => {
  const matrix = verbs.flatMap((verb) => versions.map((version) => ({ verb, version })));
  it.each(matrix)("$verb at $version", ({ verb, version }) => {
    const run = () => checkVersion(verb, version);
    if (versions.indexOf(version) >= versions.indexOf(first[verb]!)) expect(run).not.toThrow();
    else {
      const error = caught(run);
      expect(error).toMatchObject({ code: 1, message: `config version does not allow ${verb}` });
      expect(error.details).toContain("1.1.0");
    }
  });

  // [verb, version, code, message]: the Go skeleton's answers.
  it.each([
    ["ADD", "9.9.9", 1, "incompatible CNI versions"],
    ["DEL", "1.2.0", 1, "incompatible CNI versions"],
    ["ADD", "0.4", 1, "incompatible CNI versions"],
    ["ADD", "1.0", 1, "incompatible CNI versions"],
    ["ADD", "v1.0.0", 1, "incompatible CNI versions"],
    ["ADD", "1.0.0 ", 1, "incompatible CNI versions"],
    ["DEL", "foo", 1, "incompatible CNI versions"],
    ["CHECK", "0.4", 1, "incompatible CNI versions"],
    ["CHECK", "1.0.5", 1, "incompatible CNI versions"],
    ["CHECK", "9.9.9", 1, "plugin version does not allow CHECK"],
    ["GC", "1.1.1", 1, "plugin version does not allow GC"],
    ["STATUS", "2", 1, "plugin version does not allow STATUS"],
    ["STATUS", "1.1", 1, "incompatible CNI versions"],
    ["CHECK", "foo", 6, 'cniVersion "foo": "foo" is not a number'],
    ["GC", "v1.1.0", 6, 'cniVersion "v1.1.0": "v1" is not a number'],
    ["STATUS", "1..0", 6, 'cniVersion "1..0": "" is not a number'],
    ["CHECK", "1.2.3.4", 6, 'cniVersion "1.2.3.4" has more than three parts'],
  ])("%s at %s is code %i", (verb, version, code, message) => {
    expect(caught(() => checkVersion(verb, version))).toMatchObject({ code, message });
  });

  it("lists what is supported in the details of code 1", () => {
    expect(caught(() => checkVersion("ADD", "9.9.9")).details).toBe(
      'config is "9.9.9", plugin supports ["0.1.0" "0.2.0" "0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"]',
    );
  });
});

describe("requiresAddress", () => {
  it("is true of the versions whose result is ip4 and ip6", () => {
    expect(versions.filter(requiresAddress)).toEqual(["0.1.0", "0.2.0"]);
  });
});
