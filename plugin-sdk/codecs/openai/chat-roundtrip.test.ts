import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../contract/request.ts';
import { openAiChatCodec } from './codec.ts';
import { openAiChatDialect } from './dialects.ts';

const deployment: Deployment = {
  id: 'd',
  group: 'g',
  model: 'upstream-model',
  provider: 'openai',
  tags: [],
  params: {},
  info: {},
};
const codec = openAiChatCodec({ asksForUsage: false });

const roundTrip = (body: Record<string, unknown>): unknown => {
  const request = openAiChatDialect.chat!(body);
  return codec.request({ ...request, deployment }).body;
};

const word = fc.string({ maxLength: 12 });
const filled = fc.string({ minLength: 1, maxLength: 12 });
const json = fc.jsonValue({ maxDepth: 2 });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
/** A record without its undefined members, as JSON would have it. */
const record = (members: Record<string, fc.Arbitrary<unknown>>) =>
  fc
    .record(members)
    .map((value) => Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)));

const base64 = fc.base64String({ maxLength: 24 });
const address = fc.oneof(
  fc.constantFrom('https://example.com/a.png', 'data:,plain', 'data:text/plain;charset=utf-8,x'),
  base64.map((data) => `data:image/png;base64,${data}`),
);
const cache = maybe(fc.constant({ type: 'ephemeral' }));
const part = fc.oneof(
  record({ type: fc.constant('text'), text: word, cache_control: cache, annotations: maybe(json) }),
  record({
    type: fc.constant('image_url'),
    image_url: record({ url: address, detail: maybe(fc.constantFrom('low', 'high')), format: maybe(word) }),
    cache_control: cache,
  }),
  record({
    type: fc.constant('input_audio'),
    input_audio: record({ data: base64, format: fc.constantFrom('wav', 'mp3') }),
  }),
  record({
    type: fc.constant('file'),
    file: record({
      file_data: maybe(base64.map((data) => `data:application/pdf;base64,${data}`)),
      filename: maybe(word),
      file_id: maybe(word),
      format: maybe(word),
    }),
  }),
  record({ type: fc.constantFrom('refusal', 'video_url', 'novelty'), refusal: maybe(word), payload: maybe(json) }),
);
const content = fc.oneof(word, fc.array(part, { maxLength: 3 }));
const call = record({
  id: filled,
  type: fc.constant('function'),
  function: record({ name: filled, arguments: fc.oneof(word, fc.constant('{"a":1}')), nuance: maybe(json) }),
  index: maybe(fc.nat(3)),
});
const block = fc.oneof(
  record({ type: fc.constant('thinking'), thinking: word, signature: maybe(filled) }),
  record({ type: fc.constant('redacted_thinking'), data: filled }),
);
const message = fc.oneof(
  record({ role: fc.constantFrom('system', 'developer', 'user'), content, name: maybe(filled), cache_control: cache }),
  record({
    role: fc.constant('assistant'),
    content: fc.oneof(content, fc.constant(null)),
    tool_calls: maybe(fc.array(call, { maxLength: 3 })),
    refusal: maybe(fc.oneof(word, fc.constant(null))),
    reasoning_content: maybe(fc.oneof(word, fc.constant(null))),
    thinking_blocks: maybe(fc.array(block, { maxLength: 2 })),
    audio: maybe(fc.constant({ id: 'audio_1' })),
  }),
  // Silence spelled by leaving content out, beside tool calls.
  record({ role: fc.constant('assistant'), tool_calls: fc.array(call, { minLength: 1, maxLength: 2 }) }),
  record({
    role: fc.constant('tool'),
    tool_call_id: filled,
    content: fc.oneof(word, fc.array(part, { maxLength: 2 })),
    name: maybe(filled),
    is_error: maybe(fc.oneof(fc.boolean(), word)),
  }),
  record({ role: fc.constant('function'), name: filled, content: word }),
);
const tool = fc.oneof(
  record({
    type: fc.constant('function'),
    function: record({
      name: filled,
      description: maybe(fc.oneof(word, fc.constant(null))),
      parameters: maybe(fc.constant({ type: 'object', properties: { a: { type: 'string' } } })),
      strict: maybe(fc.oneof(fc.boolean(), fc.constant(null))),
      cache_control: cache,
    }),
    cache_control: cache,
  }),
  record({ type: fc.constantFrom('custom', 'web_search_20250305'), payload: maybe(json) }),
);
const orNull = <T>(value: fc.Arbitrary<T>) => maybe(fc.oneof(value, fc.constant(null)));
const body = record({
  model: filled,
  messages: fc.array(message, { minLength: 1, maxLength: 4 }),
  stream: orNull(fc.constant(false)),
  tools: orNull(fc.array(tool, { maxLength: 2 })),
  tool_choice: orNull(
    fc.constantFrom<unknown>(
      'auto',
      'none',
      'required',
      'any',
      { type: 'function', function: { name: 'f' } },
      { type: 'allowed_tools', allowed_tools: {} },
    ),
  ),
  parallel_tool_calls: orNull(fc.boolean()),
  max_tokens: orNull(fc.integer({ min: 1, max: 9999 })),
  max_completion_tokens: orNull(fc.integer({ min: 1, max: 9999 })),
  temperature: orNull(fc.double({ min: 0, max: 2, noNaN: true })),
  top_p: orNull(fc.double({ min: 0, max: 1, noNaN: true })),
  top_k: orNull(fc.nat(100)),
  stop: orNull(fc.oneof(word, fc.array(word, { maxLength: 3 }))),
  seed: orNull(fc.integer()),
  presence_penalty: orNull(fc.integer({ min: -2, max: 2 })),
  frequency_penalty: orNull(fc.integer({ min: -2, max: 2 })),
  logprobs: orNull(fc.boolean()),
  top_logprobs: orNull(fc.nat(20)),
  n: orNull(fc.integer({ min: 1, max: 4 })),
  response_format: orNull(
    fc.oneof(
      fc.constantFrom<unknown>({ type: 'text' }, { type: 'json_object' }, { type: 'grammar', grammar: 'x' }),
      record({
        type: fc.constant('json_schema'),
        json_schema: record({
          name: word,
          schema: maybe(fc.constant({ type: 'object' })),
          strict: orNull(fc.boolean()),
          description: maybe(word),
        }),
      }),
    ),
  ),
  reasoning_effort: orNull(fc.constantFrom('none', 'low', 'high')),
  thinking: orNull(fc.constant({ type: 'enabled', budget_tokens: 2000 })),
  user: orNull(word),
  logit_bias: maybe(json),
  novelty: maybe(json),
  __proto__x: maybe(json),
});

