// Values ↔ bytes for netlink: integers, strings and C structs, each a codec whose length is checked before a read.
// attributes.ts composes them to tables; neither knows of messages. Host order is little endian on every target we
// build for.

export interface Reader<T> {
  /** Reads what lies in [start, end) of `bytes`; throws RangeError when it does not fit. */
  read(bytes: Uint8Array, start: number, end: number): T;
}

export interface Codec<T> extends Reader<T> {
  /**
   * Writes the value from `at` on, over zeros, and returns where it ends. What lies beyond the end of `bytes` is lost, and
   * the end tells: see `written`.
   */
  write(bytes: Uint8Array, at: number, value: T): number;
  /** The attribute holds attributes: NLA_F_NESTED is set on it. */
  readonly nested?: true;
}

export type Infer<C> = C extends Reader<infer T> ? T : never;

// #define NLA_ALIGN(len) (((len) + NLA_ALIGNTO - 1) & ~(NLA_ALIGNTO - 1))
export function align(length: number): number {
  return (length + 3) & ~3;
}

/** Enough for every message that is not a batch of many changes. */
const ROOM = 1024;

/** The bytes that `write` fills from the start; where they do not fit, it is called once more with room for all. */
export function written(write: (bytes: Uint8Array) => number): Uint8Array {
  const bytes = new Uint8Array(ROOM);
  const end = write(bytes);
  if (end <= ROOM) return bytes.subarray(0, end);
  const longer = new Uint8Array(end);
  write(longer);
  return longer;
}

/** The encoding of one value by itself. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  return written((bytes) => codec.write(bytes, 0, value));
}

/** The value of bytes that hold nothing else. */
export function decode<T>(codec: Reader<T>, bytes: Uint8Array): T {
  return codec.read(bytes, 0, bytes.length);
}

interface Fixed<T> extends Codec<T> {
  readonly size: number;
  readonly get: (bytes: Uint8Array, at: number) => T;
}

function fixed<T>(size: number, write: Fixed<T>["write"], get: Fixed<T>["get"]): Fixed<T> {
  return {
    size,
    write,
    get,
    read(bytes, start, end) {
      if (end - start !== size) throw new RangeError(`${end - start} bytes where ${size} were expected`);
      return get(bytes, start);
    },
  };
}

// Messages begin as zeros (see `written`), most numbers are small, and an element of an array is dear: the upper bytes of a
// small number are not written.

function set16(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value;
  if (value > 255 || value < 0) bytes[at + 1] = value >> 8;
  return at + 2;
}

export function set32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value;
  if (value > 255 || value < 0) {
    bytes[at + 1] = value >> 8;
    bytes[at + 2] = value >> 16;
    bytes[at + 3] = value >> 24;
  }
  return at + 4;
}

function set32be(bytes: Uint8Array, at: number, value: number): number {
  if (value > 255 || value < 0) {
    bytes[at] = value >> 24;
    bytes[at + 1] = value >> 16;
    bytes[at + 2] = value >> 8;
  }
  bytes[at + 3] = value;
  return at + 4;
}

export function get16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

export function get32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function get32be(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

export const u8 = fixed<number>(
  1,
  (bytes, at, value) => {
    bytes[at] = value;
    return at + 1;
  },
  (bytes, at) => bytes[at]!,
);
export const u16 = fixed<number>(2, set16, get16);
export const u16be = fixed<number>(
  2,
  (bytes, at, value) => {
    bytes[at] = value >> 8;
    bytes[at + 1] = value;
    return at + 2;
  },
  (bytes, at) => (bytes[at]! << 8) | bytes[at + 1]!,
);
export const u32 = fixed<number>(4, set32, (bytes, at) => get32(bytes, at) >>> 0);
export const i32 = fixed<number>(4, set32, get32);
export const u32be = fixed<number>(4, set32be, (bytes, at) => get32be(bytes, at) >>> 0);
export const i32be = fixed<number>(4, set32be, get32be);
export const u64be = fixed<bigint>(
  8,
  (bytes, at, value) => {
    set32be(bytes, at, Number(BigInt.asIntN(32, value >> 32n)));
    return set32be(bytes, at + 4, Number(BigInt.asIntN(32, value)));
  },
  (bytes, at) => (BigInt(get32be(bytes, at) >>> 0) << 32n) | BigInt(get32be(bytes, at + 4) >>> 0),
);

/** A text of ASCII characters with its terminating NUL (NLA_NUL_STRING); bytes above 127 are kept one for one. */
export const str: Codec<string> = {
  write(bytes, at, value) {
    const { length } = value;
    for (let i = 0; i < length; i++) bytes[at + i] = value.charCodeAt(i);
    return at + length + 1;
  },
  read(bytes, start, end) {
    const nul = bytes.indexOf(0, start);
    const stop = nul < 0 || nul > end ? end : nul;
    return Reflect.apply(String.fromCharCode, undefined, bytes.subarray(start, stop));
  },
};

export const bytes: Codec<Uint8Array> = {
  write(into, at, value) {
    const end = at + value.length;
    if (end <= into.length) into.set(value, at);
    return end;
  },
  read(from, start, end) {
    return from.slice(start, end);
  },
};

/** A codec whose value is an object that others add to. */
export interface Part<T> extends Codec<T> {
  /** As `read`, into an object that is there. */
  readInto(bytes: Uint8Array, start: number, end: number, result: Record<string, unknown>): void;
}

/** Throws RangeError for a header that is longer than what is there. */
export function refuseHeader(length: number, size: number): never {
  throw new RangeError(`${length} bytes where a header of ${size} was expected`);
}

type Fields = Record<string, Fixed<number>>;
type StructOf<F extends Fields> = { readonly [K in keyof F]?: number };
export type Struct<T> = Part<T> & { readonly size: number };

/** A C struct: the order of the keys is the layout. A field that is not given is 0. */
export function struct<F extends Fields>(fields: F): Struct<StructOf<F>> {
  const keys = Object.keys(fields);
  const codecs = Object.values(fields);
  const count = keys.length;
  const gets = codecs.map((codec) => codec.get);
  const writes = codecs.map((codec) => codec.write);
  const offsets: number[] = [];
  let size = 0;
  for (const codec of codecs) {
    offsets.push(size);
    size += codec.size;
  }
  return {
    size,
    write(bytes, at, value) {
      for (let i = 0; i < count; i++) {
        const field = value[keys[i]!];
        if (field) writes[i]!(bytes, at + offsets[i]!, field);
      }
      return at + size;
    },
    read(bytes, start, end) {
      const result: Record<string, number> = {};
      this.readInto(bytes, start, end, result);
      return result as StructOf<F>;
    },
    readInto(bytes, start, end, result) {
      if (end - start < size) refuseHeader(end - start, size);
      for (let i = 0; i < count; i++) result[keys[i]!] = gets[i]!(bytes, start + offsets[i]!);
    },
  };
}
