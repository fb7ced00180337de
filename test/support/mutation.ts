// Hostile input made from good input: JSON documents and bytes changed at random places, from a seed that is printed and
// gives the same again. Pure.

/** Numbers from a seed (mulberry32): each call another in [0, below). */
export type Random = (below: number) => number;

export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/**
 * The seeds of a fuzz test: those that are kept because they once found something, or to be the same in every run, and a
 * new one. FUZZ_SEED runs one alone.
 */
export function seedsOf(kept: readonly number[]): number[] {
  const asked = process.env.FUZZ_SEED;
  // CI repeats what is known; whoever looks for more gets a new seed each time.
  const fresh = process.env.CI === undefined ? [Math.floor(Math.random() * 2 ** 32)] : [];
  const seeds = asked === undefined ? [...kept, ...fresh] : [Number(asked)];
  console.log(`seeds ${seeds.join(" ")} (FUZZ_SEED=${seeds.at(-1)} runs the last alone)`);
  return seeds;
}

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[random(list.length)]!;
}

/** JSON texts that go wrong somewhere: types, ranges, encodings, names that JavaScript gives a meaning. */
const HOSTILE_VALUES: readonly string[] = [
  ..."null true false 0 -0 -1 1 1.5 255 256 65536 4294967295 4294967296 9007199254740993 1e400 -1e400 1e-400".split(
    " ",
  ),
  '""',
  '" "',
  '"\\u0000"',
  '"a\\u0000b"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\ufeff"',
  '"__proto__"',
  '"constructor"',
  '"../../../etc/passwd"',
  '"/"',
  '"."',
  '".."',
  '"/dev/null"',
  '"/proc/self/mem"',
  '"10.0.0.0/33"',
  '"10.0.0.0/-1"',
  '"::/0"',
  '"0.0.0.0/0"',
  '"255.255.255.255/32"',
  '"::ffff:10.0.0.1/120"',
  '"fe80::1%eth0"',
  '"010.0.0.1"',
  '"4294967296"',
  '"%d"',
  '"host-local"',
  "[]",
  "{}",
  "[[]]",
  "[null]",
  "[{}]",
  '{"__proto__":{"ipMasq":true}}',
  '{"constructor":{"prototype":{"type":"x"}}}',
  '{"toString":1,"valueOf":2,"hasOwnProperty":3}',
  `"${"x".repeat(5000)}"`,
  `"${"é€😀".repeat(30)}"`,
  `[${"1,".repeat(2000)}1]`,
  `${"[".repeat(200)}${"]".repeat(200)}`,
];
const HOSTILE_KEYS = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "",
  "IPAM",
  "\\u0069pam",
  "Type",
  "cniVersion",
];

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The text of a document in which up to three values or keys are hostile, missing, or there twice. */
export function mutateJson(random: Random, document: unknown): string {
  const places = countPlaces(document as Json);
  const targets = new Set(Array.from({ length: 1 + random(3) }, () => random(places)));
  let place = 0;
  const write = (value: Json): string => {
    if (targets.has(place++)) {
      const way = random(8);
      if (way < 6) return pick(random, HOSTILE_VALUES);
      if (way === 6 && typeof value === "string") return JSON.stringify(mutateText(random, value));
    }
    if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
    if (typeof value !== "object" || value === null) return JSON.stringify(value);
    const members = Object.entries(value).flatMap(([key, inner]) => {
      const member = `${JSON.stringify(key)}:${write(inner)}`;
      switch (random(40)) {
        case 0:
          return [];
        case 1:
          return [member, `${JSON.stringify(key)}:${pick(random, HOSTILE_VALUES)}`];
        case 2:
          return [`"${pick(random, HOSTILE_KEYS)}":${pick(random, HOSTILE_VALUES)}`, member];
        case 3:
          return [`${JSON.stringify(key.toUpperCase())}:${write(inner)}`];
        default:
          return [member];
      }
    });
    return `{${members.join(",")}}`;
  };
  return write(document as Json);
}

function countPlaces(value: Json): number {
  if (typeof value !== "object" || value === null) return 1;
  return 1 + Object.values(value).reduce((sum: number, inner) => sum + countPlaces(inner), 0);
}

const PIECES = [
  "\0",
  "/",
  "..",
  ";",
  "=",
  "\n",
  "\r\n",
  " ",
  "é",
  "\u0085",
  "\ufeff",
  "%",
  "-",
  "0x",
  "٣",
  "x".repeat(300),
];

/** A text with a few characters gone, doubled or replaced. */
export function mutateText(random: Random, text: string): string {
  let result = text;
  for (let times = 1 + random(3); times > 0; times--) {
    const at = random(result.length + 1);
    const piece = random(2) === 0 ? pick(random, PIECES) : result.slice(random(at + 1), at);
    result = result.slice(0, at) + piece + result.slice(at + random(3));
  }
  return result;
}

/** Bytes with bits turned over, pieces cut out, doubled, or set to the numbers where lengths go wrong. */
export function mutateBytes(random: Random, bytes: Uint8Array): Uint8Array {
  let result = [...bytes];
  for (let times = 1 + random(4); times > 0; times--) {
    const at = random(result.length + 1);
    const length = random(9);
    switch (random(6)) {
      case 0:
        if (at < result.length) result[at]! ^= 1 << random(8);
        break;
      case 1:
        result[at] = pick(random, [0, 1, 3, 4, 5, 0x7f, 0x80, 0xff]);
        break;
      case 2:
        result.splice(at, length);
        break;
      case 3:
        result.splice(at, 0, ...result.slice(at, at + length));
        break;
      case 4:
        result.splice(at, 0, ...Array.from({ length }, () => random(256)));
        break;
      default:
        result = result.slice(0, at);
    }
  }
  return Uint8Array.from(result, (byte) => byte ?? 0);
}
