// What is said of a series of measurements: median, 95th percentile, and how two series that were taken in the same
// rounds compare.

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) throw new Error("no measurements");
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)]!;
  return low + (sorted[Math.ceil(at)]! - low) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export interface Ratio {
  readonly ratio: number;
  /** The bounds between which 95 % of the resampled ratios lie. */
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2000;

/** Numbers in [0, 1) that are the same in every run (mulberry32), so that a table depends on its measurements alone. */
function generator(): () => number {
  let state = 1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The medians' ratio, with an interval by resampling rounds: what disturbed a round disturbed both of its series. */
export function ratio(above: readonly number[], below: readonly number[]): Ratio {
  const random = generator();
  const rounds = Math.min(above.length, below.length);
  const ratios: number[] = [];
  for (let i = 0; i < RESAMPLES; i++) {
    const picks = Array.from({ length: rounds }, () => Math.floor(random() * rounds));
    ratios.push(median(picks.map((at) => above[at]!)) / median(picks.map((at) => below[at]!)));
  }
  return {
    ratio: median(above) / median(below),
    low: quantile(ratios, 0.025),
    high: quantile(ratios, 0.975),
  };
}
