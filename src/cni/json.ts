// Text to JSON value, with the error every caller owes its own caller: code 6 and what was being read.

import { CniError, Code } from "../errors.ts";

/** The value of a JSON text; code 6, naming `what`, for anything else, nesting beyond the engine's stack included. */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CniError(
      Code.decodingFailure,
      `cannot decode ${what}: ${findFault(text)}`,
      error instanceof Error ? error.message : String(error),
    );
  }
}

function findFault(text: string): string {
  if (text.trim() === "") return "it is empty";
  if (text.startsWith("\uFEFF")) return "it starts with a byte order mark";
  return "it is not one JSON value";
}

/** Whether a value is a JSON object: neither null nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Values by key in lower case, of the objects that were asked for one. */
const folded = new WeakMap<object, ReadonlyMap<string, unknown>>();

function fold(object: Readonly<Record<string, unknown>>): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  const keys = Object.keys(object);
  for (let at = 0; at < keys.length; at++) {
    const value = object[keys[at]!];
    if (value !== null) values.set(keys[at]!.toLowerCase(), value);
  }
  folded.set(object, values);
  return values;
}

/**
 * The value of a key as Go's encoding/json finds it: keys match in any case, the last that is not null wins.
 * `undefined` when there is none. The object is not to be changed afterwards.
 */
export function findKey(object: Readonly<Record<string, unknown>>, key: string): unknown {
  return (folded.get(object) ?? fold(object)).get(key.toLowerCase());
}
