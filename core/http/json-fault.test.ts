import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { characterAt, jsonFault, utf8Fault } from './json-fault.ts';

const parses = (text: string) => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('a fault of JSON', () => {
  it('is found exactly where a parser finds one, whatever is cut out, doubled or put in', () => {
    const change = fc.tuple(
      fc.nat(),
      fc.nat(3),
      fc.constantFrom('', ',', ':', '"', '\\', '{', ']', '0', '-', 'e', 't', ' ', '\n', '\u0001', 'ü'),
    );
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.array(change, { maxLength: 3 }), (json, changes) => {
        let text = json;
        for (const [place, length, put] of changes) {
          const at = place % (text.length + 1);
          text = text.slice(0, at) + put + text.slice(at + length);
        }
        expect(jsonFault(Buffer.from(text)) === undefined).toBe(parses(text.toWellFormed()));
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['{"a":1 "b":2}', 'found "\\"" at byte 7, expected "," or "}"'],
    ['[1 2]', 'found "2" at byte 3, expected "," or "]"'],
    ['{"ü":1 x}', 'found "x" at byte 8, expected "," or "}"'],
    ['["', 'found the end at byte 2, expected the quote that ends a string'],
    ['', 'found the end at byte 0, expected a value'],
    ['01', 'found "1" at byte 1, expected the end'],
    ['{"a"1}', 'found "1" at byte 4, expected ":"'],
    ['["语]', 'found the end at byte 6, expected the quote that ends a string'],
  ])('in %j is told in words', (text, words) => {
    expect(jsonFault(Buffer.from(text))).toBe(words);
  });

  it('shows one character of a body and no more', () => {
    const fault = jsonFault(Buffer.from('{"prompt": secret words}'));
    expect(fault).toBe('found "s" at byte 11, expected a value');
  });
});

describe('a fault of UTF-8', () => {
  it('is found at its first byte, however long the text is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), fc.string({ maxLength: 100 }), (before, after) => {
        const head = Buffer.from(before.toWellFormed());
        expect(utf8Fault(Buffer.concat([head, Buffer.from([0xff]), Buffer.from(after.toWellFormed())]))).toBe(
          head.length,
        );
      }),
    );
  });
});

it('characters are shown so that a reader can tell what they are', () => {
  const bytes = Buffer.from('\u0000\u007fü🙂');
  expect([0, 1, 2, 4, 8].map((at) => characterAt(bytes, at))).toEqual([
    'control character 0',
    'control character 127',
    '"ü"',
    '"🙂"',
    'the end',
  ]);
});
