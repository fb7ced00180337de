// What lint has found in one file: each finding with the place it is about, sorted as it stands in the file.

import { nearestKey } from "../cni/nearest-key.ts";
import type { Findings } from "../cni/shape.ts";
import { JsonText, type Place } from "./json-text.ts";

/** An error makes ADD fail, a warning has no effect or another than expected, a note is for those who asked. */
export type Level = "error" | "warning" | "note";

export interface Finding extends Place {
  readonly file: string;
  readonly level: Level;
  /** JSON path; "" for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

export class Report {
  readonly file: string;
  readonly json: JsonText;
  readonly #findings: Finding[] = [];

  /** Throws JsonFault for a text that is no JSON. */
  constructor(file: string, text: string) {
    this.file = file;
    this.json = new JsonText(text);
    for (const { path, place, first } of this.json.repeated)
      this.#add("warning", path, place, `stands twice, first in line ${first.line}; the last one counts`);
  }

  get findings(): readonly Finding[] {
    return this.#findings.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }

  #add(level: Level, path: string, { line, column }: Place, message: string): void {
    const { file } = this;
    const repeated = this.#findings.some(
      (each) => each.path.toLowerCase() === path.toLowerCase() && each.message === message,
    );
    if (!repeated) this.#findings.push({ file, line, column, level, path, message });
  }

  /** About a value. */
  value(level: Level, path: string, message: string): void {
    this.#add(level, path, this.json.placeOfValue(path), message);
  }

  /** About a key. */
  key(level: Level, path: string, message: string): void {
    this.#add(level, path, this.json.placeOfKey(path), message);
  }

  /** The problems of a shape that read the object at `at`. */
  problems({ problems }: Findings, at: string): void {
    for (const { path, message } of problems) this.value("error", join(at, path), message);
  }

  /** The unknown keys of a shape, with what each may have been meant to be. `elsewhere`: keys that belong there. */
  unknownKeys(
    { unknownKeys }: Findings,
    at: string,
    elsewhere: readonly { readonly keys: readonly string[]; readonly where: string }[],
  ): void {
    for (const { path, key, known } of unknownKeys) {
      const folded = key.toLowerCase();
      const home = elsewhere.find(({ keys }) => keys.some((each) => each.toLowerCase() === folded));
      const nearest = nearestKey(key, known);
      const hint =
        home !== undefined
          ? `; it belongs ${home.where}`
          : nearest === undefined
            ? ""
            : `; did you mean ${nearest}?`;
      this.key("warning", join(at, path), `unknown key, which has no effect${hint}`);
    }
  }
}

/** `plugins[0]` and `ipam.type` to `plugins[0].ipam.type`. */
export function join(at: string, path: string): string {
  return at === "" ? path : path === "" ? at : `${at}.${path}`;
}
