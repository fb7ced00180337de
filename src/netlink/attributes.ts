// Attribute tables for netlink: one row per attribute gives the TypeScript type, the encoding and the decoding.
//
// Rules kept here once: lengths are checked before a read; an attribute type is masked with NLA_TYPE_MASK; attributes
// that no row names are skipped; `undefined` means "not sent", and nothing is sent unasked; the output follows the
// order of the table. Layout: include/uapi/linux/netlink.h.

import {
  align,
  type Codec,
  get16,
  type Infer,
  type Part,
  type Reader,
  refuseHeader,
  type Struct,
  str,
} from "./codec.ts";

const NLA_HDRLEN = 4;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

/** nla_type of an attribute. */
function flagged(type: number, { nested }: Pick<Codec<unknown>, "nested">): number {
  return nested ? type | NLA_F_NESTED : type;
}

/** Writes one attribute: header, value, padding. `type` is `flagged`. Returns where the next begins. */
function writeAttribute<T>(bytes: Uint8Array, at: number, type: number, codec: Codec<T>, value: T): number {
  const end = codec.write(bytes, at + NLA_HDRLEN, value);
  const length = end - at;
  // As small numbers are written in codec.ts; `at` is aligned.
  bytes[at] = length;
  if (length > 255) bytes[at + 1] = length >> 8;
  bytes[at + 2] = type;
  if (type > 255) bytes[at + 3] = type >> 8;
  return (end + 3) & ~3;
}

function refuseLength(length: number, left: number): never {
  if (left < NLA_HDRLEN) throw new RangeError(`${left} bytes left where an attribute was expected`);
  throw new RangeError(`nla_len ${length} is out of range [${NLA_HDRLEN}, ${left}]`);
}

// biome-ignore lint/suspicious/noExplicitAny: a table mixes value types; `Values` below recovers each of them
type Row = readonly [type: number, codec: Codec<any>];
type Rows = Record<string, Row>;
type Values<R extends Rows> = { readonly [K in keyof R]?: Infer<R[K][1]> };

/**
 * Attributes by name: one row `[type, codec]` each, all optional. Rows of one type each read their part of it. Reading
 * ends with the last row that is found: the kernel sends a type once, and a link's message is long.
 */
export function attrs<R extends Rows>(rows: R): Part<Values<R>> {
  const keys = Object.keys(rows);
  const count = keys.length;
  const types = Object.values(rows).map(([type]) => type);
  const codecs = Object.values(rows).map(([, codec]) => codec);
  const flaggedTypes = Object.values(rows).map(([type, codec]) => flagged(type, codec));
  // Most attributes of a link interest nobody. By type: the first row's index, and by row the next one's of its type.
  const first: number[] = [];
  for (let type = 0, last = Math.max(...types); type <= last; type++) first.push(types.indexOf(type));
  const next = types.map((type, row) => types.indexOf(type, row + 1));
  const known = first.length;
  return {
    nested: true,
    write(bytes, start, value) {
      let at = start;
      for (let row = 0; row < count; row++) {
        const each = value[keys[row]!];
        if (each !== undefined) at = writeAttribute(bytes, at, flaggedTypes[row]!, codecs[row]!, each);
      }
      return at;
    },
    read(bytes, start, end) {
      const result: Record<string, unknown> = {};
      this.readInto(bytes, start, end, result);
      return result as Values<R>;
    },
    readInto(bytes, start, end, result) {
      let missing = count;
      for (let at = start; at < end; ) {
        const length = bytes[at]! | (bytes[at + 1]! << 8);
        if (length < NLA_HDRLEN || length > end - at) refuseLength(length, end - at);
        const type = (bytes[at + 2]! | (bytes[at + 3]! << 8)) & NLA_TYPE_MASK;
        if (type < known) {
          for (let row = first[type]!; row >= 0; row = next[row]!) {
            result[keys[row]!] = codecs[row]!.read(bytes, at + NLA_HDRLEN, at + length);
            if (--missing === 0) return;
          }
        }
        at += (length + 3) & ~3;
      }
    },
  };
}

/** A message body: a fixed header followed by attributes, as one flat value. */
export function body<H, A>(header: Struct<H>, attributes: Part<A>): Codec<H & A> {
  const from = align(header.size);
  return {
    nested: true,
    write(bytes, at, value) {
      header.write(bytes, at, value);
      return attributes.write(bytes, at + from, value);
    },
    read(bytes, start, end) {
      const result: Record<string, unknown> = {};
      header.readInto(bytes, start, end, result);
      attributes.readInto(bytes, start + from, end, result);
      return result as H & A;
    },
  };
}

/** The attributes of a message body whose header is not read. */
export function behind<A>({ size }: Struct<unknown>, attributes: Reader<A>): Reader<A> {
  const from = align(size);
  return {
    read(bytes, start, end) {
      if (end - start < size) refuseHeader(end - start, size);
      return attributes.read(bytes, start + from, end);
    },
  };
}

/** A run of attributes of the same type, as an array. */
export function list<T>(type: number, item: Codec<T>): Codec<readonly T[]> {
  const flaggedType = flagged(type, item);
  return {
    nested: true,
    write(bytes, start, value) {
      let at = start;
      for (const each of value) at = writeAttribute(bytes, at, flaggedType, item, each);
      return at;
    },
    read(bytes, start, end) {
      const items: T[] = [];
      for (let at = start; at < end; ) {
        const length = get16(bytes, at);
        if (length < NLA_HDRLEN || length > end - at) refuseLength(length, end - at);
        if ((get16(bytes, at + 2) & NLA_TYPE_MASK) === type)
          items.push(item.read(bytes, at + NLA_HDRLEN, at + length));
        at += align(length);
      }
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
  const span: Codec<readonly [start: number, end: number]> = {
    write: (_bytes, at) => at, // only read, as `data` is written by its kind
    read: (_bytes, start, end) => [start, end],
  };
  const both = attrs({ kind: [kindType, str], span: [dataType, span] });
  return {
    nested: true,
    write(bytes, start, { kind, data }) {
      const at = writeAttribute(bytes, start, kindType, str, kind);
      if (data === undefined) return at;
      const codec = kinds[kind]!;
      return writeAttribute(bytes, at, flagged(dataType, codec), codec, data);
    },
    read(bytes, start, end) {
      const { kind = "", span } = both.read(bytes, start, end);
      const codec = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
      if (codec === undefined || span === undefined) return { kind } as Tagged<K>;
      return { kind, data: codec.read(bytes, span[0], span[1]) } as Tagged<K>;
    },
  };
}
