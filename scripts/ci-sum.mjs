// Adds up what the steps of one CI run reported, and prints `N passed, N failed` as its last line.
//   node scripts/ci-sum.mjs DIRECTORY TIER...
// The directory holds one of each step, with its `log`, its `status`, and vitest's JSON reports. Nothing can fail in
// silence: a step that ended badly without a failed test counts as one failure, and so does a tier of which no test
// passed.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [directory, ...tiers] = process.argv.slice(2);
const sums = new Map(tiers.map((tier) => [tier, { passed: 0, failed: 0 }]));
const failures = [];

function count(tier, passed, failed) {
  const sum = sums.get(tier) ?? { passed: 0, failed: 0 };
  sums.set(tier, { passed: sum.passed + passed, failed: sum.failed + failed });
  return failed;
}

/** Counts the tests of a vitest report; returns how many failed. */
function countVitest(report) {
  let failed = 0;
  for (const { name: path, status, assertionResults } of report.testResults) {
    const tier = /\/test\/(kernel|faults|fuzz|load|runtimes|vm)\//.exec(path)?.[1] ?? "unit";
    const passes = assertionResults.filter((result) => result.status === "passed").length;
    const fails = assertionResults.filter((result) => result.status === "failed").length;
    // A file that could not be loaded, or whose set-up failed, has failed without a failed test.
    failed += count(tier, passes, status === "failed" ? Math.max(fails, 1) : fails);
  }
  return failed;
}

/** Counts what cargo printed; returns how many tests failed. */
function countCargo(log) {
  let failed = 0;
  for (const [, passes, fails] of log.matchAll(/^test result: \S+ (\d+) passed; (\d+) failed;/gm)) {
    failed += count("native", Number(passes), Number(fails));
  }
  return failed;
}

for (const step of readdirSync(directory)) {
  const read = (name) => readFileSync(join(directory, step, name), "utf8");
  let failed = countCargo(read("log"));
  for (const report of readdirSync(join(directory, step)).filter((name) => name.endsWith(".json"))) {
    failed += countVitest(JSON.parse(read(report)));
  }
  const status = read("status").trim();
  if (status !== "0" && failed === 0) failures.push(`step ${step} ended with ${status}`);
}
for (const [tier, { passed, failed }] of sums) {
  console.log(`${tier}: ${passed} passed, ${failed} failed`);
  if (passed === 0 && failed === 0) failures.push(`no ${tier} test ran`);
}
for (const failure of failures) console.log(failure);

const total = [...sums.values()].reduce(
  (sum, { passed, failed }) => ({ passed: sum.passed + passed, failed: sum.failed + failed }),
  { passed: 0, failed: failures.length },
);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
