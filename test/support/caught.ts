// The error a function throws, for tests that look at its code and details.

import { CniError } from "../../src/errors.ts";

/** The error of one class that `run` throws; a test failure when it throws none, or another one. */
export function caughtAs<E extends Error>(type: abstract new (...args: never[]) => E, run: () => unknown): E {
  try {
    run();
  } catch (error) {
    if (error instanceof type) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** The CniError that `run` throws. */
export function caught(run: () => unknown): CniError {
  return caughtAs(CniError, run);
}
