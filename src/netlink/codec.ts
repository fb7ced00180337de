// Values ↔ bytes for netlink: integers, strings, C structs and attribute tables, composed so that one table row per
// attribute gives the TypeScript type, the encoding and the decoding. Knows nothing of messages.
//
// Rules kept here once: lengths are checked before a read; an attribute type is masked with NLA_TYPE_MASK; attributes
// that no row names are skipped; `undefined` means "not sent", and nothing is sent unasked; the output follows the
// order of the table. Layout: include/uapi/linux/netlink.h. Host order is little endian on every target we build for.

/** Where encoded bytes gather. `at` is the length so far. */
export interface Writer {
  bytes: Uint8Array;
  view: DataView;
  at: number;
}

export interface Codec<T> {
  /** Appends the value. */
  write(out: Writer, value: T): void;
  /** Reads what lies in [start, end) of `view`; throws RangeError when it does not fit. */
  read(view: DataView, start: number, end: number): T;
  /** The attribute holds attributes: NLA_F_NESTED is set on it. */
  readonly nested?: true;
}

export type Infer<C> = C extends Codec<infer T> ? T : never;

const NLA_HDRLEN = 4;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

// #define NLA_ALIGN(len) (((len) + NLA_ALIGNTO - 1) & ~(NLA_ALIGNTO - 1))
export function align(length: number): number {
  return (length + 3) & ~3;
}

export function writer(): Writer {
  const bytes = new Uint8Array(1024);
  return { bytes, view: new DataView(bytes.buffer), at: 0 };
}

/** Makes room for `length` more bytes, zeroed, and returns where they begin. */
export function reserve(out: Writer, length: number): number {
  const start = out.at;
  out.at += length;
  if (out.at > out.bytes.length) {
    const grown = new Uint8Array(Math.max(out.bytes.length * 2, out.at));
    grown.set(out.bytes);
    out.bytes = grown;
    out.view = new DataView(grown.buffer);
  }
  return start;
}

/** The encoding of one value by itself. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const out = writer();
  codec.write(out, value);
  return out.bytes.slice(0, out.at);
}

/** The value of bytes that hold nothing else. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  return codec.read(viewOf(bytes), 0, bytes.length);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

interface Fixed<T> extends Codec<T> {
  readonly size: number;
}

function fixed<T>(
  size: number,
  set: (view: DataView, at: number, value: T) => void,
  get: (view: DataView, at: number) => T,
): Fixed<T> {
  return {
    size,
    write(out, value) {
      const at = reserve(out, size);
      set(out.view, at, value);
    },
    read(view, start, end) {
      if (end - start !== size) throw new RangeError(`${end - start} bytes where ${size} were expected`);
      return get(view, start);
    },
  };
}

export const u8 = fixed<number>(
  1,
  (view, at, value) => view.setUint8(at, value),
  (view, at) => view.getUint8(at),
);
export const u16 = fixed<number>(
  2,
  (view, at, value) => view.setUint16(at, value, true),
  (view, at) => view.getUint16(at, true),
);
export const u16be = fixed<number>(
  2,
  (view, at, value) => view.setUint16(at, value),
  (view, at) => view.getUint16(at),
);
export const u32 = fixed<number>(
  4,
  (view, at, value) => view.setUint32(at, value, true),
  (view, at) => view.getUint32(at, true),
);
export const i32 = fixed<number>(
  4,
  (view, at, value) => view.setInt32(at, value, true),
  (view, at) => view.getInt32(at, true),
);
export const u32be = fixed<number>(
  4,
  (view, at, value) => view.setUint32(at, value),
  (view, at) => view.getUint32(at),
);
export const i32be = fixed<number>(
  4,
  (view, at, value) => view.setInt32(at, value),
  (view, at) => view.getInt32(at),
);
export const u64be = fixed<bigint>(
  8,
  (view, at, value) => view.setBigUint64(at, value),
  (view, at) => view.getBigUint64(at),
);

/** A text of ASCII characters with its terminating NUL (NLA_NUL_STRING); bytes above 127 are kept one for one. */
export const str: Codec<string> = {
  write(out, value) {
    const at = reserve(out, value.length + 1);
    for (let i = 0; i < value.length; i++) out.bytes[at + i] = value.charCodeAt(i);
  },
  read(view, start, end) {
    let text = "";
    for (let at = start; at < end; at++) {
      const byte = view.getUint8(at);
      if (byte === 0) break;
      text += String.fromCharCode(byte);
    }
    return text;
  },
};

export const bytes: Codec<Uint8Array> = {
  write(out, value) {
    const at = reserve(out, value.length); // may replace out.bytes
    out.bytes.set(value, at);
  },
  read(view, start, end) {
    return new Uint8Array(view.buffer, view.byteOffset + start, end - start).slice();
  },
};

type Fields = Record<string, Fixed<number>>;
type StructOf<F extends Fields> = { readonly [K in keyof F]?: number };
type StructRead<F extends Fields> = { readonly [K in keyof F]: number };

