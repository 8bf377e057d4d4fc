/** What becomes of what Converse answers, whole and in frames made by AWS's own codec. */
import { describe, expect, it } from 'vitest';
import { sendJson } from '../support/index.ts';
import {
  answers,
  ask,
  bodyOf,
  client,
  handles,
  issued,
  json,
  last,
  raw,
  streams,
  usage,
  useBedrock,
  weather,
  whole,
} from './bedrock-bench.ts';
import { frame, sendFrames, signerOf } from './bedrock-side.ts';
import { askStream, type Chat, collected, user } from './client.ts';
import { type Fields, fieldsOf, type Told } from './truth.ts';

useBedrock();

const cacheUsage = {
  ...usage,
  cacheReadInputTokens: 30,
  cacheWriteInputTokens: 50,
  cacheDetails: [
    { ttl: '1h', inputTokens: 40 },
    { ttl: '5m', inputTokens: 10 },
  ],
  totalTokens: 200,
};

describe('the reply', () => {
  it('gives text, reasoning with its signature, and tokens counted once', async () => {
    const content = [
      { reasoningContent: { reasoningText: { text: 'Hm…', signature: 'c2ln' } } },
      { reasoningContent: { redactedContent: 'cmVk' } },
      { text: 'Aye ' },
      { text: 'ñ🧭' },
    ];
    answers(whole(content, 'end_turn', { usage: cacheUsage }));
    const response = await raw({ model: 'claude' });
    const { choices, usage: told } = (await json(response)) as { choices: { message: Fields }[]; usage: Fields };
    const { message } = choices[0]!;
    const [signed] = message.thinking_blocks as Fields[];
    expect(choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: {
        content: 'Aye ñ🧭',
        reasoning_content: 'Hm…',
        thinking_blocks: [
          { type: 'thinking', thinking: 'Hm…', signature: 'c2ln' },
          { type: 'redacted_thinking', data: 'cmVk', origin: 'bedrock-converse' },
        ],
      },
    });
    expect(told).toMatchObject({
      prompt_tokens: 180,
      completion_tokens: 20,
      prompt_tokens_details: { cached_tokens: 30 },
    });

    // What came goes back as it was.
    await ask('claude', { messages: [user('One'), message, user('Two')] });
    expect((bodyOf().messages as { content: unknown }[])[1]?.content).toEqual([
      content[0],
      content[1],
      { text: 'Aye ñ🧭' },
    ]);
    // Another maker's model does not get what Claude signed.
    await ask('nova', {
      messages: [user('One'), { ...message, thinking_blocks: [signed] }, user('Two')],
    });
    expect((bodyOf().messages as { content: unknown }[])[1]?.content).toEqual([{ text: 'Aye ñ🧭' }]);
  });

  it.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['guardrail_intervened', 'content_filter'],
    ['content_filtered', 'content_filter'],
    ['malformed_model_output', 'stop'],
    ['something_new', 'stop'],
  ])('ends by %s as %s', async (stopReason, finish) => {
    answers(whole([{ text: 'x' }], stopReason));
    expect((await ask('claude', {})).finish).toBe(finish);
  });

  it('tells what a guardrail saw', async () => {
    const trace = { guardrail: { modelOutput: ['no'], inputAssessment: {} } };
    answers(whole([{ text: 'Sorry.' }], 'guardrail_intervened', { trace }));
    expect(await (await raw({ model: 'guarded' })).json()).toMatchObject({ trace });
  });

  it('is an error where the address is that of another service', async () => {
    answers({ Output: { __type: 'com.amazon.coral.service#UnknownOperationException' }, Version: '1.0' });
    const response = await raw({ model: 'claude' });
    expect([response.status, fieldsOf((await json(response)).error).rutter_code]).toEqual([
      404,
      'ERR_PROVIDER_NOT_FOUND',
    ]);
  });
});

