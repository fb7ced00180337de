// The netlink decoder on the engine as it ships, which has bounds, numbers and a stack of its own: the same mutated captures
// as in Node (test/netlink/decoder-fuzz.test.ts), and the same of each must come.

import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { DecoderAttack } from "../support/decoder-attack.ts";
import type { Order } from "../support/decoder-main.ts";
import { golden, goldenNames } from "../support/golden.ts";
import { seedsOf } from "../support/mutation.ts";

const EXECUTABLE = new URL("../../build/fuzz/decoder", import.meta.url).pathname;
const ROUNDS = Number(process.env.FUZZ_RUNS ?? 1000) / 50;
const captures = goldenNames.map((name) => golden(name).bytes);

describe("the netlink decoder in the shipped engine", () => {
  it.each(seedsOf([1, 2, 3]))("gives what it gives in Node for mutated captures, seed %i", (seed) => {
    const order: Order = { seed, rounds: ROUNDS, captures: captures.map((bytes) => [...bytes]) };
    const ended = spawnSync(EXECUTABLE, [], {
      input: JSON.stringify(order),
      encoding: "utf8",
      timeout: 250_000,
    });
    expect(ended.error, "make build/fuzz/decoder makes it").toBeUndefined();
    expect(ended.stderr).toBe("");
    const attack = new DecoderAttack();
    attack.mutated(captures, seed, ROUNDS);
    const { values, refusals, checksum } = attack;
    expect(JSON.parse(ended.stdout), ended.stdout).toEqual({ values, refusals, checksum });
    expect(ended.status).toBe(0);
    console.log(`${values + refusals} decodings of hostile bytes in the engine`);
  });
});
