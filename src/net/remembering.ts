// What is read again and again.

/** A parser that remembers what it has read: each layer asks for the same few texts again. */
export function remembering<T>(parse: (text: string) => T | undefined): (text: string) => T | undefined {
  const known = new Map<string, T>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const read = parse(text);
    if (read !== undefined) known.set(text, read);
    return read;
  };
}
