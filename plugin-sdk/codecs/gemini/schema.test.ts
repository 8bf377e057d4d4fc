import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../values.ts';
import { geminiSchema } from './schema.ts';

const object = (properties: JsonObject, rest: JsonObject = {}) => ({ type: 'object', properties, ...rest });
/** What becomes of one property's schema. */
const property = (schema: unknown, rest: JsonObject = {}) =>
  (geminiSchema(object({ it: schema }, rest)).properties as JsonObject).it;

describe('a schema', () => {
  it('keeps what the subset has, and leaves out what it has no word for', () => {
    const kept = {
      type: 'string',
      title: 't',
      description: 'd',
      minLength: 1,
      maxLength: 9,
      pattern: 'a',
      default: 'b',
    };
    const gone = { $schema: 's', $id: 'i', $comment: 'c', additionalProperties: false, strict: true, not: {}, if: {} };
    expect(property({ ...kept, ...gone })).toEqual(kept);
  });

  it('keeps properties whatever they are called', () => {
    const names = ['$schema', 'additionalProperties', 'anyOf', 'const', 'type', 'title', '__proto__'];
    const properties = JSON.parse(`{${names.map((name) => `"${name}":{"type":"string"}`).join()}}`);
    expect(geminiSchema(object(properties, { required: names })).required).toEqual(names);
    expect(Object.keys(geminiSchema(object(properties)).properties as JsonObject)).toEqual(names);
  });

  it.each([
    ['a union of types with null', { type: ['string', 'null'] }, { type: 'string', nullable: true }],
    ['an anyOf with null', { anyOf: [{ type: 'integer' }, { type: 'null' }] }, { type: 'integer', nullable: true }],
    ['a oneOf with null', { oneOf: [{ type: 'null' }, { type: 'integer' }] }, { type: 'integer', nullable: true }],
    ['values with null', { enum: ['a', null] }, { type: 'string', enum: ['a'], nullable: true }],
    ['nullable itself', { type: 'string', nullable: true }, { type: 'string', nullable: true }],
    ['null alone', { type: 'null' }, { type: 'string', nullable: true }],
    ['nothing but null', { anyOf: [{ type: 'null' }] }, { type: 'string', nullable: true }],
    ['a constant', { const: 'a' }, { type: 'string', enum: ['a'] }],
    ['numbers to choose from', { enum: [1, 2] }, { type: 'integer', description: 'One of: 1, 2.' }],
    [
      'numbers that are described',
      { type: 'number', enum: [0.5], description: 'Half.' },
      { type: 'number', description: 'Half. One of: 0.5.' },
    ],
    ['an empty text to choose', { enum: ['', 'a'] }, { type: 'string', enum: ['a'] }],
    ['several types', { type: ['string', 'integer'] }, { anyOf: [{ type: 'string' }, { type: 'integer' }] }],
    [
      'a described union',
      { anyOf: [{ type: 'string' }, { type: 'object', description: 'own' }, { type: 'null' }], description: 'd' },
      {
        anyOf: [
          { type: 'string', description: 'd', nullable: true },
          { type: 'object', description: 'own', nullable: true },
        ],
      },
    ],
    ['a list of anything', { type: 'array' }, { type: 'array', items: { type: 'string' } }],
    ['a list by its items', { items: { type: 'number' } }, { type: 'array', items: { type: 'number' } }],
    [
      'a tuple',
      { type: 'array', prefixItems: [{ type: 'number' }, { type: 'string' }] },
      { type: 'array', items: { anyOf: [{ type: 'number' }, { type: 'string' }] } },
    ],
    ['anything', {}, { type: 'string' }],
    ['true', true, { type: 'string' }],
    ['an object of any shape', { additionalProperties: { type: 'string' } }, { type: 'object' }],
    ['an empty object', { type: 'object', properties: {} }, { type: 'object' }],
    ['a format of dates', { type: 'string', format: 'date-time' }, { type: 'string', format: 'date-time' }],
    ['a format unknown', { type: 'string', format: 'uri' }, { type: 'string' }],
    ['a format of numbers', { type: 'integer', format: 'int32' }, { type: 'integer', format: 'int32' }],
    ['a type in capitals', { type: 'STRING' }, { type: 'string' }],
  ])('of %s is written so', (_what, schema, expected) => {
    expect(property(schema)).toEqual(expected);
  });

  it('requires only properties that it has', () => {
    expect(geminiSchema(object({ a: {} }, { required: ['a', 'b', 1] })).required).toEqual(['a']);
    expect(geminiSchema(object({ a: {} }, { required: ['b'] }))).not.toHaveProperty('required');
  });

  it('of several parts is one with the properties of all', () => {
    const base = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
    const schema = { allOf: [{ $ref: '#/$defs/Base' }, { properties: { b: { type: 'number' } }, required: ['b'] }] };
    expect(property({ ...schema, description: 'd' }, { $defs: { Base: base } })).toEqual({
      type: 'object',
      description: 'd',
      properties: { a: { type: 'string' }, b: { type: 'number' } },
      required: ['a', 'b'],
    });
  });
});

