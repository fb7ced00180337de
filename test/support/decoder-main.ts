// A module for the shipped engine in place of the plugin (Makefile, build/fuzz/decoder): reads from standard input what to
// attack the netlink decoder with, and prints what came of it.

import { type Host, ok } from "../../src/host.ts";
import { DecoderAttack } from "./decoder-attack.ts";

/** The order, one line of JSON. */
export interface Order {
  readonly seed: number;
  readonly rounds: number;
  readonly captures: readonly (readonly number[])[];
}

function readAll(host: Host): string {
  let text = "";
  for (;;) {
    const bytes = ok(host.read(0, 65_536), "read", "standard input");
    if (bytes.length === 0) return text;
    text += host.decode(bytes);
  }
}

export default function main(host: Host): number {
  const { seed, rounds, captures } = JSON.parse(readAll(host)) as Order;
  const attack = new DecoderAttack();
  attack.mutated(
    captures.map((bytes) => Uint8Array.from(bytes)),
    seed,
    rounds,
  );
  const { values, refusals, checksum } = attack;
  host.write(1, JSON.stringify({ values, refusals, checksum }));
  return 0;
}
