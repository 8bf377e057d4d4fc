import { describe, expect, it } from 'vitest';
import { type Bounds, readValue, writeValue } from './values.ts';

const wide: Bounds = { depth: 20, values: 1000 };
const through = (value: unknown) => readValue(writeValue(value, wide), wide);

describe('values at the border', () => {
  it.each([
    ['plain ones', { a: [1, 'x', true, null], b: { c: -0.5 } }],
    ['numbers that JSON lacks', [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
    ['large integers', { price: 12_345_678_901_234_567_890n, less: -1n }],
    [
      'maps and sets',
      new Map<unknown, unknown>([
        ['a', new Set([1, 2])],
        [2, new Map()],
      ]),
    ],
    ['vectors and bytes', [new Float32Array([0.5, 2]), new Uint8Array([0, 255])]],
    ['keys that look like tags', { $: 'n', v: '1', other: { $: 5 } }],
    ['holes of lists', [undefined, 1]],
  ])('arrive as they were: %s', (_name, value) => {
    expect(through(value)).toEqual(value);
  });

  it('leave out what cannot be data', () => {
    expect(through({ run() {}, none: undefined, kept: 1 })).toEqual({ kept: 1 });
    expect(Object.keys(through({ none: undefined }) as object)).toEqual([]);
  });

  it('are refused where they are too deep, too many or go in circles', () => {
    const circle: unknown[] = [];
    circle.push(circle);
    expect(() => writeValue(circle, wide)).toThrow('nested too deeply');
    expect(() => writeValue(new Array(1001).fill(0), wide)).toThrow('too many parts');
    expect(() => readValue('['.repeat(22) + ']'.repeat(22), wide)).toThrow('nested too deeply');
    expect(() => readValue(`[${'0,'.repeat(1000)}0]`, wide)).toThrow('too many parts');
  });

  it('cannot name a prototype, an unknown tag or a number that is none', () => {
    expect(() => readValue('{"__proto__":{"a":1}}', wide)).toThrow('__proto__');
    expect(() => readValue('{"$":"o","v":{"__proto__":1}}', wide)).toThrow('__proto__');
    expect(() => readValue('{"$":"z","v":1}', wide)).toThrow('not known');
    expect(() => readValue('{"$":"k","v":1}', wide)).toThrow('not known');
    expect(() => readValue('{"$":"n","v":"1e9"}', wide)).toThrow('no integer');
    expect(({} as { a?: number }).a).toBeUndefined();
  });

  it('carry what is special by what the two sides agree on', () => {
    const hidden = { secret: true };
    const text = writeValue({ hidden }, wide, (value) => (value === hidden ? { $: 'k', v: 7 } : undefined));
    expect(text).not.toContain('secret');
    expect(readValue(text, wide, (number) => `number ${String(number)}`)).toEqual({ hidden: 'number 7' });
  });
});
