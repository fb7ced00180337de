// The way back: what an ADD has done so far, and how each step of a plan gets there.

import { warn } from "../cni/warn.ts";
import { HostError } from "../errors.ts";
import type { Session } from "../kernel/session.ts";
import { apply, remove, type Step } from "../kernel/steps.ts";

/** What has been done, to be undone newest first. */
export class Undo {
  readonly #session: Session;
  readonly #actions: (Step | (() => void))[] = [];
  constructor(session: Session) {
    this.#session = session;
  }

  push(action: Step | (() => void)): void {
    this.#actions.push(action);
  }

  /** Undoes everything; a failure is told on stderr and keeps nothing else from being undone. */
  run(): void {
    for (const action of this.#actions.splice(0).reverse()) {
      try {
        if (typeof action === "function") action();
        else remove(this.#session, action);
      } catch (error) {
        warn(this.#session.host, `while undoing ADD: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
}

/** Applies steps in order, each to be undone. */
export function applyAll(session: Session, steps: readonly Step[], undo: Undo): void {
  for (let index = 0; index < steps.length; index++) {
    const step = steps[index]!;
    try {
      apply(session, step);
    } catch (error) {
      // An answer that did not arrive says nothing of what the kernel has done.
      if (error instanceof HostError) undo.push(step);
      throw error;
    }
    undo.push(step);
  }
}
