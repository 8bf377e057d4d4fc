/**
 * Takes secrets out of a finished log line: the last place they could slip
 * through. Known values are replaced whatever field they stand in; so is what
 * has the shape of a key, known or not.
 */

const mask = '[secret]';
/** Shorter values would match ordinary words. */
const shortest = 8;
const mostKnown = 10_000;

/** Public shapes of vendors' keys and tokens. */
const shapes = [
  'sk-[A-Za-z0-9_-]{16,}',
  'AKIA[0-9A-Z]{16}',
  'ASIA[0-9A-Z]{16}',
  'AIza[0-9A-Za-z_-]{35}',
  'gh[pousr]_[A-Za-z0-9]{36,}',
  'xox[abpr]-[A-Za-z0-9-]{10,}',
  'eyJ[A-Za-z0-9_-]{10,}\\.eyJ[A-Za-z0-9_-]{10,}\\.[A-Za-z0-9_-]{10,}',
  '(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{8,}',
  '-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*',
  '(?<=X-Amz-Signature=)[0-9a-f]{64}',
  '(?<=://[^/\\s:@"]{0,64}:)[^@/\\s"]{1,256}(?=@)',
];

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

export class Redactor {
  readonly #known = new Set<string>();
  #pattern = new RegExp(shapes.join('|'), 'g');

  /** Adds a value that must never be written; also as JSON would escape it. */
  add(value: string): void {
    if (value.length < shortest || this.#known.has(value) || this.#known.size >= mostKnown) return;
    this.#known.add(value);
    const literals = [...this.#known].flatMap((known) => [...new Set([known, JSON.stringify(known).slice(1, -1), encodeURIComponent(known)])]);
    literals.sort((a, b) => b.length - a.length);
    this.#pattern = new RegExp([...literals.map(escaped), ...shapes].join('|'), 'g');
  }

  clean(line: string): string {
    // Every shape and every secret is longer than most words: a test is cheap, a replace is rare.
    return line.replace(this.#pattern, mask);
  }
}
