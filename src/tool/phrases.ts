// Lists and numbers in sentences.

/** `one`, `one and two`, `one, two and 3 more`. */
export function enumerate(items: readonly string[], most = 4): string {
  const shown = items.length > most + 1 ? items.slice(0, most) : items;
  const rest = items.length - shown.length;
  const last = rest > 0 ? `${rest} more` : shown.at(-1);
  const others = rest > 0 ? shown : shown.slice(0, -1);
  return others.length === 0 ? (last ?? "") : `${others.join(", ")} and ${last}`;
}

/** `1 warning`, `2 warnings`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
