// What doctor's checks are made of: what they look at, and what they say.

import type { Configuration } from "./configured.ts";
import type { Inventory } from "./inventory.ts";

/** Everything that checks may look at; they change nothing. */
export interface View {
  readonly inventory: Inventory;
  readonly configuration: Configuration;
}

export interface Diagnosis {
  /** A problem keeps containers from what they were promised, or will; a warning may. */
  readonly severity: "ok" | "warning" | "problem";
  /** What it is about, such as "forwarding". */
  readonly check: string;
  /** What was looked at, and what was found there, in one sentence. */
  readonly text: string;
  /** What to do about it; absent where all is well. */
  readonly fix?: string;
}

export type Check = (view: View) => readonly Diagnosis[];

export function fine(check: string, text: string): Diagnosis {
  return { severity: "ok", check, text };
}

export function warning(check: string, text: string, fix: string): Diagnosis {
  return { severity: "warning", check, text, fix };
}

export function problem(check: string, text: string, fix: string): Diagnosis {
  return { severity: "problem", check, text, fix };
}

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
