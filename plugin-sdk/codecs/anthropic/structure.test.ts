import { describe, expect, it } from 'vitest';
import type { ChatRequest } from '../../contract/chat.ts';
import type { Deployment } from '../../contract/request.ts';
import { bestStructure, nativeSchema } from './structure.ts';

const deployment = (model: string, info: Record<string, unknown> = {}): Deployment => ({
  id: 'd',
  group: 'g',
  model,
  provider: 'anthropic',
  tags: [],
  params: {},
  info,
});
const plain = { type: 'object', properties: { a: { type: 'string' } } };
const request = (schema?: unknown, more: Partial<ChatRequest> = {}): ChatRequest => ({
  model: 'm',
  messages: [],
  stream: false,
  extra: {},
  responseFormat: schema === undefined ? { type: 'json' } : { type: 'json-schema', name: 'n', schema },
  ...more,
});

describe('the best way to a schema', () => {
  it.each([
    ['claude-sonnet-4-5-20250929', 'native'],
    ['claude-haiku-4-5', 'native'],
    ['claude-opus-4-6', 'native'],
    ['claude-sonnet-5', 'native'],
    ['claude-opus-4-1-20250805', 'tool'],
    ['claude-sonnet-4-20250514', 'tool'],
    ['claude-3-7-sonnet-20250219', 'tool'],
    ['a-name-of-my-own', 'tool'],
  ])('of %s is %s', (model, expected) => {
    expect(bestStructure(deployment(model), request(plain))).toBe(expected);
  });

  it('follows model_info where that says something', () => {
    expect(bestStructure(deployment('a-name', { supports_response_schema: true }), request(plain))).toBe('native');
    expect(bestStructure(deployment('claude-opus-4-1', { supports_response_schema: true }), request(plain))).toBe(
      'tool',
    );
    expect(bestStructure(deployment('claude-opus-4-6', { supports_response_schema: false }), request(plain))).toBe(
      'tool',
    );
  });

  it('is a tool for a schema that the API cannot be told of, and for JSON of any shape', () => {
    const open = { type: 'object', additionalProperties: { type: 'string' } };
    expect(bestStructure(deployment('claude-opus-4-6'), request(open))).toBe('tool');
    expect(bestStructure(deployment('claude-opus-4-6'), request())).toBe('tool');
  });

  it('is no tool while the model thinks, for then none can be forced', () => {
    const thinking = { reasoning: { effort: 'low' } };
    expect(bestStructure(deployment('claude-opus-4-6'), request(plain, thinking))).toBe('native');
    expect(bestStructure(deployment('claude-opus-4-1'), request(plain, thinking))).toBe('json');
    expect(bestStructure(deployment('claude-opus-4-6'), request(undefined, thinking))).toBe('json');
    expect(bestStructure(deployment('claude-opus-4-1'), request(plain, { reasoning: { effort: 'none' } }))).toBe(
      'tool',
    );
  });
});

describe('a schema for the API', () => {
  it('has every object closed, also in definitions, lists and alternatives', () => {
    expect(
      nativeSchema({
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type: 'object',
        properties: { list: { type: 'array', items: plain }, either: { oneOf: [plain, { type: 'null' }] } },
        $defs: { one: plain },
      }),
    ).toEqual({
      type: 'object',
      properties: {
        list: { type: 'array', items: { ...plain, additionalProperties: false } },
        either: { anyOf: [{ ...plain, additionalProperties: false }, { type: 'null' }] },
      },
      $defs: { one: { ...plain, additionalProperties: false } },
      additionalProperties: false,
    });
  });

  it('tells bounds in words, and keeps what the API knows', () => {
    expect(nativeSchema({ type: 'integer', minimum: 1, description: 'A count.', enum: [1, 2] })).toEqual({
      type: 'integer',
      description: 'A count. {"minimum":1}',
      enum: [1, 2],
    });
    expect(nativeSchema({ type: 'string', format: 'email' })).toEqual({ type: 'string', format: 'email' });
    expect(nativeSchema({ type: 'string', format: 'iban' })).toEqual({
      type: 'string',
      description: '{"format":"iban"}',
    });
    expect(nativeSchema({ type: 'array', minItems: 1, items: {} })).toEqual({ type: 'array', minItems: 1, items: {} });
    expect(nativeSchema({ type: 'array', minItems: 3 })).toEqual({ type: 'array', description: '{"minItems":3}' });
  });

  it('takes a property for a property, whatever its name', () => {
    const odd = { type: 'object', properties: { minimum: { type: 'number' }, not: { type: 'string' } } };
    expect(nativeSchema(odd)).toEqual({ ...odd, additionalProperties: false });
  });

  it.each([
    ['is open', { type: 'object', additionalProperties: true }],
    ['refers to itself', { type: 'object', properties: { next: { $ref: '#' } } }],
    [
      'holds a definition that leads back to itself',
      { $ref: '#/$defs/a', $defs: { a: { properties: { b: { $ref: '#/$defs/b' } } }, b: { $ref: '#/$defs/a' } } },
    ],
    ['refers elsewhere', { $ref: 'https://schemas.example/one' }],
    ['excludes', { type: 'object', properties: { a: { not: { type: 'null' } } } }],
    ['lists objects as values', { enum: [{ a: 1 }] }],
    ['is no object', true],
  ])('that %s is none', (_, schema) => {
    expect(nativeSchema(schema)).toBeUndefined();
  });

  it('may use one definition in two places', () => {
    const twice = {
      type: 'object',
      properties: { a: { $ref: '#/$defs/n' }, b: { $ref: '#/$defs/n' } },
      $defs: { n: { type: 'number' } },
    };
    expect(nativeSchema(twice)).toEqual({ ...twice, additionalProperties: false });
  });
});
