// What CHECK reports: one fact that is not as ADD left it.

export interface Difference {
  /** What was looked at, such as "eth0 address". */
  readonly what: string;
  readonly expected: string;
  readonly found: string;
}

/** `eth0 address: expected 10.22.0.2/16, found none`. */
export function formatDifference({ what, expected, found }: Difference): string {
  return `${what}: expected ${expected}, found ${found}`;
}
