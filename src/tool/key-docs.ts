// What people are told of one configuration key: lint, the JSON Schemas and the tables in docs/ are made of such rows and
// of the form that the plugin reads (src/cni/shape.ts). The rows are in bridge-keys.ts, host-local-keys.ts, list-keys.ts.

import type { Form } from "../cni/shape.ts";

/** One key. Texts are Markdown. */
export interface KeyDoc {
  /** What it does; no full stop at the end. */
  readonly text: string;
  /** The value that an absent key stands for. */
  readonly default?: string | number | boolean;
  /** In its place, where that is no value: "none", "derived", "required". */
  readonly absent?: string;
  /** "new": the reference has no such key and ignores it. "same", or "same" and how it differs. */
  readonly reference: "new" | `same${string}`;
  /** The version it came with, where that is not 0.1.0. */
  readonly since?: string;
  /** The page of docs/ that says more. */
  readonly see?: string;
  /** What JSON Schema can say of its values beside their type. */
  readonly limits?: Limits;
}

export interface Limits {
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

/** Rows by path: `ipam.ranges[].subnet` where the form has an array of objects. */
export type KeyDocs = Readonly<Record<string, KeyDoc>>;

/** One key of a form, with its path. */
interface FormKey {
  readonly path: string;
  readonly form: Form;
}

/** Every key below a form, outer before inner, in the order of its rows. */
export function keysOf(form: Form, path = ""): FormKey[] {
  if (form.kind === "array") return keysOf(form.item, `${path}[]`);
  if (form.kind !== "object") return [];
  return Object.entries(form.keys).flatMap(([key, inner]) => {
    const at = path === "" ? key : `${path}.${key}`;
    return [{ path: at, form: inner }, ...keysOf(inner, at)];
  });
}
