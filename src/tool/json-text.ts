// Where in a JSON text its values are: line and column of every key and value by JSON path, keys that stand twice in
// one object, and for a text that is no JSON the place and what is wrong there. The value itself is JSON.parse's.

/** Line and column count from 1; columns in characters (UTF-16 units, as editors count). */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Why a text is no JSON. */
export class JsonFault extends Error {
  readonly place: Place;
  constructor(message: string, place: Place) {
    super(message);
    this.place = place;
  }
}

/** A key that stands in its object a second time, in any case, with both places. */
interface Repeated {
  readonly path: string;
  readonly first: Place;
  readonly place: Place;
}

interface Spot {
  readonly path: string;
  readonly key: number;
  readonly value: number;
}

/** JSON nested deeper than any configuration is. */
const MAX_DEPTH = 200;
const BLANKS = " \t\r\n";

/** The characters of an unquoted word or number. */
function isWordCharacter(char: string): boolean {
  return (
    (char >= "0" && char <= "9") ||
    (char >= "a" && char <= "z") ||
    (char >= "A" && char <= "Z") ||
    "+-._$".includes(char)
  );
}

export class JsonText {
  readonly value: unknown;
  readonly repeated: readonly Repeated[];
  readonly #text: string;
  #at = 0;
  /** By path in lower case. Problems may name a key in its usual spelling. */
  readonly #spots = new Map<string, Spot>();
  readonly #repeated: Repeated[] = [];

  /** Reads a text; throws JsonFault. */
  constructor(text: string) {
    this.#text = text;
    this.repeated = this.#repeated;
    if (text.startsWith("\uFEFF")) throw this.#fault("a byte order mark, which runtimes do not accept", 0);
    this.#blanks();
    if (this.#at === text.length) throw this.#fault("the file is empty", 0);
    this.#readValue("", this.#at, 0);
    this.#blanks();
    if (this.#at < text.length) throw this.#fault("something follows the end of the JSON value");
    this.value = JSON.parse(text);
  }

  /** Where a key is, or the value where the path names an element; else that of what surrounds it. */
  placeOfKey(path: string): Place {
    return this.#placeOf(path, "key");
  }

  /** Where the value of a path is; else that of what surrounds it. */
  placeOfValue(path: string): Place {
    return this.#placeOf(path, "value");
  }

  /** The path of the first text `wanted` at or below a path; undefined where there is none. */
  findText(below: string, wanted: string): string | undefined {
    const folded = below.toLowerCase();
    const literal = JSON.stringify(wanted);
    for (const [key, { path, value }] of this.#spots)
      if (key.startsWith(folded) && this.#text.startsWith(literal, value)) return path;
    return undefined;
  }

  #placeOf(path: string, end: "key" | "value"): Place {
    let at = path.toLowerCase();
    for (let which: typeof end = end; ; which = "value") {
      const spot = this.#spots.get(at);
      if (spot !== undefined) return this.#place(spot[which]);
      if (at === "") return { line: 1, column: 1 };
      at = at.slice(0, Math.max(at.lastIndexOf("."), at.lastIndexOf("["), 0));
    }
  }

  #place(offset: number): Place {
    const before = this.#text.slice(0, offset);
    let line = 1;
    for (const char of before) if (char === "\n") line++;
    return { line, column: offset - before.lastIndexOf("\n") };
  }

  #fault(message: string, offset = this.#at): JsonFault {
    return new JsonFault(message, this.#place(offset));
  }

  #blanks(): void {
    while (this.#at < this.#text.length && BLANKS.includes(this.#text[this.#at]!)) this.#at++;
  }

  #readValue(path: string, key: number, depth: number): void {
    if (depth > MAX_DEPTH) throw this.#fault("it is nested too deeply");
    this.#spots.set(path.toLowerCase(), { path, key, value: this.#at });
    const char = this.#text[this.#at];
    if (char === "{") this.#readObject(path, depth);
    else if (char === "[") this.#readArray(path, depth);
    else if (char === '"') this.#readString();
    else this.#readWord();
  }

  #readObject(path: string, depth: number): void {
    const keys = new Map<string, number>();
    this.#readMembers("}", () => {
      const at = this.#at;
      if (this.#text[at] !== '"') throw this.#fault(this.#whyNoKey());
      const key = this.#readString();
      this.#blanks();
      if (this.#text[this.#at] !== ":") throw this.#fault(`a colon is missing behind the key "${key}"`);
      this.#at++;
      this.#blanks();
      const inner = path === "" ? key : `${path}.${key}`;
      const folded = key.toLowerCase();
      const first = keys.get(folded);
      if (first === undefined) keys.set(folded, at);
      else this.#repeated.push({ path: inner, first: this.#place(first), place: this.#place(at) });
      this.#readValue(inner, at, depth + 1);
    });
  }

  #readArray(path: string, depth: number): void {
    let index = 0;
    this.#readMembers("]", () => this.#readValue(`${path}[${index++}]`, this.#at, depth + 1));
  }

  /** What stands between brackets, parted by commas. */
  #readMembers(close: string, read: () => void): void {
    const opened = this.#at++;
    this.#blanks();
    if (this.#text[this.#at] === close) {
      this.#at++;
      return;
    }
    for (;;) {
      read();
      const end = this.#at;
      this.#blanks();
      const char = this.#text[this.#at];
      if (char === undefined)
        throw this.#fault(`the "${this.#text[opened]}" that opens here is not closed`, opened);
      if (char !== "," && char !== close) {
        if (char === "/" || char === "#") throw this.#fault("JSON has no comments");
        throw this.#fault(`a comma or "${close}" is missing here`, end);
      }
      const comma = this.#at++;
      if (char === close) return;
      this.#blanks();
      if (this.#text[this.#at] === close) throw this.#fault(`no comma may stand before "${close}"`, comma);
    }
  }

  #readString(): string {
    const start = this.#at++;
    for (; this.#text[this.#at] !== '"'; this.#at++) {
      const char = this.#text[this.#at];
      if (char === undefined || char === "\n")
        throw this.#fault('the text that begins here has no closing "', start);
      if (char === "\\") this.#at++;
    }
    this.#at++;
    return this.#parse(start, "not a text that JSON allows (a control character, or an unknown escape)");
  }

  #readWord(): void {
    const start = this.#at;
    while (this.#at < this.#text.length && isWordCharacter(this.#text[this.#at]!)) this.#at++;
    const word = this.#text.slice(start, this.#at);
    if (word === "") throw this.#fault(this.#whyNoValue(), start);
    const lower = word.toLowerCase();
    const hint = ["true", "false", "null"].includes(lower)
      ? `write ${lower}`
      : "texts stand in double quotes, and numbers are decimal without leading zeros";
    this.#parse(start, `${word} is no JSON value: ${hint}`);
  }

  #parse(start: number, wrong: string): string {
    try {
      return JSON.parse(this.#text.slice(start, this.#at));
    } catch {
      throw this.#fault(wrong, start);
    }
  }

  #whyNoKey(): string {
    const char = this.#text[this.#at];
    if (char === undefined) return "the file ends in the middle of an object";
    if (char === "/" || char === "#") return "JSON has no comments";
    return "a key in double quotes is expected here";
  }

  #whyNoValue(): string {
    const char = this.#text[this.#at];
    if (char === undefined) return "the file ends where a value is expected";
    if (char === "/" || char === "#") return "JSON has no comments";
    if (char === "'") return "texts stand in double quotes, not in single ones";
    return `a value is expected here, not "${char}"`;
  }
}
