// How long ago something was, in the largest unit that says enough: 12 s, 5 min, 3 h, 2 d.

const units = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
] as const;

/** `5 min`, of milliseconds. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const unit = units.find(([length]) => seconds >= length);
  return unit === undefined ? `${seconds} s` : `${Math.floor(seconds / unit[0])} ${unit[1]}`;
}
