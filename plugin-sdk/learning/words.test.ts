import fc from 'fast-check';
import { expect, it } from 'vitest';
import { countWords } from './words.ts';

const total = (counts: Int32Array) => counts.reduce((sum, count) => sum + count, 0);
const hits = (text: string) => {
  const { places, counts } = countWords(text);
  return new Map(Array.from(places, (place, at) => [place, counts[at] as number]));
};

it('counts ASCII text as it counts any other', () => {
  const ascii = fc.string({
    unit: fc.integer({ min: 0, max: 127 }).map((code) => String.fromCharCode(code)),
    maxLength: 300,
  });
  fc.assert(
    fc.property(ascii, (text) => {
      fc.pre(text.trim() !== '');
      const plain = hits(text);
      // A letter beyond ASCII takes the other way, and adds itself and one pair.
      const other = hits(`${text} é`);
      for (const [place, count] of plain) expect(other.get(place)).toBeGreaterThanOrEqual(count);
      expect(total(Int32Array.from(other.values()))).toBe(total(Int32Array.from(plain.values())) + 2);
    }),
  );
});

it('counts words and pairs, numbers by their length, and case for nothing', () => {
  expect(countWords('The sea')).toEqual(countWords('the SEA'));
  expect(countWords('12 ships')).toEqual(countWords('99 ships'));
  expect(countWords('12 ships')).not.toEqual(countWords('123 ships'));
  expect(countWords('sea the')).not.toEqual(countWords('the sea'));
  expect(total(countWords('a b c').counts)).toBe(5);
  expect(countWords('').places).toHaveLength(0);
});

it('reads head and tail of a long text', () => {
  const numbered = Array.from({ length: 1_000 }, (_none, at) => `w${at}x`);
  const kept = [...numbered.slice(0, 384), ...numbered.slice(-128)];
  expect(countWords(numbered.join(' '))).toEqual(countWords(kept.join(' ')));
});

it('takes no longer for a text of ten million letters than for its ends', () => {
  const begun = process.cpuUsage();
  countWords('word! '.repeat(1_700_000));
  countWords('wörd! '.repeat(1_700_000));
  expect(process.cpuUsage(begun).user / 1_000).toBeLessThan(2_000);
});
