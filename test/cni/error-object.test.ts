import { describe, expect, it } from "vitest";
import { asCniError, formatError } from "../../src/cni/error-object.ts";
import { CniError, HostError, NetlinkError } from "../../src/errors.ts";

describe("formatError", () => {
  it("is one object in the reference's layout, with cniVersion", () => {
    expect(formatError(new CniError(7, "missing network name", "why"), "1.0.0")).toBe(
      '{\n    "cniVersion": "1.0.0",\n    "code": 7,\n    "msg": "missing network name",\n    "details": "why"\n}',
    );
  });

  it.each([undefined, ""])("leaves out details that say nothing (%j)", (details) => {
    expect(JSON.parse(formatError(new CniError(7, "x", details), "1.1.0"))).toEqual({
      cniVersion: "1.1.0",
      code: 7,
      msg: "x",
    });
  });

  it("keeps the message on one line and the details as they are", () => {
    const text = formatError(new CniError(42, " a\n  b\r\nc\n", "d\ne"), "1.1.0");
    expect(JSON.parse(text)).toMatchObject({ msg: "a b c", details: "d\ne" });
  });
});

describe("asCniError", () => {
  it("leaves a CniError as it is", () => {
    const error = new CniError(11, "busy");
    expect(asCniError(error)).toBe(error);
  });

  it.each([
    [new HostError(28, "write", "/x"), 5, "write /x: ENOSPC (no space left on device)"],
    [
      new NetlinkError(1, "add link veth0", "no"),
      100,
      "add link veth0: EPERM (operation not permitted) (no)",
    ],
    [new TypeError("x is undefined"), 999, "internal error: TypeError: x is undefined"],
    ["text", 999, "internal error: text"],
    [undefined, 999, "internal error: undefined"],
  ])("gives %s code %i", (thrown, code, message) => {
    expect(asCniError(thrown)).toMatchObject({ code, message });
  });

  it("keeps the stack of a defect in the details", () => {
    expect(asCniError(new RangeError("deep")).details).toContain("error-object.test.ts");
  });
});
