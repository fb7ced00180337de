import { describe, expect, it } from "vitest";
import { formatMac, parseMac } from "../../src/net/mac.ts";

describe("parseMac", () => {
  // The forms and refusals are those of Go's net/mac_test.go, 6 bytes only.
  it.each([
    "00:00:5e:00:53:01",
    "00-00-5e-00-53-01",
    "0000.5e00.5301",
    "00:00:5E:00:53:01",
  ])("reads %s", (text) => {
    expect(formatMac(parseMac(text)!)).toBe("00:00:5e:00:53:01");
  });

  it.each([
    "",
    "01.02.03.04.05.06",
    "01:02:03:04:05:06:",
    "x1:02:03:04:05:06",
    "01-02:03:04:05:06",
    "01:02:03:04:05",
    "02:00:5e:10:00:00:00:01",
    "0200.5e10.0000.0001",
    "0:0:5e:0:53:1",
    "00005e005301",
    "0000:5e00:5301",
    "00:00:5e:00:53:1",
    "00:00:5e:00:53: 1",
    "+0:00:5e:00:53:01",
  ])("refuses %j", (text) => {
    expect(parseMac(text)).toBeUndefined();
  });
});

describe("formatMac", () => {
  it("writes lower case with leading zeros", () => {
    expect(formatMac(Uint8Array.of(0, 10, 255, 1, 160, 15))).toBe("00:0a:ff:01:a0:0f");
  });
});
