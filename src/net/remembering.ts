// What is read again and again.

interface Remembering<T> {
  (text: string): T | undefined;
  /** By text. Who writes a text that others will read may tell what it stands for. */
  readonly known: Map<string, T>;
}

/** A parser that remembers what it has read: each layer asks for the same few texts again. */
export function remembering<T>(parse: (text: string) => T | undefined): Remembering<T> {
  const known = new Map<string, T>();
  const read = (text: string) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const value = parse(text);
    if (value !== undefined) known.set(text, value);
    return value;
  };
  return Object.assign(read, { known });
}
