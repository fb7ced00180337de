import { describe, expect, it } from "vitest";
import { formatMetrics, lastErrors } from "../../src/tool/metrics.ts";

describe("formatMetrics", () => {
  it("writes help, type and samples, with labels escaped", () => {
    const samples = [
      { labels: {}, value: 2 },
      { labels: { network: 'a"b\\c\nd', set: "0" }, value: 2n ** 64n },
    ];
    expect(formatMetrics([{ name: "x", help: "What.", samples }])).toBe(
      '# HELP x What.\n# TYPE x gauge\nx 2\nx{network="a\\"b\\\\c\\nd",set="0"} 18446744073709551616\n',
    );
  });
});

describe("lastErrors", () => {
  const line = (time: string, verb: string, error?: object) =>
    `${JSON.stringify({ time, plugin: "bridge", verb, ok: error === undefined, error })}\n`;

  it.each([
    "1970-01-01T00:00:00Z",
    "2000-02-29T23:59:59Z",
    "2026-03-01T12:00:00Z",
    "2099-12-31T01:02:03Z",
  ])("reads %s as Date does", (time) => {
    expect(lastErrors(line(time, "ADD", { code: 7 }))).toEqual([
      { labels: { plugin: "bridge", verb: "ADD", code: "7" }, value: Date.parse(time) / 1000 },
    ]);
  });

  it("keeps the last of each verb, and passes over successes and broken lines", () => {
    const log = [
      line("2026-01-01T00:00:00Z", "ADD", { code: 7 }),
      line("2026-01-01T00:00:01Z", "DEL", { code: 5 }),
      line("2026-01-01T00:00:02Z", "ADD", { code: 11 }),
      line("2026-01-01T00:00:03Z", "ADD"),
      '{"time":"2026-01-01T00:00:04Z","error":{"co',
    ].join("");
    expect(lastErrors(log).map(({ labels }) => `${labels.verb} ${labels.code}`)).toEqual(["ADD 11", "DEL 5"]);
  });
});
