import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearestName } from './nearest.ts';

const word = fc.string({ maxLength: 8, unit: fc.constantFrom('a', 'b', 'c') });

describe('the distance between two names', () => {
  it.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['', 'abc', 3],
    ['rmp', 'rpm', 1],
    ['modle', 'model', 1],
    ['tempertaure', 'temperature', 1],
    ['api_bsee', 'api_base', 2],
    ['ca', 'abc', 3],
    ['kitten', 'sitting', 3],
  ])('from %j to %j is %d', (from, to, distance) => {
    expect(editDistance(from, to)).toBe(distance);
  });

  it('is the same both ways, and nothing only for equal names', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
      }),
    );
  });

  it('lies between the difference of lengths and the longer length', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});

describe('the nearest name', () => {
  it('is the first among equals within the edits allowed', () => {
    expect(nearestName('cat', ['dog', 'cap', 'car'], 1)).toBe('cap');
    expect(nearestName('cat', ['dog'], 2)).toBeUndefined();
  });

  it('does not mind capitals', () => {
    expect(nearestName('RPM', ['tpm', 'rpm'], 1)).toBe('rpm');
  });

  it('is not looked for when the name is absurdly long', () => {
    expect(nearestName('a'.repeat(1_000_000), ['a'.repeat(999_999)], 2)).toBeUndefined();
  });
});
