import { z } from '@rutter/plugin-sdk';
import { expect, test } from 'vitest';
import { chanceFrom } from './chance.ts';
import { valueFor } from './schema-values.ts';

const text = { type: 'string' };

const schemas: Record<string, object> = {
  'an object with required and optional fields': {
    type: 'object',
    properties: { place: text, days: { type: 'integer' } },
    required: ['place'],
    additionalProperties: false,
  },
  'numbers within bounds': {
    type: 'object',
    properties: {
      a: { type: 'integer', minimum: 3, maximum: 3 },
      b: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 },
      c: { type: 'integer', multipleOf: 7, minimum: 1, maximum: 30 },
      d: { type: 'integer', maximum: -5 },
      e: { type: 'number', minimum: 0.2, maximum: 0.3 },
    },
    required: ['a', 'b', 'c', 'd', 'e'],
  },
  'texts of a length': {
    type: 'object',
    properties: { long: { type: 'string', minLength: 50 }, short: { type: 'string', maxLength: 3 } },
    required: ['long', 'short'],
  },
  'texts of a format': {
    type: 'object',
    properties: {
      when: { type: 'string', format: 'date-time' },
      day: { type: 'string', format: 'date' },
      who: { type: 'string', format: 'email' },
      id: { type: 'string', format: 'uuid' },
      at: { type: 'string', format: 'ipv4' },
    },
    required: ['when', 'day', 'who', 'id', 'at'],
  },
  'an enum and a constant': {
    type: 'object',
    properties: { unit: { enum: ['celsius', 'kelvin'] }, kind: { const: 'weather' } },
    required: ['unit', 'kind'],
  },
  lists: { type: 'array', items: { type: 'boolean' }, minItems: 2, maxItems: 4 },
  'a tuple': { type: 'array', prefixItems: [text, { type: 'integer' }], minItems: 2, maxItems: 2 },
  alternatives: { anyOf: [{ type: 'object', properties: { a: text }, required: ['a'] }, { type: 'null' }] },
  'a type or null': { type: 'object', properties: { a: { type: ['string', 'null'] } }, required: ['a'] },
  'definitions that refer to themselves': {
    $defs: {
      node: {
        type: 'object',
        properties: { name: text, children: { type: 'array', items: { $ref: '#/$defs/node' } } },
        required: ['name', 'children'],
      },
    },
    $ref: '#/$defs/node',
  },
  'a chain that ends in null': {
    $defs: {
      link: {
        type: 'object',
        properties: { next: { anyOf: [{ $ref: '#/$defs/link' }, { type: 'null' }] } },
        required: ['next'],
      },
    },
    $ref: '#/$defs/link',
  },
  'parts put together': {
    allOf: [
      { type: 'object', properties: { a: text }, required: ['a'] },
      { type: 'object', properties: { b: { type: 'integer' } }, required: ['b'] },
    ],
  },
};

test.each(Object.entries(schemas))('conforms to %s, whatever the seed', (_name, schema) => {
  const validator = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  for (let seed = 0; seed < 50; seed++) {
    const value = valueFor(schema, chanceFrom(seed));
    const { success, error } = validator.safeParse(value);
    expect(success, `${JSON.stringify(value)}: ${error?.message}`).toBe(true);
  }
});

test('gives the same value for the same seed, and others for others', () => {
  const schema = { type: 'object', properties: { n: { type: 'integer', minimum: 0, maximum: 1_000_000 } } };
  const at = (seed: number) => JSON.stringify(valueFor(schema, chanceFrom(seed)));
  expect(at(1)).toBe(at(1));
  expect(new Set(Array.from({ length: 20 }, (_, seed) => at(seed))).size).toBeGreaterThan(15);
});

test.each([
  undefined,
  null,
  true,
  17,
  [],
  {},
  { $ref: '#/nowhere' },
  { $ref: 'https://elsewhere.example' },
  { $ref: '#' },
  { type: 'strange' },
  { enum: [] },
  { anyOf: [] },
  { type: 'array', minItems: 1e9 },
  { type: 'string', minLength: 1e12 },
])('ends with some value for the odd schema %j', (schema) => {
  expect(() => JSON.stringify(valueFor(schema, chanceFrom(1)))).not.toThrow();
});
