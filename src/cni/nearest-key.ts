// Finds what a misspelt key was meant to be.

/**
 * The known key nearest to `written`, by insertions, deletions, replacements and swaps of neighbours, in any case:
 * up to two of them, and one at most in a key of fewer than six letters. `undefined` when none is that near.
 */
export function nearestKey(written: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let least = written.length < 6 ? 2 : 3;
  for (const key of known) {
    if (Math.abs(key.length - written.length) >= least) continue;
    const edits = countEdits(written.toLowerCase(), key.toLowerCase());
    if (edits < least) {
      nearest = key;
      least = edits;
    }
  }
  return nearest;
}

/** The optimal string alignment distance. */
function countEdits(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = last[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      let edits = Math.min(replaced, last[column]! + 1, current[column - 1]! + 1);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        edits = Math.min(edits, beforeLast[column - 2]! + 1);
      }
      current.push(edits);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length]!;
}
