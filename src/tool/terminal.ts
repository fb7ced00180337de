// What a person sees: text on stdout, complaints and progress on stderr, colours where a terminal is there to show them.

import type { Host } from "../host.ts";
import { AT_FDCWD } from "../host.ts";

const STDOUT = 1;
const STDERR = 2;

/** Writes to stdout; the exit status: 1 where that failed (a full disk, a closed pipe). */
export function print(host: Host, text: string): number {
  return host.write(STDOUT, text) < 0 ? 1 : 0;
}

/** A document for programs: JSON, indented by two, and a newline. */
export function printJson(host: Host, value: unknown): number {
  return print(host, `${JSON.stringify(value, undefined, 2)}\n`);
}

/** One sentence to stderr. */
export function complain(host: Host, sentence: string): void {
  host.write(STDERR, `cni-bridge: ${sentence}\n`);
}

/** Whether a stream leads to a terminal, by the name of what it is open on: pts(4), console(4), ttyS(4). */
function isTerminal(host: Host, stream: number): boolean {
  const target = host.readlinkat(AT_FDCWD, `/proc/self/fd/${stream}`);
  if (typeof target === "number") return false;
  return ["/dev/pts/", "/dev/tty", "/dev/console"].some((prefix) => target.startsWith(prefix));
}

/** Wraps a text in the escape sequence of a meaning; the text as it is where there are no colours. */
export type Paint = (meaning: "good" | "bad" | "doubtful" | "strong" | "faint", text: string) => string;

const codes = { good: 32, bad: 31, doubtful: 33, strong: 1, faint: 2 } as const;

/** Colours for stdout: only on a terminal, and never where NO_COLOR is set (no-color.org) or TERM is "dumb". */
export function paintFor(host: Host): Paint {
  const wanted = !host.getenv("NO_COLOR") && host.getenv("TERM") !== "dumb" && isTerminal(host, STDOUT);
  return wanted ? (meaning, text) => `\x1b[${codes[meaning]}m${text}\x1b[0m` : (_, text) => text;
}

/** Tells how far a long task is: on stderr, from the first second on, ten times a second at most. */
export class Progress {
  readonly #host: Host;
  readonly #what: string;
  readonly #shown: boolean;
  #next: number;
  #written = false;
  constructor(host: Host, what: string) {
    this.#host = host;
    this.#what = what;
    this.#shown = isTerminal(host, STDERR);
    this.#next = host.monotonic() + 1000;
  }

  /** `done` of `total`. On what is no terminal it is told once, as a line. */
  at(done: number, total: number): void {
    const now = this.#host.monotonic();
    if (now < this.#next || (this.#written && !this.#shown)) return;
    this.#next = now + 100;
    this.#written = true;
    const text = `cni-bridge: ${this.#what}: ${done} of ${total}`;
    this.#host.write(STDERR, this.#shown ? `\r${text}\x1b[K` : `${text}\n`);
  }

  /** Clears the line. */
  end(): void {
    if (this.#written && this.#shown) this.#host.write(STDERR, "\r\x1b[K");
  }
}
