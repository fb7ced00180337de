// What a verb is to main.ts: a function from a request to an outcome.

import type { Host } from "../host.ts";
import type { Request, Verb } from "./request.ts";
import type { Result } from "./result.ts";

/** What a verb gives main to print. `undo` is called when the result could not be handed to the caller. */
export interface Outcome {
  readonly result?: Result;
  readonly undo?: () => void;
}

/** Runs one verb; throws CniError when it failed and cleaned up after itself. */
export type Run = (host: Host, request: Request) => Outcome;

export type Plugin = { readonly [V in Verb]: Run };
