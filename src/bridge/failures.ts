// What went wrong while everything that could be done was done.

import { asCniError } from "../cni/error-object.ts";
import { CniError } from "../errors.ts";

export class Failures {
  readonly #errors: CniError[] = [];

  /** Runs `action` and returns its value; what it throws is kept for the end. */
  attempt<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      this.#errors.push(asCniError(error));
      return undefined;
    }
  }

  get none(): boolean {
    return this.#errors.length === 0;
  }

  /** Throws the only failure as it is, or several as one with the first one's code. */
  throwIfAny(): void {
    const [first, ...others] = this.#errors;
    if (first === undefined) return;
    if (others.length === 0) throw first;
    throw new CniError(first.code, this.#errors.map(({ message }) => message).join("; "), first.details);
  }
}
