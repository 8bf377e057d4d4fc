import { describe, expect, it } from 'vitest';
import { schemaCheck } from './schema-check.ts';

const person = {
  type: 'object',
  properties: { name: { type: 'string', minLength: 2 }, age: { type: 'integer' } },
  required: ['name'],
  additionalProperties: false,
};

describe('a check', () => {
  it('lets pass what fits and says of anything else where and why', () => {
    const check = schemaCheck(person);
    expect(check({ name: 'Ada', age: 36 })).toBeUndefined();
    expect(check({ name: 'Ada', age: '36' })?.summary).toBe('at #/age the keyword "type" is not met');
    expect(check({})?.detail).toContain('"name"');
    expect(check({ name: 'Ada', other: 'a secret' })?.summary).toBe(
      'at # the keyword "additionalProperties" is not met',
    );
  });

  it('tells several faults at once, and no more than five', () => {
    const check = schemaCheck({ type: 'array', items: { type: 'number' } });
    expect(check(['a', 'b'])?.detail.split('\n')).toHaveLength(2);
    expect(check(Array(40).fill('a'))?.detail.split('\n').length).toBeLessThanOrEqual(5);
  });

  it('follows references into itself, circles too', () => {
    const tree = { type: 'object', properties: { left: { $ref: '#' } }, additionalProperties: false };
    expect(schemaCheck(tree)({ left: { left: {} } })).toBeUndefined();
    expect(schemaCheck(tree)({ left: { right: 1 } })).toBeDefined();
  });

  it('reads a schema by the draft that it names', () => {
    const pair = { items: [{ type: 'string' }, { type: 'number' }] };
    expect(schemaCheck({ $schema: 'http://json-schema.org/draft-07/schema#', ...pair })(['a', 'b'])).toBeDefined();
    expect(schemaCheck({ $schema: 'http://json-schema.org/draft-07/schema#', ...pair })(['a', 1])).toBeUndefined();
  });

  it('leaves no mark in the schema it is given', () => {
    const own = Object.freeze({ type: 'object', properties: Object.freeze({ a: Object.freeze({ type: 'null' }) }) });
    schemaCheck(own)({ a: null });
    expect(Object.getOwnPropertyNames(own)).toEqual(['type', 'properties']);
  });

  it('takes true for everything and false for nothing', () => {
    expect(schemaCheck(true)(1)).toBeUndefined();
    expect(schemaCheck(false)(1)).toBeDefined();
  });
});

describe('a schema is refused by name', () => {
  it.each([
    ['that is no object', 'text', 'no object'],
    ['that refers to nothing', { properties: { a: { $ref: '#/$defs/a' } } }, 'reference "#/$defs/a"'],
    ['that refers elsewhere', { $ref: 'https://schemas.example/x' }, 'reference'],
    ['with a pattern that is none', { items: { pattern: '[' } }, 'pattern "["'],
    ['with a name pattern that is none', { patternProperties: { '(': {} } }, 'pattern "("'],
    ['that is too long', { description: 'x'.repeat(300_000) }, 'characters'],
    ['of too many parts', { anyOf: Array(10_001).fill({}) }, 'parts'],
  ])('%s', (_, schema, message) => {
    expect(() => schemaCheck(schema)).toThrow(
      expect.objectContaining({
        code: 'ERR_REQUEST_INVALID',
        param: 'response_format',
        message: expect.stringContaining(message),
      }),
    );
  });

  it.each([
    ['a pattern that backtracks without an end', { pattern: '^(a+)+$' }, `${'a'.repeat(64)}!`],
    [
      'parts that double at every step',
      {
        $ref: '#/$defs/s0',
        $defs: Object.fromEntries(
          Array.from({ length: 40 }, (_none, index) => [
            `s${index}`,
            index === 39 ? {} : { allOf: [{ $ref: `#/$defs/s${index + 1}` }, { $ref: `#/$defs/s${index + 1}` }] },
          ]),
        ),
      },
      1,
    ],
    ['a reference to itself alone', { $ref: '#' }, 1],
  ])('once it takes too long to check by: %s', (_, schema, value) => {
    const startedAt = performance.now();
    expect(() => schemaCheck(schema)(value)).toThrow(expect.objectContaining({ code: 'ERR_REQUEST_INVALID' }));
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});