const converseStream = [
  frame('messageStart', { role: 'assistant', p: 'abc' }),
  frame('contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { text: 'Hm' } } }),
  frame('contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { text: '…' } } }),
  frame('contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { signature: 'c2ln' } } }),
  frame('contentBlockStop', { contentBlockIndex: 0 }),
  frame('contentBlockDelta', { contentBlockIndex: 1, delta: { text: 'ñ' } }),
  frame('contentBlockDelta', { contentBlockIndex: 1, delta: { text: '🧭' } }),
  frame('contentBlockStop', { contentBlockIndex: 1 }),
  frame('contentBlockStart', {
    contentBlockIndex: 2,
    start: { toolUse: { toolUseId: 'tooluse_1', name: 'get_weather' } },
  }),
  frame('contentBlockDelta', { contentBlockIndex: 2, delta: { toolUse: { input: '{"pl' } } }),
  frame('contentBlockDelta', { contentBlockIndex: 2, delta: { toolUse: { input: 'ace":"é"}' } } }),
  frame('contentBlockStop', { contentBlockIndex: 2 }),
  frame('contentBlockStart', { contentBlockIndex: 3, start: { toolUse: { toolUseId: 'tooluse_2', name: 'ping' } } }),
  frame('contentBlockStop', { contentBlockIndex: 3 }),
  frame('somethingNew', { hello: 1 }),
  frame('messageStop', { stopReason: 'tool_use' }),
  frame('metadata', { usage: cacheUsage, metrics: { latencyMs: 9 } }),
];
const told: Told = {
  reasoning: 'Hm…',
  text: 'ñ🧭',
  calls: [
    { id: 'tooluse_1', name: 'get_weather', input: { place: 'é' } },
    { id: 'tooluse_2', name: 'ping', input: {} },
  ],
  finish: 'tool_calls',
  tokens: { prompt: 180, completion: 20, cached: 30, reasoning: 1 },
};

describe('the stream', () => {
  it('gives words, calls, reasoning, and the usage that comes behind its end', async () => {
    streams(converseStream);
    expect(await askStream(client(), 'claude', { messages: [user('Go')], tools: [weather] } as Chat)).toEqual(told);
    expect(last().path).toMatch(/\/converse-stream$/);
    expect(last().headers.accept).toBe('application/vnd.amazon.eventstream');
    expect(await signerOf(last(), issued)).toMatchObject({ service: 'bedrock' });
  });

  it('keeps the signature of the reasoning for the next turn', async () => {
    streams(converseStream);
    const stream = await client().chat.completions.create({ model: 'claude', messages: [user('Go')], stream: true });
    const blocks = (await collected(stream)).flatMap(
      ({ choices }) => (fieldsOf(choices[0]?.delta ?? {}).thinking_blocks as Fields[] | undefined) ?? [],
    );
    expect(blocks.at(-1)).toMatchObject({ type: 'thinking', signature: 'c2ln' });
  });
});

describe('a reply by a schema', () => {
  const schema = {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  };
  const response_format = { type: 'json_schema', json_schema: { name: 'place', schema } };
  const toolOf = (request: Fields) => {
    const { tools, toolChoice } = fieldsOf(request.toolConfig);
    const [only] = (tools as Fields[]).map(({ toolSpec }) => fieldsOf(toolSpec));
    expect(toolChoice).toEqual({ tool: { name: only!.name } });
    expect(only!.inputSchema).toEqual({ json: schema });
    return only!.name;
  };

  it('comes by a tool that is forced, and reaches the client as content', async () => {
    handles(({ request, response }) => {
      const name = toolOf(request.json!);
      sendJson(response, 200, whole([{ toolUse: { toolUseId: 't', name, input: { city: 'Oslo' } } }], 'tool_use'));
    });
    expect(await ask('nova', { response_format })).toMatchObject({
      text: '{"city":"Oslo"}',
      calls: [],
      finish: 'stop',
    });
  });

  it('is streamed as content too', async () => {
    handles((exchange) => {
      const start = { toolUse: { toolUseId: 't', name: toolOf(exchange.request.json!) } };
      sendFrames(exchange, [
        frame('messageStart', { role: 'assistant' }),
        frame('contentBlockStart', { contentBlockIndex: 0, start }),
        frame('contentBlockDelta', { contentBlockIndex: 0, delta: { toolUse: { input: '{"city":' } } }),
        frame('contentBlockDelta', { contentBlockIndex: 0, delta: { toolUse: { input: '"Oslo"}' } } }),
        frame('contentBlockStop', { contentBlockIndex: 0 }),
        frame('messageStop', { stopReason: 'tool_use' }),
        frame('metadata', { usage }),
      ]);
    });
    const told = await askStream(client(), 'claude', { messages: [user('Where?')], response_format } as Chat);
    expect(told).toMatchObject({ text: '{"city":"Oslo"}', calls: [], finish: 'stop' });
  });

  it('is asked for in outputConfig while Claude thinks, for then no tool can be forced', async () => {
    answers(whole([{ text: '{"city":"Oslo"}' }], 'end_turn'));
    await ask('claude', { response_format, reasoning_effort: 'low' });
    const { textFormat } = fieldsOf(bodyOf().outputConfig);
    const { type, structure } = fieldsOf(textFormat);
    const { schema: told, name } = fieldsOf(fieldsOf(structure).jsonSchema);
    expect([type, name, JSON.parse(String(told))]).toEqual(['json_schema', 'place', schema]);
    expect(bodyOf()).not.toHaveProperty('toolConfig');
  });

  it('is asked for in words of a model without tools', async () => {
    answers(whole([{ text: '```json\n{"city":"Oslo"}\n```' }], 'end_turn'));
    expect((await ask('wordy', { response_format })).text).toBe('{"city":"Oslo"}');
    expect(JSON.stringify(bodyOf().system)).toContain('JSON Schema');
    expect(Object.keys(bodyOf()).sort()).toEqual(['messages', 'system']);
  });
});
