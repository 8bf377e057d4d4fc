import { describe, expect, it } from 'vitest';
import { isInRange, isRange, newestIn, readReference } from './versions.ts';

describe('a range', () => {
  it.each([
    ['*', '1.0.0 0.0.1 9.9.9', '1.0.0-beta latest 1.0'],
    ['1.2.3', '1.2.3', '1.2.4 1.2.2 2.2.3 1.2.3-a'],
    ['1.2', '1.2.0 1.2.9', '1.3.0 1.1.9 2.2.0'],
    ['1', '1.0.0 1.9.9', '0.9.9 2.0.0'],
    ['0', '0.0.0 0.9.9', '1.0.0'],
    ['^1.2.3', '1.2.3 1.2.4 1.9.0', '1.2.2 2.0.0 0.9.9 1.3.0-a'],
    ['^1.2', '1.2.0 1.10.0', '1.1.9 2.0.0'],
    ['^1', '1.0.0 1.9.9', '2.0.0 0.9.9'],
    ['^0.2.3', '0.2.3 0.2.9', '0.3.0 0.2.2 1.0.0'],
    ['^0.0.3', '0.0.3', '0.0.4 0.0.2 0.1.3'],
    ['^0.0', '0.0.0 0.0.9', '0.1.0'],
    ['^0', '0.0.0 0.9.9', '1.0.0'],
    ['~1.2.3', '1.2.3 1.2.9', '1.3.0 1.2.2'],
    ['~1.2', '1.2.0 1.2.9', '1.3.0'],
    ['~1', '1.0.0 1.9.9', '2.0.0'],
    ['1.0.0-beta', '1.0.0-beta', '1.0.0 1.0.0-alpha'],
  ])('%s takes %s and not %s', (range, inside, outside) => {
    expect(isRange(range)).toBe(true);
    expect(inside.split(' ').filter((version) => !isInRange(version, range))).toEqual([]);
    expect(outside.split(' ').filter((version) => isInRange(version, range))).toEqual([]);
  });

  it('is not every text', () => {
    for (const text of ['', 'latest', '>=1', '1.2.3.4', '^', '1.x', '^1.2-a', '1 || 2', '99999999999'])
      expect(isRange(text), text).toBe(false);
  });

  it('finds the newest by number, not by letter, and no trial', () => {
    const versions = ['1.2.0', '1.10.0', '1.9.9', '2.0.0-rc', '2.1.0', '0.9.0'];
    expect([newestIn(versions, '^1'), newestIn(versions, '*'), newestIn(versions, '2.0.0-rc')]).toEqual([
      '1.10.0',
      '2.1.0',
      '2.0.0-rc',
    ]);
    expect(newestIn(versions, '^3')).toBeUndefined();
  });
});

it('reads a name with its range, and nothing that could be a path', () => {
  expect(readReference('cheap-first@^1.2')).toEqual({ name: 'cheap-first', range: '^1.2' });
  expect(readReference('cheap-first')).toEqual({ name: 'cheap-first', range: '*' });
  for (const text of ['../up', 'a/b', 'A', '', 'a@', 'a@latest', '@a', 'a..b', '-a'])
    expect(readReference(text), text).toBeUndefined();
});
