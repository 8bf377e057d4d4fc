/** Finds the known name that a misspelt one was meant to be. */

const longestName = 80;

/**
 * Edits (insert, delete, replace, swap neighbours) that lead from one name to
 * the other: the restricted Damerau–Levenshtein distance.
 */
export function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isEqual = from[row - 1] === to[column - 1];
      let least = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isEqual ? 0 : 1),
      );
      const isSwap = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (isSwap) least = Math.min(least, (beforeLast[column - 2] ?? 0) + 1);
      current.push(least);
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length] ?? 0;
}

/** The known name fewest edits away, first among equals; undefined when none is within `most`. */
export function nearestName(name: string, known: Iterable<string>, most: number): string | undefined {
  if (name.length > longestName) return undefined;
  const lower = name.toLowerCase();
  let nearest: string | undefined;
  let fewest = most + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= fewest) continue;
    const edits = editDistance(lower, candidate.toLowerCase());
    if (edits >= fewest) continue;
    nearest = candidate;
    fewest = edits;
  }
  return nearest;
}

/** Edits a slip of the keyboard makes in a name of this length: one in a short one, else two. */
export function slipsIn(name: string): number {
  return name.length < 5 ? 1 : 2;
}

/** Edits within which a suggestion still helps where the name is wrong for certain. */
export function guessesIn(name: string): number {
  return Math.max(2, Math.floor(name.length / 3));
}

/** ` Did you mean "x"?`, or nothing. */
export function suggestion(nearest: string | undefined): string {
  return nearest === undefined ? '' : ` Did you mean "${nearest}"?`;
}