describe('a chat body read into the neutral model', () => {
  it('is written again as it was, the model apart', () => {
    fc.assert(
      fc.property(body, (found) => {
        expect(roundTrip(found)).toEqual({ ...found, model: 'upstream-model' });
      }),
      { numRuns: 1500 },
    );
  });

  it('keeps a member called __proto__ as data', () => {
    const found = JSON.parse(
      '{"model":"m","messages":[{"role":"user","content":"x","__proto__":{"a":1}}],"__proto__":{"b":2}}',
    );
    const text = JSON.stringify(roundTrip(found));
    expect(text).toContain('"__proto__":{"a":1}');
    expect(text).toContain('"__proto__":{"b":2}');
    expect(({} as { a?: number }).a).toBeUndefined();
  });

  it('loses the fields that are the gateway\u2019s, and keeps user', () => {
    const found = roundTrip({
      model: 'm',
      messages: [{ role: 'user', content: 'x' }],
      metadata: { a: 1 },
      tags: ['t'],
      num_retries: 1,
      fallbacks: ['b'],
      guardrails: [],
      mock_response: 'hi',
      user: 'u-1',
    });
    expect(found).toEqual({ model: 'upstream-model', messages: [{ role: 'user', content: 'x' }], user: 'u-1' });
  });

  it('writes a changed limit under the name the caller used', () => {
    const request = openAiChatDialect.chat!({
      model: 'm',
      messages: [{ role: 'user', content: 'x' }],
      max_completion_tokens: 5,
      stop: 'a',
    });
    const { body: written } = codec.request({ ...request, maxOutputTokens: 3, stop: ['b'], deployment });
    expect(written).toMatchObject({ max_completion_tokens: 3, stop: ['b'] });
    expect(written).not.toHaveProperty('max_tokens');
  });

  it('names what the caller meant, whatever it is called on the wire', () => {
    const request = openAiChatDialect.chat!({
      model: 'm',
      messages: [
        { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/gif;base64,QUJD' } }] },
        {
          role: 'assistant',
          content: null,
          thinking_blocks: [{ type: 'thinking', thinking: 't', signature: 's' }],
          reasoning_content: 't',
        },
      ],
      max_tokens: 9,
      n: 2,
      stop: 'x',
      thinking: { type: 'enabled', budget_tokens: 1500 },
      response_format: { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'array' } } },
      tool_choice: { type: 'function', function: { name: 'f' } },
    });
    expect(request).toMatchObject({
      maxOutputTokens: 9,
      count: 2,
      stop: ['x'],
      reasoning: { budgetTokens: 1500, raw: { type: 'enabled' } },
      responseFormat: { type: 'json-schema', name: 'n', schema: { type: 'array' } },
      toolChoice: { name: 'f' },
    });
    expect(request.messages[0]!.content).toEqual([{ type: 'image', mediaType: 'image/gif', data: 'QUJD' }]);
    expect(request.messages[1]!.reasoning).toEqual([{ text: 't', signature: 's', origin: 'anthropic-messages' }]);
  });

  it('reads the mark of a tool that failed, and leaves it where it was', () => {
    const failed = { role: 'tool', tool_call_id: 'a', content: 'No such place.', is_error: true };
    const body = { model: 'upstream-model', messages: [failed, { ...failed, is_error: 'yes' }] };
    const { messages } = openAiChatDialect.chat!(body);
    expect(messages.map(({ isError }) => isError)).toEqual([true, undefined]);
    expect(roundTrip(body)).toEqual(body);
  });

  it('refuses a part that only another dialect knows, by its path', () => {
    const request = {
      model: 'm',
      stream: false,
      extra: {},
      messages: [{ role: 'user' as const, content: [{ type: 'other' as const, origin: 'x', value: {} }] }],
    };
    expect(() => codec.request({ ...request, deployment })).toThrow(/messages\[0\]\.content\[0\]/);
  });
});