/** A C struct: the order of the keys is the layout. A field that is not given is 0. */
export function struct<F extends Fields>(fields: F): Codec<StructOf<F>> & { readonly size: number } {
  const rows = Object.entries(fields);
  const size = rows.reduce((sum, [, codec]) => sum + codec.size, 0);
  return {
    size,
    write(out, value) {
      for (const [key, codec] of rows) codec.write(out, value[key] ?? 0);
    },
    read(view, start, end) {
      if (end - start < size)
        throw new RangeError(`${end - start} bytes where a header of ${size} was expected`);
      const result: Record<string, number> = {};
      let at = start;
      for (const [key, codec] of rows) {
        result[key] = codec.read(view, at, at + codec.size);
        at += codec.size;
      }
      return result as StructRead<F>;
    },
  };
}

/** Writes one attribute: header, value, padding. */
function writeAttribute<T>(out: Writer, type: number, codec: Codec<T>, value: T): void {
  const start = reserve(out, NLA_HDRLEN);
  codec.write(out, value);
  const length = out.at - start;
  out.view.setUint16(start, length, true);
  out.view.setUint16(start + 2, codec.nested ? type | NLA_F_NESTED : type, true);
  reserve(out, align(length) - length);
}

/** Calls `each` for every attribute in [start, end). */
function readAttributes(
  view: DataView,
  start: number,
  end: number,
  each: (type: number, from: number, to: number) => void,
): void {
  for (let at = start; at < end; ) {
    if (end - at < NLA_HDRLEN) throw new RangeError(`${end - at} bytes left where an attribute was expected`);
    const length = view.getUint16(at, true);
    if (length < NLA_HDRLEN || length > end - at) {
      throw new RangeError(`nla_len ${length} is out of range [${NLA_HDRLEN}, ${end - at}]`);
    }
    each(view.getUint16(at + 2, true) & NLA_TYPE_MASK, at + NLA_HDRLEN, at + length);
    at += align(length);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: a table mixes value types; `Values` below recovers each of them
type Row = readonly [type: number, codec: Codec<any>];
type Rows = Record<string, Row>;
type Values<R extends Rows> = { readonly [K in keyof R]?: Infer<R[K][1]> };

/** Attributes by name: one row `[type, codec]` each, all optional. Rows of one type each read their part of it. */
export function attrs<R extends Rows>(rows: R): Codec<Values<R>> {
  const entries = Object.entries(rows);
  let byType: Map<number, (readonly [string, Row[1]])[]> | undefined;
  return {
    nested: true,
    write(out, value) {
      for (const [key, [type, codec]] of entries) {
        const each = value[key];
        if (each !== undefined) writeAttribute(out, type, codec, each);
      }
    },
    read(view, start, end) {
      if (byType === undefined) {
        byType = new Map();
        for (const [key, [type, codec]] of entries)
          byType.set(type, [...(byType.get(type) ?? []), [key, codec]]);
      }
      const known = byType;
      const result: Record<string, unknown> = {};
      readAttributes(view, start, end, (type, from, to) => {
        for (const [key, codec] of known.get(type) ?? []) result[key] = codec.read(view, from, to);
      });
      return result as Values<R>;
    },
  };
}

/** A message body: a fixed header followed by attributes, as one flat value. */
export function body<H, A>(header: Codec<H> & { readonly size: number }, attributes: Codec<A>): Codec<H & A> {
  return {
    nested: true,
    write(out, value) {
      header.write(out, value);
      attributes.write(out, value);
    },
    read(view, start, end) {
      const head = header.read(view, start, Math.min(end, start + header.size));
      return { ...head, ...attributes.read(view, start + align(header.size), end) };
    },
  };
}

/** A run of attributes of the same type, as an array. */
export function list<T>(type: number, item: Codec<T>): Codec<readonly T[]> {
  return {
    nested: true,
    write(out, value) {
      for (const each of value) writeAttribute(out, type, item, each);
    },
    read(view, start, end) {
      const items: T[] = [];
      readAttributes(view, start, end, (found, from, to) => {
        if (found === type) items.push(item.read(view, from, to));
      });
      return items;
    },
  };
}

// biome-ignore lint/suspicious/noExplicitAny: as in Row
type Kinds = Record<string, Codec<any>>;
type Tagged<K extends Kinds> = {
  readonly [Name in keyof K & string]: { readonly kind: Name; readonly data?: Infer<K[Name]> };
}[keyof K & string];

/**
 * A name beside data whose layout the name decides: {IFLA_INFO_KIND, IFLA_INFO_DATA}, {NFTA_EXPR_NAME, NFTA_EXPR_DATA}.
 * Data of a kind that is not in the table is left out.
 */
export function tagged<K extends Kinds>(kindType: number, dataType: number, kinds: K): Codec<Tagged<K>> {
  return {
    nested: true,
    write(out, value) {
      writeAttribute(out, kindType, str, value.kind);
      if (value.data !== undefined) writeAttribute(out, dataType, kinds[value.kind]!, value.data);
    },
    read(view, start, end) {
      let kind = "";
      let span: readonly [number, number] | undefined;
      readAttributes(view, start, end, (type, from, to) => {
        if (type === kindType) kind = str.read(view, from, to);
        else if (type === dataType) span = [from, to];
      });
      const codec = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
      if (codec === undefined || span === undefined) return { kind } as Tagged<K>;
      return { kind, data: codec.read(view, span[0], span[1]) } as Tagged<K>;
    },
  };
}
