// What bench/run.c is told and what it answers.

import { spawnSync } from "node:child_process";

export const BUILD = new URL("../../build/bench", import.meta.url).pathname;

/** One call of a program, as a runtime makes it. */
export interface Call {
  readonly program: string;
  readonly stdin: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Job extends Call {
  /** A process of the node to run on. */
  readonly node: number;
  /** Milliseconds to wait before: what the job before has left to the kernel is not this one's. */
  readonly settleMs?: number;
  /** A network namespace and an address that must answer its first packet once the program has ended. */
  readonly probe?: readonly [netns: string, address: string];
}

/** How a job went; times in nanoseconds. */
export interface Ran {
  readonly job: number;
  readonly start: number;
  readonly ns: number;
  readonly status: number;
  readonly rssKb: number;
  /** Page faults that read nothing from a disk. */
  readonly faults: number;
  readonly lost: 0 | 1;
  readonly output: string;
}

function line({ node, settleMs = 0, probe, program, stdin, env }: Job): string {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return [node, settleMs, probe?.join(" ") ?? "", program, stdin, ...variables].join("\t");
}

/** Runs the jobs in their order, that many at a time; throws when one fails. In the order of the jobs. */
export function run(jobs: readonly Job[], parallel = 1): Ran[] {
  const ended = spawnSync(`${BUILD}/run`, [`${parallel}`], {
    input: `${jobs.map(line).join("\n")}\n`,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (ended.status !== 0)
    throw new Error(`bench/run ended with ${ended.status ?? ended.signal}: ${ended.stderr}`);
  const ran = ended.stdout
    .split("\n")
    .filter(Boolean)
    .map((text) => JSON.parse(text) as Ran);
  for (const { job, status, output } of ran) {
    if (status === 0) continue;
    const { program, env } = jobs[job]!;
    throw new Error(`${program} ${env.CNI_COMMAND} ended with status ${status}: ${output}`);
  }
  return ran.sort((a, b) => a.job - b.job);
}