describe('a reference', () => {
  const $defs = {
    City: { type: 'object', properties: { name: { type: 'string' } } },
    'a/b~c': { type: 'integer' },
    Tree: { type: 'object', properties: { left: { $ref: '#/$defs/Tree' }, leaf: { type: 'string' } } },
  };

  it('is written out, under the description beside it', () => {
    expect(property({ $ref: '#/$defs/City', description: 'where' }, { $defs })).toEqual({
      type: 'object',
      description: 'where',
      properties: { name: { type: 'string' } },
    });
    expect(property({ $ref: '#/$defs/a~1b~0c' }, { $defs })).toEqual({ type: 'integer' });
    expect(property({ $ref: '#/definitions/X' }, { definitions: { X: { type: 'boolean' } } })).toEqual({
      type: 'boolean',
    });
  });

  it('that leads nowhere is an object of any shape', () => {
    for (const $ref of ['#/$defs/Gone', 'https://schemas.example/a.json', '#/$defs/%zz', '#nothing'])
      expect(property({ $ref, description: 'd' }, { $defs })).toEqual({ type: 'object', description: 'd' });
  });

  it('to what it stands in ends after a few rounds', () => {
    const text = JSON.stringify(property({ $ref: '#/$defs/Tree' }, { $defs }));
    expect(text.match(/"leaf"/g)).toHaveLength(3);
    expect(text).not.toContain('$ref');
    expect(geminiSchema({ ...object({ self: { $ref: '#' } }) })).toHaveProperty('properties.self.properties.self');
  });

  it.each([
    ['to each other', Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`D${at}`, everyOther(at, 12)]))],
    ['in parts of itself', { D0: { allOf: [{ $ref: '#/$defs/D0' }, { $ref: '#/$defs/D0' }] } }],
    ['as a branch of itself', { D0: { anyOf: [{ $ref: '#/$defs/D0' }, { type: 'null' }] } }],
  ])('%s stays within bounds', (_how, defs) => {
    const started = performance.now();
    const text = JSON.stringify(property({ $ref: '#/$defs/D0' }, { $defs: defs as JsonObject }));
    expect(text.length).toBeLessThan(2_000_000);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

/** An object with a reference to each of so many. */
function everyOther(_at: number, count: number): JsonObject {
  return object(Object.fromEntries(Array.from({ length: count }, (_, at) => [`p${at}`, { $ref: `#/$defs/D${at}` }])));
}

it('bounds the depth of what is nested', () => {
  let schema: JsonObject = { type: 'string' };
  for (let depth = 0; depth < 5_000; depth++) schema = { type: 'array', items: schema };
  expect(JSON.stringify(geminiSchema(schema)).length).toBeLessThan(5_000);
});

it('leaves what it is given as it was', () => {
  const schema = object({ a: { anyOf: [{ $ref: '#/$defs/A' }, { type: 'null' }] } }, { $defs: { A: { const: 1 } } });
  const copy = structuredClone(schema);
  geminiSchema(schema);
  expect(schema).toEqual(copy);
});
