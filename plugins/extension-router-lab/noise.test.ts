import { expect, it } from 'vitest';
import { inOtherWords, withTypos } from './noise.ts';

const text =
  'Explain why many large ships cannot begin their journey before the correct signal, because the harbour is not deep. '.repeat(
    5,
  );

it('slips in few words, the same ones for the same seed', () => {
  const noisy = withTypos(text, 3);
  expect(noisy).toBe(withTypos(text, 3));
  expect(noisy).not.toBe(withTypos(text, 4));
  const [before, after] = [text.split(' '), noisy.split(' ')];
  expect(after).toHaveLength(before.length);
  const changed = before.filter((word, at) => word !== after[at]);
  expect(changed.length).toBeGreaterThan(0);
  expect(changed.length).toBeLessThan(before.length / 4);
});

it('leaves short words, numbers and marks as they are', () => {
  for (let seed = 0; seed < 50; seed++) expect(withTypos('1+2 = 3, is it so?', seed)).toBe('1+2 = 3, is it so?');
});

it('says it in other words, the same for the same seed', () => {
  const said = inOtherWords(text, 1);
  expect(said).toBe(inOtherWords(text, 1));
  expect(new Set([1, 2, 3, 4, 5].map((seed) => inOtherWords(text, seed))).size).toBeGreaterThan(1);
  expect(said).toMatch(/clarify|numerous|big|can't|start|right|since|isn't/);
});
