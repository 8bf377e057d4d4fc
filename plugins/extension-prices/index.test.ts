import { describe, expect, it } from 'vitest';
import { Book } from './book.ts';
import { readMap } from './cost-map.ts';
import { spellingsOf } from './names.ts';
import { Table } from './table.ts';

const book = new Book();
const table = new Table();
const models = Object.fromEntries([...table.names].map((name) => [name, table.row(name) ?? {}]));
const nameOf = (provider: string, model: string, baseModel?: string) =>
  book.find({ provider, model, ...(baseModel === undefined ? {} : { baseModel }) })?.name;

describe('the table', () => {
  it('can be read as a map, and names a source of each row', () => {
    expect(readMap(JSON.stringify(models)).size).toBe(Object.keys(models).length);
    const sources = new Set<unknown>(Object.keys(table.sources));
    for (const [name, { source }] of Object.entries(models)) expect([name, sources.has(source)]).toEqual([name, true]);
    for (const { from, date, licence } of Object.values(table.sources))
      expect([from, date, licence].every((text) => text.length > 2)).toBe(true);
  });

  it('knows the models that most call', () => {
    expect(Object.keys(models).length).toBeGreaterThan(150);
    const asked = [
      ['openai', 'gpt-5.5'],
      ['openai', 'text-embedding-3-small'],
      ['anthropic', 'claude-sonnet-5'],
      ['gemini', 'gemini-2.5-pro'],
      ['vertex_ai', 'gemini-2.5-pro'],
      ['vertex_ai', 'claude-sonnet-4-5@20250929'],
      ['bedrock', 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'],
      ['azure', 'gpt-4o'],
      ['mistral', 'mistral-large-latest'],
      ['groq', 'llama-3.3-70b-versatile'],
      ['deepseek', 'deepseek-chat'],
      ['xai', 'grok-4'],
      ['cohere', 'command-r-plus'],
      ['together_ai', 'deepseek-ai/DeepSeek-V3'],
      ['ollama', 'llama3.1'],
      ['simulated', 'anything'],
    ] as const;
    expect(asked.filter(([provider, model]) => nameOf(provider, model) === undefined)).toEqual([]);
  });
});

describe('a model', () => {
  it.each([
    ['openai', 'gpt-4o', undefined, 'gpt-4o'],
    ['openai', 'gpt-4o-2099-12-31', undefined, 'gpt-4o'],
    ['openai', 'gpt-4o-2024-05-13', undefined, 'gpt-4o-2024-05-13'],
    ['azure', 'my-deployment', 'azure/gpt-4o', 'azure/gpt-4o'],
    ['azure', 'my-deployment', 'gpt-4o', 'gpt-4o'],
    ['azure', 'my-deployment', undefined, undefined],
    ['anthropic', 'claude-sonnet-4-5-latest', undefined, 'claude-sonnet-4-5'],
    ['anthropic', 'claude-3-7-sonnet-latest', undefined, 'claude-3-7-sonnet-20250219'],
    ['bedrock', 'converse/us.anthropic.claude-sonnet-4-6', undefined, 'us.anthropic.claude-sonnet-4-6'],
    ['bedrock', 'eu.anthropic.claude-sonnet-4-6', undefined, 'us.anthropic.claude-sonnet-4-6'],
    ['bedrock', 'eu.meta.llama3-3-70b-instruct-v1:0', undefined, 'meta.llama3-3-70b-instruct-v1:0'],
    ['bedrock', 'us-east-1/amazon.nova-lite-v1:0', undefined, 'amazon.nova-lite-v1:0'],
    [
      'bedrock',
      'arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-6',
      undefined,
      'us.anthropic.claude-sonnet-4-6',
    ],
    ['openai', 'ft:gpt-4o-2024-08-06:me::abc', undefined, undefined],
    // Somebody else's model of the same name has a price of its own.
    ['openai_compatible', 'gpt-4o', undefined, undefined],
    ['openai', 'toString', undefined, undefined],
  ])('of %s named %s, based on %s, is found as %s', (provider, model, baseModel, name) => {
    expect(nameOf(provider, model, baseModel)).toBe(name);
  });

  it('is looked for by its base first, and by the bare name only at its own provider', () => {
    const all = [...spellingsOf({ provider: 'azure', model: 'm', baseModel: 'b' })];
    expect(all).toEqual([
      { name: 'b', provider: undefined },
      { name: 'azure/b', provider: undefined },
      { name: 'azure/m', provider: undefined },
      { name: 'm', provider: 'azure' },
    ]);
  });
});

describe('a map laid over the table', () => {
  it('replaces the models it names, adds new ones, and leaves the others', () => {
    const own = new Book();
    const before = own.version;
    own.load({
      rows: readMap('{"gpt-4o": {"input_cost_per_token": 1}, "acme/x": {"output_cost_per_token": "2e-6"}}'),
      source: 'a file',
    });
    expect(own.version).toBeGreaterThan(before);
    expect(own.find({ provider: 'acme', model: 'x' })).toMatchObject({
      source: 'a file',
      row: { output_cost_per_token: '2e-6' },
    });
    expect(own.find({ provider: 'openai', model: 'gpt-4o-mini' })?.row.input_cost_per_token).toBe(1.5e-7);
    // A row that does not say whose it is holds for everybody.
    for (const provider of ['openai', 'acme'])
      expect(own.find({ provider, model: 'gpt-4o' })?.row.input_cost_per_token).toBe(1);
    own.load(undefined);
    expect(own.find({ provider: 'openai', model: 'gpt-4o' })?.row.input_cost_per_token).toBe(2.5e-6);
  });
});

describe('a map', () => {
  it.each([
    ['not json', /Found no JSON .* expected an object of models/],
    ['[]', /Found \[\], expected an object of models/],
    ['{}', /Found 0 models and not one price/],
    ['{"m": 3}', /m: found 3, expected a block of prices and limits/],
    ['{"m": {"max_tokens": 3}}', /Found 1 models and not one price/],
    ['{"m": {"input_cost_per_token": "cheap"}}', /m\.input_cost_per_token: found "cheap", expected dollars from 0/],
    ['{"m": {"input_cost_per_token": -1}}', /m\.input_cost_per_token: found -1, expected dollars/],
    ['{"m": {"output_cost_per_image_token": true}}', /m\.output_cost_per_image_token: found true/],
    ['{"m": {"tiered_pricing": 1}}', /m\.tiered_pricing: found 1, expected a list of tiers/],
    ['{"m": {"tiered_pricing": [{"range": [1]}]}}', /m\.tiered_pricing\[0\]\.range: found \[1\], expected two numbers/],
    [
      '{"m": {"search_context_cost_per_query": {"search_context_size_low": "x"}}}',
      /m\.search_context_cost_per_query\.search_context_size_low: found "x"/,
    ],
  ])('of %s is refused, with what was found and where', (text, message) => {
    expect(() => readMap(text)).toThrow(message);
  });

  it('keeps prices, limits and abilities, and nothing else', () => {
    const text = JSON.stringify({
      sample_spec: { input_cost_per_token: 'a description' },
      m: {
        input_cost_per_token: '3e-7',
        max_input_tokens: 8,
        supports_vision: true,
        mode: 'chat',
        source: 'x',
        cache_read_input_token_cost: null,
      },
    });
    expect(Object.fromEntries(readMap(text))).toEqual({
      m: { input_cost_per_token: '3e-7', max_input_tokens: 8, supports_vision: true, mode: 'chat' },
    });
  });
});
