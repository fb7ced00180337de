import { describe, expect, it } from "vitest";
import { type Evidence, judge, type State } from "../../src/tool/attachment-state.ts";

const all: Evidence = { recorded: true, earlierBoot: false, namespace: "same", link: true, home: true };

const cases: readonly { name: string; evidence: Partial<Evidence>; state: State }[] = [
  { name: "namespace and link there", evidence: {}, state: "alive" },
  { name: "no cookie recorded", evidence: { namespace: "some" }, state: "alive" },
  { name: "the link gone", evidence: { link: false }, state: "cut off" },
  { name: "the path gone, the link there", evidence: { namespace: "gone" }, state: "unclear" },
  { name: "both gone", evidence: { namespace: "gone", link: false }, state: "dead" },
  {
    name: "both gone as seen from elsewhere",
    evidence: { namespace: "gone", link: false, home: false },
    state: "unclear",
  },
  { name: "no link as seen from elsewhere", evidence: { link: false, home: false }, state: "unclear" },
  {
    name: "an earlier boot",
    evidence: { recorded: false, earlierBoot: true, namespace: "unknown", link: false, home: false },
    state: "dead",
  },
  {
    name: "a lease alone",
    evidence: { recorded: false, namespace: "unknown", link: false, home: false },
    state: "foreign",
  },
  {
    name: "a lease and a link, no record",
    evidence: { recorded: false, namespace: "same" },
    state: "foreign",
  },
  {
    name: "a lease of ours, both gone, its record lost",
    evidence: { recorded: false, namespace: "gone", link: false },
    state: "dead",
  },
  {
    name: "a lease of another, its path gone",
    evidence: { recorded: false, namespace: "gone", link: false, home: false },
    state: "foreign",
  },
];

describe("judge", () => {
  it.each(cases)("$name: $state", ({ evidence, state }) => {
    const verdict = judge({ ...all, ...evidence });
    expect(verdict.state).toBe(state);
    expect(verdict.because).not.toBe("");
  });

  it("calls nothing dead without both proofs, or an earlier boot", () => {
    for (const recorded of [true, false])
      for (const namespace of ["same", "some", "gone", "unknown"] as const)
        for (const link of [true, false])
          for (const home of [true, false]) {
            const { state } = judge({ recorded, earlierBoot: false, namespace, link, home });
            expect(state === "dead").toBe(namespace === "gone" && !link && home);
          }
  });
});
