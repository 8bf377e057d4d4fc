/** A WordPiece vocabulary from texts: their characters, their words, and what words often end with. */
import { wordsOf } from '@rutter/plugin-sdk/embedding';

/** In front of a vocabulary; what they stand for is no part of any text. */
const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const mostCharacters = 6_000;
const mostEndings = 3_000;
const longestEnding = 5;
const leastCount = 2;

const byCount = (counts: ReadonlyMap<string, number>, most: number) =>
  [...counts]
    .filter(([, count]) => count >= leastCount)
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([piece]) => piece);

/** At most about `most` pieces, the same for the same texts. */
export function piecesOf(texts: readonly string[], most: number): string[] {
  const [words, endings, characters] = [
    new Map<string, number>(),
    new Map<string, number>(),
    new Map<string, number>(),
  ];
  const hit = (counts: Map<string, number>, piece: string) => counts.set(piece, (counts.get(piece) ?? 0) + 1);
  for (const text of texts)
    for (const word of wordsOf(text, true)) {
      hit(words, word);
      const points = [...word];
      for (const point of points) hit(characters, point);
      for (let length = 2; length <= longestEnding && length < points.length; length++)
        hit(endings, `##${points.slice(-length).join('')}`);
    }
  const letters = byCount(characters, mostCharacters);
  const all = [...special, ...letters, ...letters.map((one) => `##${one}`), ...byCount(endings, mostEndings)];
  return [...new Set([...all, ...byCount(words, Math.max(0, most - all.length))])];
}

const mostSpecial = 2_000;

/** The id of the first piece that stands for text: behind those in brackets at the front, such as `[CLS]` and `[unused7]`. */
export const firstIdOf = (pieces: readonly string[]): number =>
  pieces.slice(0, mostSpecial).findLastIndex((piece) => /^\[\w+\]$/.test(piece)) + 1;
