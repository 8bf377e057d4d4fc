/**
 * Takes secrets out of finished log lines: the last place they could slip
 * through. Known values are replaced whatever field they stand in; so is what
 * has the shape of a key, known or not.
 *
 * Every line passes here, so a single look for a few fixed letters comes first;
 * each pattern then runs only where its own stand.
 */

const mask = '[secret]';
/** Shorter values would match ordinary words. */
const shortest = 8;
const mostKnown = 100_000;
/** Beyond this many it is cheaper to look up each word of the text than to search for each value. */
const fewKnown = 64;

/** Public shapes of vendors' keys and tokens, and letters without which there is none. */
const shapes: readonly { readonly mark: string; readonly pattern: RegExp }[] = [
  { mark: 'sk-', pattern: /sk-[A-Za-z0-9_-]{16,}/g },
  { mark: 'AKIA', pattern: /AKIA[0-9A-Z]{16}/g },
  { mark: 'ASIA', pattern: /ASIA[0-9A-Z]{16}/g },
  { mark: 'AIza', pattern: /AIza[0-9A-Za-z_-]{35}/g },
  ...['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'].map((mark) => ({ mark, pattern: /gh[pousr]_[A-Za-z0-9]{36,}/g })),
  { mark: 'xox', pattern: /xox[abpr]-[A-Za-z0-9-]{10,}/g },
  { mark: 'eyJ', pattern: /eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/g },
  { mark: 'earer ', pattern: /(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{8,}/g },
  { mark: 'PRIVATE KEY-----', pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*/g },
  { mark: 'X-Amz-Signature=', pattern: /(?<=X-Amz-Signature=)[0-9a-f]{64}/g },
  { mark: '@', pattern: /(?<=:\/\/[^/\s:@"]{0,64}:)[^@/\s"]{1,256}(?=@)/g },
];

const word = /[A-Za-z0-9_-]{8,}/g;
const isWord = /^[A-Za-z0-9_-]+$/;

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

export class Redactor {
  readonly #words = new Set<string>();
  /** Values that hold more than letters and digits, in every spelling a line may have. */
  readonly #others = new Set<string>();
  /** Finds out in one pass whether a line has anything to look into; made anew after each value that is added. */
  #anything: RegExp | undefined;

  /** Adds a value that must never be written; also as JSON or an address would spell it. */
  add(value: string): void {
    if (value.length < shortest || this.#words.size + this.#others.size >= mostKnown) return;
    if (isWord.test(value)) this.#words.add(value);
    else
      for (const spelling of [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)])
        this.#others.add(spelling);
    this.#anything = undefined;
  }

  clean(text: string): string {
    const isFew = this.#words.size + this.#others.size <= fewKnown;
    if (isFew && !this.#mayHold(text)) return text;
    let clean = text;
    if (isFew) clean = without(clean, this.#words);
    else clean = clean.replace(word, (found) => (this.#words.has(found) ? mask : found));
    clean = without(clean, this.#others);
    for (const { mark, pattern } of shapes) if (clean.includes(mark)) clean = clean.replace(pattern, mask);
    return clean;
  }

  #mayHold(text: string): boolean {
    this.#anything ??= new RegExp(
      [...shapes.map(({ mark }) => mark), ...this.#words, ...this.#others].map(escaped).join('|'),
    );
    return this.#anything.test(text);
  }
}

function without(text: string, values: Iterable<string>): string {
  let clean = text;
  for (const value of values) if (clean.includes(value)) clean = clean.replaceAll(value, mask);
  return clean;
}
