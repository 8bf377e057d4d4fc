/**
 * BERT's tokeniser: clean, split, and the longest pieces first (Devlin et al.
 * 2019; Wu et al. 2016 for WordPiece). Ids are places in the vocabulary.
 */

const control = /[\p{Cc}\p{Cf}\p{Co}]/u;
const punctuation = /[!-/:-@[-`{-~]|\p{P}/u;
const combining = /\p{Mn}/gu;
const chinese: readonly (readonly [number, number])[] = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b820, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
];
const longestWord = 100;
/** Words whose pieces are remembered. */
const mostCached = 20_000;
const longestCached = 32;
const plainText = /^[\x20-\x7e\t\n\r]*$/;
const plainSplit = /[A-Za-z0-9]+|[!-/:-@[-`{-~]/g;
/** Of a text of which only the beginning is wanted, so many letters are cut at a time. */
const stride = 2048;
const unknown: readonly number[] = [];

const isChinese = (point: number) => point >= 0x3400 && chinese.some(([from, to]) => point >= from && point <= to);

const placesOf = (pieces: readonly string[]) => new Map(pieces.map((piece, id) => [piece, id]));

export interface WordPieceOptions {
  /** Lower case and no accents, as uncased models have it; true when absent. */
  readonly uncased?: boolean;
}

export class WordPiece {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #unknownId: number;
  readonly #isUncased: boolean;
  readonly #cache = new Map<string, readonly number[]>();

  /** Pieces in the order of their ids, or with them. */
  constructor(vocabulary: readonly string[] | ReadonlyMap<string, number>, { uncased = true }: WordPieceOptions = {}) {
    this.#ids = 'has' in vocabulary ? vocabulary : placesOf(vocabulary);
    this.#unknownId = this.#ids.get('[UNK]') ?? 0;
    this.#isUncased = uncased;
  }

  /** The id of a whole piece, such as `[CLS]`. */
  idOf(piece: string): number | undefined {
    return this.#ids.get(piece);
  }

  /** Ids of a text's pieces, at most `most` of them that are at least `from`. */
  ids(text: string, from = 0, most = Number.POSITIVE_INFINITY): number[] {
    const ids: number[] = [];
    for (const part of partsOf(text, most)) {
      for (const word of wordsOf(part, this.#isUncased)) {
        for (const id of this.#pieces(word)) {
          if (id < from) continue;
          ids.push(id);
          if (ids.length >= most) return ids;
        }
      }
    }
    return ids;
  }

  #pieces(word: string): readonly number[] {
    const known = this.#cache.get(word);
    if (known !== undefined) return known;
    const pieces = this.#split(word);
    if (word.length <= longestCached) {
      if (this.#cache.size >= mostCached) this.#cache.clear();
      this.#cache.set(word, pieces);
    }
    return pieces;
  }

  #split(word: string): readonly number[] {
    const whole = this.#ids.get(word);
    if (whole !== undefined) return [whole];
    const points = [...word];
    if (points.length > longestWord) return [this.#unknownId];
    const pieces: number[] = [];
    for (let start = 0; start < points.length; ) {
      let end = points.length;
      let found: number | undefined;
      for (; end > start; end--) {
        found = this.#ids.get((start > 0 ? '##' : '') + points.slice(start, end).join(''));
        if (found !== undefined) break;
      }
      if (found === undefined) return [this.#unknownId];
      pieces.push(found);
      start = end;
    }
    return pieces.length > 0 ? pieces : unknown;
  }
}

/** A text of which all is wanted is whole; another comes in parts that end at white space. */
function* partsOf(text: string, most: number): Iterable<string> {
  if (most === Number.POSITIVE_INFINITY || text.length <= 2 * stride) {
    yield text;
    return;
  }
  for (let at = 0; at < text.length; ) {
    const space = text.indexOf(' ', at + stride);
    const end = space < 0 ? text.length : space;
    yield text.slice(at, end);
    at = end;
  }
}

/** Words and punctuation characters; lower case and without accents where that is asked for. */
export function wordsOf(text: string, isUncased: boolean): Iterable<string> {
  // The common case needs none of the tables: ASCII without control characters.
  if (plainText.test(text)) return (isUncased ? text.toLowerCase() : text).match(plainSplit) ?? [];
  return unplainWordsOf(text, isUncased);
}

function* unplainWordsOf(text: string, isUncased: boolean): Iterable<string> {
  for (const chunk of spaced(text).split(/\s+/u)) {
    if (chunk === '') continue;
    let word = '';
    for (const point of isUncased ? lowered(chunk) : chunk) {
      if (!punctuation.test(point)) {
        word += point;
        continue;
      }
      if (word !== '') yield word;
      yield point;
      word = '';
    }
    if (word !== '') yield word;
  }
}

function spaced(text: string): string {
  let clean = '';
  for (const point of text) {
    if (point === '\t' || point === '\n' || point === '\r') clean += ' ';
    else if (point === '\0' || point === '\ufffd' || control.test(point)) continue;
    else if (/\s/u.test(point)) clean += ' ';
    else if (isChinese(point.codePointAt(0) as number)) clean += ` ${point} `;
    else clean += point;
  }
  return clean;
}

/** One code point at a time: a whole word's lower case depends on its end (final sigma). */
function lowered(chunk: string): string {
  let lower = '';
  for (const point of chunk.normalize('NFD').replace(combining, '')) lower += point.toLowerCase();
  return lower;
}
