// What a value must be before it is believed to be one of ours: guards for the JSON that this plugin writes for itself
// (records, index entries). A file that no longer satisfies its guard is damaged, and as good as none. Configuration
// and results come from others and have readers of their own (shape.ts, result.ts).

import { isObject } from "./json.ts";

export type Guard<T> = (value: unknown) => value is T;

export const isAnything: Guard<unknown> = (_value): _value is unknown => true;
export const isString: Guard<string> = (value) => typeof value === "string";
export const isBoolean: Guard<boolean> = (value) => typeof value === "boolean";
export const isNumber: Guard<number> = (value) => typeof value === "number";

export function isIntegerIn(first: number, last: number): Guard<number> {
  return (value): value is number =>
    Number.isInteger(value) && Number(value) >= first && Number(value) <= last;
}

/** A text for which a parser finds a value. */
export function isText(parse: (text: string) => unknown): Guard<string> {
  return (value): value is string => typeof value === "string" && parse(value) !== undefined;
}

export function isOneOf<T extends string>(words: readonly T[]): Guard<T> {
  return (value): value is T => words.some((word) => word === value);
}

export function isArrayOf<T>(isItem: Guard<T>): Guard<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every(isItem);
}

/** Also where the key is not there. */
export function isOptional<T>(isPresent: Guard<T>): Guard<T | undefined> {
  return (value): value is T | undefined => value === undefined || isPresent(value);
}

/** An object whose members satisfy their guards; the compiler asks for one for each. */
export function isObjectOf<T>(guards: { readonly [K in keyof T]-?: Guard<T[K]> }): Guard<T> {
  const keys = Object.keys(guards);
  const members = Object.values<Guard<unknown>>(guards);
  return (value): value is T => {
    if (!isObject(value)) return false;
    // A plain loop: this is read in each DEL.
    for (let at = 0; at < keys.length; at++) if (!members[at]!(value[keys[at]!])) return false;
    return true;
  };
}
