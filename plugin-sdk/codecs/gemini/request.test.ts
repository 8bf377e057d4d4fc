import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../contract/request.ts';
import { openAiChatDialect } from '../openai/dialects.ts';
import { geminiCodec } from './codec.ts';
import { modelPath, pathSegment } from './request.ts';

const codec = geminiCodec({ path: ({ model }, method) => `/${modelPath(model)}:${method}` });
const deployment = (model: string, params: object = {}): Deployment => ({
  id: 'd',
  group: 'g',
  model,
  provider: 'gemini',
  tags: [],
  params: { ...params },
  info: {},
});
const hello = { role: 'user', content: 'hello' };
const upstream = (fields: object, { model = 'gemini-2.5-flash', params = {} } = {}) =>
  codec.request({
    ...openAiChatDialect.chat!({ model: 'g', messages: [hello], ...fields }),
    deployment: deployment(model, params),
  });
const body = (fields: object, options = {}) => upstream(fields, options).body as Record<string, unknown>;
const generation = (fields: object, options = {}) => body(fields, options).generationConfig;

describe('fields that are Google’s own', () => {
  it('go where they belong, in either spelling', () => {
    expect(
      body({
        safetySettings: [1],
        cached_content: 'cachedContents/a',
        mediaResolution: 'LOW',
        response_modalities: ['TEXT'],
        generationConfig: { audioTimestamp: true, temperature: 1 },
        temperature: 0.5,
        frobnicate: 1,
      }),
    ).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'hello' }] }],
      safetySettings: [1],
      cached_content: 'cachedContents/a',
      frobnicate: 1,
      generationConfig: {
        audioTimestamp: true,
        mediaResolution: 'LOW',
        response_modalities: ['TEXT'],
        temperature: 0.5,
      },
    });
  });

  it('say how the model thinks, over what OpenAI’s say', () => {
    const thinkingConfig = { thinkingBudget: -1 };
    expect(generation({ thinkingConfig, reasoning_effort: 'low' })).toEqual({ thinkingConfig });
    expect(generation({ generation_config: { thinking_config: thinkingConfig }, reasoning_effort: 'low' })).toEqual({
      thinking_config: thinkingConfig,
    });
  });
});

describe('fields that are OpenAI’s', () => {
  it('and only hints are left out and told of', () => {
    const { dropped } = upstream({ store: true, prompt_cache_key: 'k', service_tier: 'flex', user: 'u' });
    expect(dropped?.toSorted()).toEqual(['prompt_cache_key', 'service_tier', 'store', 'user']);
  });

  it.each([
    ['logit_bias', { logit_bias: { 1: 2 } }],
    ['prediction', { prediction: { type: 'content', content: 'a' } }],
    ['response_format', { response_format: { type: 'grammar' } }],
    ['tool_choice', { tool_choice: { type: 'custom' } }],
    ['audio', { audio: { voice: 'Kore', format: 'mp3' } }],
  ])('and ask for what Gemini cannot do are refused: %s', (param, fields) => {
    expect(() => upstream(fields)).toThrow(
      expect.objectContaining({ code: 'ERR_REQUEST_UNSUPPORTED_PARAMETER', param }),
    );
  });

  it.each([
    [{ logit_bias: {} }],
    [{ n: 1 }],
    [{ modalities: ['text'] }],
    [{ parallel_tool_calls: false }],
    [{ web_search_options: null }],
    [{ tool_choice: 'auto' }],
    [{ stop: [] }],
    [{ response_format: { type: 'text' } }],
  ])('and ask for nothing pass: %j', (fields) => {
    expect(upstream(fields).dropped ?? []).toEqual([]);
  });

  it('pass as they are where the deployment allows it', () => {
    expect(body({ logit_bias: { 1: 2 } }, { params: { allowed_openai_params: ['logit_bias'] } })).toMatchObject({
      logit_bias: { 1: 2 },
    });
  });
});

