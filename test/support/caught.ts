// The error a function throws, for tests that look at its code and details.

import { CniError } from "../../src/errors.ts";

/** The CniError that `run` throws; a test failure when it throws none, or another one. */
export function caught(run: () => unknown): CniError {
  try {
    run();
  } catch (error) {
    if (error instanceof CniError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
