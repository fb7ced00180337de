// The tiers, by what they need: docs/testing.md. With TEST_REPORT_DIR set, each run also leaves its figures there.

import { defineConfig } from "vitest/config";

const reportDir = process.env.TEST_REPORT_DIR;

/** Those that need more than Node. */
const TIERS = ["kernel", "faults", "fuzz", "load", "runtimes", "vm"];

/** A tier under `test/<folder>/`, run against the built executable. */
function tier(folder: string, testTimeout: number) {
  return {
    test: {
      name: folder,
      include: [`test/${folder}/**/*.test.ts`],
      globalSetup: ["test/support/executables.ts"],
      testTimeout,
      hookTimeout: testTimeout,
      // A loaded machine can be slower than a test expects. The report names what passed only at the second try.
      retry: process.env.CI === undefined ? 0 : 1,
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: TIERS.map((folder) => `test/${folder}/**`),
          // A second of fuzzing is ten on one busy processor.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      tier("kernel", 60_000),
      tier("faults", 300_000),
      tier("fuzz", 300_000),
      tier("load", 900_000),
      tier("runtimes", 300_000),
      tier("vm", 600_000),
    ],
    reporters: reportDir === undefined ? ["default"] : ["default", "json"],
    ...(reportDir !== undefined && { outputFile: { json: `${reportDir}/vitest-${process.pid}.json` } }),
  },
});