describe('a reply', () => {
  const schema = {
    $schema: 's',
    type: 'object',
    properties: { a: { type: ['string', 'null'] } },
    additionalProperties: false,
  };
  const format = { response_format: { type: 'json_schema', json_schema: { name: 'a', schema } } };

  it('by a schema has it whole, before Gemini 2 in the subset', () => {
    const { $schema: _, ...rest } = schema;
    const mime = { response_mime_type: 'application/json' };
    expect(generation(format)).toEqual({ ...mime, response_json_schema: rest });
    expect(generation(format, { model: 'gemini-flash-latest' })).toEqual({ ...mime, response_json_schema: rest });
    expect(generation(format, { model: 'gemini-1.5-pro' })).toEqual({
      ...mime,
      response_schema: { type: 'object', properties: { a: { type: 'string', nullable: true } } },
    });
    expect(generation({ response_format: { type: 'json_object' } })).toEqual(mime);
    expect(generation({ response_format: { type: 'json_object', response_schema: schema } })).toEqual({
      ...mime,
      response_json_schema: rest,
    });
  });

  it('is held to its schema by the way the model has', () => {
    const way = (model: string, tools: readonly object[] = []) =>
      codec.structured!(deployment(model), openAiChatDialect.chat!({ model: 'g', messages: [hello], tools }));
    const tool = { type: 'function', function: { name: 'f' } };
    expect(way('gemini-2.5-flash')).toBe('native');
    expect(way('gemini-2.5-flash', [tool])).toBe('tool');
    expect(way('gemini-2.5-flash', [{ googleSearch: {} }])).toBe('native');
    expect(way('gemini-3-pro', [tool])).toBe('native');
    expect(way('gemma-3-27b-it')).toBe('json');
  });

  it('may be spoken', () => {
    expect(generation({ modalities: ['text', 'audio'], audio: { voice: 'Kore', format: 'pcm16' } })).toEqual({
      responseModalities: ['TEXT', 'AUDIO'],
      speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: 'Kore' } } },
    });
    expect(generation({ audio: {} })).toEqual({ responseModalities: ['AUDIO'] });
  });
});

describe('tools', () => {
  it('of Google’s are taken in either spelling, and by a type', () => {
    const tools = [
      { googleSearch: {} },
      { url_context: {} },
      { type: 'code_execution' },
      { type: 'web_search_preview' },
    ];
    expect(body({ tools }).tools).toEqual([
      { googleSearch: {} },
      { url_context: {} },
      { code_execution: {} },
      { googleSearch: {} },
    ]);
  });

  it('of others are refused by their place, or left out', () => {
    const tools = [{ type: 'computer_of_tomorrow' }];
    expect(() => upstream({ tools })).toThrow(expect.objectContaining({ param: 'tools[0]' }));
    const { dropped, body: found } = upstream({ tools }, { params: { drop_params: true } });
    expect(dropped).toEqual(['tools[0]']);
    expect(found).not.toHaveProperty('tools');
  });

  it('without parameters are declared without', () => {
    const declared = (parameters?: object) =>
      body({ tools: [{ type: 'function', function: { name: 'f', ...(parameters && { parameters }) } }] }).tools;
    for (const parameters of [undefined, {}, { type: 'object', properties: {} }])
      expect(declared(parameters)).toEqual([{ function_declarations: [{ name: 'f' }] }]);
  });

  it('search, and tell what they were not asked', () => {
    const { body: found, dropped } = upstream({ web_search_options: { search_context_size: 'low' } });
    expect(found).toMatchObject({ tools: [{ googleSearch: {} }] });
    expect(dropped).toEqual(['web_search_options.search_context_size']);
  });
});

it.each([
  ['gemini-2.5-flash', 'models/gemini-2.5-flash'],
  ['models/a', 'models/a'],
  ['tunedModels/a-1', 'tunedModels/a-1'],
  ['../files/x', 'models/..%2Ffiles%2Fx'],
  ['claude@1', 'models/claude@1'],
])('the model %s is at %s', (name, path) => {
  expect(modelPath(name)).toBe(path);
  expect(pathSegment('a/b?c#d')).toBe('a%2Fb%3Fc%23d');
});
