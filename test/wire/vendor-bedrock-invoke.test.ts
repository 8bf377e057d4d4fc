/** Amazon Bedrock by InvokeModel: Claude in its own form, and embeddings. */
import { describe, expect, it } from 'vitest';
import { answers, ask, bodyOf, client, issued, last, streams, useBedrock, weather } from './bedrock-bench.ts';
import { chunk, signerOf } from './bedrock-side.ts';
import { askStream, type Chat, user } from './client.ts';

useBedrock();

const claudeUsage = {
  input_tokens: 100,
  output_tokens: 1,
  cache_read_input_tokens: 30,
  cache_creation_input_tokens: 50,
};
const claudeEvents = [
  {
    type: 'message_start',
    message: { id: 'msg_1', type: 'message', role: 'assistant', content: [], usage: claudeUsage },
  },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'ñ🧭' } },
  { type: 'content_block_stop', index: 0 },
  {
    type: 'content_block_start',
    index: 1,
    content_block: { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: {} },
  },
  { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{"place":"é"}' } },
  { type: 'content_block_stop', index: 1 },
  { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 20 } },
  { type: 'message_stop', 'amazon-bedrock-invocationMetrics': { inputTokenCount: 180 } },
];

describe('Claude by InvokeModel', () => {
  it('gets the body of its own API with the version inside', async () => {
    answers({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      content: [{ type: 'text', text: 'Aye.' }],
      stop_reason: 'end_turn',
      usage: claudeUsage,
    });
    const reply = await ask('invoked', {
      messages: [{ role: 'system', content: 'Be brief.' }, user('Ahoy')],
      anthropic_beta: ['interleaved-thinking-2025-05-14'],
      guardrailConfig: { guardrailIdentifier: 'gr-1', guardrailVersion: '3', trace: 'enabled' },
      service_tier: 'priority',
      web_search_options: {},
    });
    expect(reply).toMatchObject({ text: 'Aye.', finish: 'stop', tokens: { prompt: 180, completion: 1, cached: 30 } });
    expect(last().path).toBe('/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke');
    expect(bodyOf()).toEqual({
      anthropic_version: 'bedrock-2023-05-31',
      anthropic_beta: ['interleaved-thinking-2025-05-14'],
      // The most that the model is known to reply with.
      max_tokens: 64_000,
      system: [{ type: 'text', text: 'Be brief.' }],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Ahoy' }] }],
    });
    expect(last().headers).toMatchObject({
      'x-amzn-bedrock-guardrailidentifier': 'gr-1',
      'x-amzn-bedrock-guardrailversion': '3',
      'x-amzn-bedrock-trace': 'ENABLED',
      'x-amzn-bedrock-service-tier': 'priority',
    });
    expect(last().headers).not.toHaveProperty('anthropic-version');
    expect(await signerOf(last(), issued)).toMatchObject({ key: 'AKIDWIRE' });
  });

  it('streams the events of its own API in frames', async () => {
    streams(claudeEvents.map(chunk));
    expect(await askStream(client(), 'invoked', { messages: [user('Go')], tools: [weather] } as Chat)).toEqual({
      text: 'ñ🧭',
      finish: 'tool_calls',
      reasoning: '',
      calls: [{ id: 'toolu_1', name: 'get_weather', input: { place: 'é' } }],
      tokens: { prompt: 180, completion: 20, cached: 30, reasoning: 0 },
    });
    expect(last().path).toMatch(/\/invoke-with-response-stream$/);
    expect(bodyOf()).not.toHaveProperty('stream');
  });

  it('ends as refused where a guardrail stepped in', async () => {
    answers({
      type: 'message',
      content: [{ type: 'text', text: 'No.' }],
      stop_reason: 'end_turn',
      'amazon-bedrock-guardrailAction': 'INTERVENED',
    });
    expect((await ask('invoked', {})).finish).toBe('content_filter');
  });
});

describe('embeddings', () => {
  const embed = (model: string, body: object) =>
    client().embeddings.create({ model, input: 'ahoy', encoding_format: 'float', ...body });

  it('come from Titan one text a call', async () => {
    answers({ embedding: [0.5, -1], inputTextTokenCount: 3, embeddingsByType: { float: [0.5, -1] } });
    const reply = await embed('titan', { dimensions: 256, normalize: true });
    expect(reply).toMatchObject({ data: [{ embedding: [0.5, -1] }], usage: { prompt_tokens: 3 } });
    expect(last().path).toBe('/model/amazon.titan-embed-text-v2%3A0/invoke');
    expect(bodyOf()).toEqual({ inputText: 'ahoy', dimensions: 256, normalize: true });
  });

  it('come from Cohere for many at once', async () => {
    answers({
      id: 'e',
      response_type: 'embeddings_floats',
      embeddings: [
        [1, 2],
        [3, 4],
      ],
      texts: ['ahoy', 'aye'],
    });
    const reply = await embed('cohere', { input: ['ahoy', 'aye'] });
    expect(reply.data.map(({ embedding }) => embedding)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(bodyOf()).toEqual({ input_type: 'search_document', texts: ['ahoy', 'aye'] });
    answers({ response_type: 'embeddings_by_type', embeddings: { float: [[1, 2]] } });
    expect((await embed('cohere', { input_type: 'search_query' })).data[0]?.embedding).toEqual([1, 2]);
    expect(bodyOf()).toMatchObject({ input_type: 'search_query' });
  });
});
