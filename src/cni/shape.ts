// Reads configuration as Go's encoding/json does, which every CNI plugin so far has used and runtimes rely on: keys
// match in any case, the last of several wins, null is the same as absent, types are strict. One row per key; the
// type of what comes out is inferred from the rows. Unlike Go it collects what is wrong, each with its JSON path, so
// that ADD can refuse and DEL can go on with the rest.

/** One thing that is wrong: `ipam.ranges[1][0].subnet`, `must be a string, not 5`. */
interface Problem {
  readonly path: string;
  readonly message: string;
}

/** A key that no row describes, with the keys that exist beside it. */
interface UnknownKey {
  readonly path: string;
  /** The last part of the path, which may itself hold dots. */
  readonly key: string;
  readonly known: readonly string[];
}

/** What reading has found so far. */
export interface Findings {
  readonly problems: Problem[];
  readonly unknownKeys: UnknownKey[];
}

/** What a shape reads, as data, of which schemas and key tables are made. */
export type Form =
  | { readonly kind: "string" | "boolean" | "json" }
  | { readonly kind: "integer"; readonly word?: string }
  | { readonly kind: "array"; readonly item: Form }
  | { readonly kind: "object"; readonly keys: Readonly<Record<string, Form>>; readonly open: boolean };

/** Reads one value; `undefined` when it is absent, null or wrong (then a problem is noted). */
export interface Shape<T> {
  (value: unknown, path: string, findings: Findings): T | undefined;
  /** Absent where a shape reads what it is not for others to know, as in results. */
  readonly form?: Form;
  /** Of a scalar: whether a value is right as it is, so that no path need be put together for it. */
  readonly fits?: (value: unknown) => boolean;
}
export type Infer<S> = S extends Shape<infer T> ? T : never;

function describe(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

/** A shape with its form. */
export function formed<T>(form: Form, read: Shape<T>): Shape<T> {
  return Object.assign(read, { form });
}

function below(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

function formOf(shape: Shape<unknown>): Form {
  return shape.form ?? { kind: "json" };
}

function scalar<T>(form: Form, wanted: string, fits: (value: unknown) => boolean): Shape<T> {
  const read: Shape<T> = (value, path, findings) => {
    if (value === undefined || value === null) return undefined;
    if (fits(value)) return value as T;
    findings.problems.push({ path, message: `must be ${wanted}, not ${describe(value)}` });
    return undefined;
  };
  return Object.assign(formed(form, read), { fits });
}

export const string = scalar<string>({ kind: "string" }, "a string", (value) => typeof value === "string");
export const boolean = scalar<boolean>(
  { kind: "boolean" },
  "true or false",
  (value) => typeof value === "boolean",
);
export const integer = scalar<number>({ kind: "integer" }, "an integer", Number.isSafeInteger);
/** An integer, or a certain word in its place. */
export function integerOr<Word extends string>(word: Word): Shape<number | Word> {
  return scalar(
    { kind: "integer", word },
    `an integer or "${word}"`,
    (value) => value === word || Number.isSafeInteger(value),
  );
}
/** Any JSON value, as it is. */
export const json: Shape<unknown> = formed({ kind: "json" }, (value) => value);

/** An array without null elements; the elements that are wrong are left out. */
export function array<T>(item: Shape<T>): Shape<T[]> {
  return formed({ kind: "array", item: formOf(item) }, (value, path, findings) => {
    if (value === undefined || value === null) return undefined;
    if (!Array.isArray(value)) {
      findings.problems.push({ path, message: `must be an array, not ${describe(value)}` });
      return undefined;
    }
    const items: T[] = [];
    for (let index = 0; index < value.length; index++) {
      const element: unknown = value[index];
      const at = `${path}[${index}]`;
      if (element === null) findings.problems.push({ path: at, message: "must not be null" });
      const read = item(element, at, findings);
      if (read !== undefined) items.push(read);
    }
    return items;
  });
}

/** An object with these keys, each of them optional. `open` ones may hold other keys without a word. */
export function object<Keys extends Record<string, Shape<unknown>>>(
  keys: Keys,
  { open = false } = {},
): Shape<{ readonly [K in keyof Keys]?: Infer<Keys[K]> }> {
  const known = Object.keys(keys);
  const shapes = new Map<string, Shape<unknown>>(Object.entries(keys));
  const byFolded = new Map(known.map((key) => [key.toLowerCase(), key]));
  const forms = Object.fromEntries(Object.entries(keys).map(([key, shape]) => [key, formOf(shape)]));
  return formed({ kind: "object", keys: forms, open }, (value, path, findings) => {
    if (value === undefined || value === null) return undefined;
    if (typeof value !== "object" || Array.isArray(value)) {
      findings.problems.push({ path, message: `must be an object, not ${describe(value)}` });
      return undefined;
    }
    const result: Record<string, unknown> = {};
    const object = value as Readonly<Record<string, unknown>>;
    const all = Object.keys(object);
    for (let index = 0; index < all.length; index++) {
      const written = all[index]!;
      let key: string | undefined = written;
      let shape = shapes.get(written);
      if (shape === undefined) {
        key = byFolded.get(written.toLowerCase());
        shape = key === undefined ? undefined : shapes.get(key);
      }
      if (key === undefined || shape === undefined) {
        if (!open) findings.unknownKeys.push({ path: below(path, written), key: written, known });
        continue;
      }
      const read = shape.fits?.(object[written])
        ? object[written]
        : shape(object[written], below(path, written), findings);
      if (read !== undefined) result[key] = read;
    }
    return result as { readonly [K in keyof Keys]?: Infer<Keys[K]> };
  });
}
