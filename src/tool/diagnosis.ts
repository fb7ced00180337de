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
