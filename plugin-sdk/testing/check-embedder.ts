/** What every embedder must hold to: one finite vector a text, in order, always the same. */
import type { Facets } from '../contract/kinds.ts';
import type { Embedder } from '../contract/services.ts';
import { expect, expectEqual, type Report, runSuite, type Subject, type SuiteOptions, show } from './report.ts';

export interface EmbedderOptions extends SuiteOptions {
  /** Largest difference of a number when a text is embedded alone and among others; 0 when absent. */
  readonly tolerance?: number;
}

const texts = [
  'Why is the sky blue?',
  'The quarterly revenue fell.',
  'naïve 🧭 日本',
  'x',
  '   ',
  '',
  'word '.repeat(5_000),
  '\u0000\u2028',
  '-17.5e3',
];

/** Checks an embedder's definition, or instances that a function makes. */
export function checkEmbedder(subject: Subject<'embedder'>, options: EmbedderOptions = {}): Promise<Report> {
  return runSuite('embedder', { subject, options }, async (suite) => {
    const { instance } = await suite.start();
    const tolerance = options.tolerance ?? 0;

    await suite.check('tells its dimensions and its version', () => {
      const { dimensions, version } = instance;
      expect(Number.isInteger(dimensions) && dimensions > 0, () => `dimensions is ${show(dimensions)}`);
      expect(typeof version === 'string' && version !== '', () => `version is ${show(version)}`);
    });
    await suite.check('gives one vector a text, of its dimensions, all finite', async () => {
      expectEqual(await instance.embed([]), [], 'the vectors of no text');
      const vectors = await instance.embed(texts);
      expectEqual(vectors.length, texts.length, 'the number of vectors');
      for (const [index, vector] of vectors.entries()) expectVector(vector, instance, show(texts[index]));
    });
    await suite.check('gives a text the same vector alone, among others, in any order, and again', async () => {
      const together = await instance.embed(texts);
      const reversed = (await instance.embed(texts.toReversed())).toReversed();
      const again = await instance.embed(texts);
      for (const [index, text] of texts.entries()) {
        const [alone] = await instance.embed([text]);
        for (const vector of [alone, reversed[index], again[index]])
          expectNear(vector, together[index], { text, tolerance });
      }
    });
    await suite.check('gives texts that differ vectors that differ', async () => {
      const [first, second, third] = await instance.embed(texts);
      for (const other of [second, third])
        expect(
          first?.some((value, index) => value !== other?.[index]) ?? false,
          () => 'two texts have the same vector',
        );
    });
    await suite.check('answers callers that come together', async () => {
      const expected = await instance.embed(texts);
      const answers = await Promise.all(texts.map((text) => instance.embed([text, text])));
      for (const [index, vectors] of answers.entries()) {
        for (const vector of vectors) expectNear(vector, expected[index], { text: texts[index] ?? '', tolerance });
      }
    });
    await suite.check('hands out vectors that are the caller’s own', async () => {
      const [before] = await instance.embed(['the same text']);
      const copy = before?.slice();
      before?.fill(42);
      const [after] = await instance.embed(['the same text']);
      expectNear(after, copy, { text: 'the same text', tolerance });
    });
    await suite.check('keeps dimensions and version over a restart', async () => {
      const { instance: other } = await suite.start();
      expectEqual([other.dimensions, other.version], [instance.dimensions, instance.version], 'dimensions and version');
      const [[first], [second]] = [await instance.embed(['text']), await other.embed(['text'])];
      expectNear(second, first, { text: 'text', tolerance });
    });
  });
}

function expectVector(vector: unknown, { dimensions }: Embedder & Facets, what: string): void {
  expect(vector instanceof Float32Array, () => `${what} gave ${show(vector)}, expected a Float32Array`);
  expectEqual(vector.length, dimensions, `the length of the vector of ${what}`);
  expect(vector.every(Number.isFinite), () => `the vector of ${what} holds a number that is not finite`);
}

function expectNear(
  found: Float32Array | undefined,
  expected: Float32Array | undefined,
  { text, tolerance }: { text: string; tolerance: number },
): void {
  const isNear =
    found !== undefined &&
    expected !== undefined &&
    found.length === expected.length &&
    found.every((value, index) => Math.abs(value - (expected[index] ?? Number.NaN)) <= tolerance);
  expect(isNear, () => `${show(text)} has another vector this time`);
}
