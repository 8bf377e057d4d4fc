import type { ChatEvent } from '@rutter/plugin-sdk';
import { base64Text, collectEvents } from '@rutter/plugin-sdk/codecs';
import { deployment } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import { embeddingsCodec } from './embeddings.ts';
import { invokeCodec } from './invoke.ts';
import { readReply } from './reply.ts';
import { readEvents } from './stream.ts';
import { readUsage } from './usage.ts';

const contextOf = (model: string) => ({
  deployment: deployment({ model }),
  stream: true,
  request: { model, messages: [], stream: true, extra: {}, tools: [{ name: 'a.b' }] },
});
const claude = contextOf('anthropic.claude-sonnet-4-5-v1:0');
const reply = (content: object[], more: object = {}, context = claude) =>
  readReply({ output: { message: { content } }, stopReason: 'end_turn', ...more }, context);

describe('a whole reply', () => {
  it('joins cited text and keeps the citations', () => {
    const citations = [{ title: 't', location: { web: { url: 'u' } } }];
    expect(reply([{ text: 'A ' }, { citationsContent: { content: [{ text: 'B' }], citations } }])).toMatchObject({
      text: 'A B',
      extra: { message: { provider_specific_fields: { citations } } },
    });
  });

  it('keeps blocks nobody knows', () => {
    const image = { image: { format: 'png', source: { bytes: 'x' } } };
    expect(reply([{ text: 'A' }, image]).extra).toEqual({ message: { provider_specific_fields: { blocks: [image] } } });
  });

  it('says by which text it stopped, and in which tier it was served', () => {
    const more = { additionalModelResponseFields: { stop_sequence: 'END' }, serviceTier: { type: 'flex' } };
    expect(reply([{ text: 'A' }], more)).toMatchObject({
      extra: { stop_sequence: 'END' },
      envelope: { service_tier: 'flex' },
    });
  });

  it('tags reasoning by who signed it, and leaves unsigned reasoning to be read', () => {
    const content = [{ reasoningContent: { reasoningText: { text: 'hm', signature: 's' } } }];
    expect(reply(content).reasoning).toEqual([{ text: 'hm', signature: 's', origin: 'anthropic-messages' }]);
    const nova = contextOf('amazon.nova-2-lite-v1:0');
    expect(reply(content, {}, nova).reasoning).toEqual([{ text: 'hm', signature: 's', origin: 'bedrock-converse' }]);
    const open = [{ reasoningContent: { reasoningText: { text: 'hm' } } }];
    expect(reply(open, {}, contextOf('openai.gpt-oss-20b-1:0')).reasoning).toEqual([{ text: 'hm' }]);
  });

  it('is no reply without a message, whatever else it holds', () => {
    for (const body of [{}, { output: {} }, { output: { message: { content: 'x' } } }, null, 'x'])
      expect(() => readReply(body, claude)).toThrow(expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' }));
  });
});

describe('usage', () => {
  it.each([
    [
      { inputTokens: 5, outputTokens: 7 },
      { input: 5, output: 7 },
    ],
    [
      { inputTokens: 5, outputTokens: 7, cacheReadInputTokenCount: 3, cacheWriteInputTokenCount: 2 },
      { input: 5, output: 7, cachedInput: 3, cacheWrite: 2 },
    ],
    [
      {
        inputTokens: 1,
        outputTokens: 1,
        cacheDetails: [
          { ttl: '1h', inputTokens: 4 },
          { ttl: '5m', inputTokens: 2 },
        ],
      },
      { input: 1, output: 1, cacheWrite: 2, cacheWriteLong: 4 },
    ],
    [
      { inputTokens: -1, outputTokens: 'many', cacheDetails: [null] },
      { input: 0, output: 0 },
    ],
    [undefined, undefined],
  ])('%j is %j', (found, buckets) => {
    expect(readUsage(found, '')).toEqual(buckets);
  });

  it('counts reasoning as part of the output, and never more than it', () => {
    expect(readUsage({ inputTokens: 1, outputTokens: 10 }, 'x'.repeat(16))).toEqual({
      input: 1,
      output: 6,
      reasoning: 4,
    });
    expect(readUsage({ inputTokens: 1, outputTokens: 3 }, 'x'.repeat(99))).toEqual({
      input: 1,
      output: 0,
      reasoning: 3,
    });
  });
});

describe('a stream', () => {
  const read = (context: typeof claude, ...frames: readonly (readonly [string, object])[]): ChatEvent[] => {
    const reader = readEvents(context);
    return frames.flatMap(([event, data]) => [...reader({ event, data: JSON.stringify(data) })]);
  };
  const delta = (index: number, value: object) =>
    ['contentBlockDelta', { contentBlockIndex: index, delta: value }] as const;
  const stop = (index: number) => ['contentBlockStop', { contentBlockIndex: index }] as const;
  const end = [
    'messageStop',
    { stopReason: 'tool_use', additionalModelResponseFields: { stop_sequence: 'END' } },
  ] as const;

  it('adds up to the reply it is', () => {
    const call = [
      'contentBlockStart',
      { contentBlockIndex: 3, start: { toolUse: { toolUseId: 't', name: 'x' } } },
    ] as const;
    const events = read(
      claude,
      delta(0, { reasoningContent: { text: 'hm' } }),
      delta(0, { reasoningContent: { signature: 'si' } }),
      delta(0, { reasoningContent: { signature: 'gn' } }),
      stop(0),
      delta(1, { reasoningContent: { redactedContent: 'cmVk' } }),
      stop(1),
      delta(2, { text: 'A' }),
      stop(2),
      call,
      delta(3, { toolUse: { input: '' } }),
      stop(3),
      end,
    );
    // Clients of a stream put the block together by itself: without its text the signature would be worth nothing.
    expect(events).toContainEqual({
      type: 'reasoning-block',
      block: { text: 'hm', signature: 'sign', origin: 'anthropic-messages' },
    });
    expect(collectEvents(events)).toEqual({
      text: 'A',
      reasoning: [
        { text: 'hm', signature: 'sign', origin: 'anthropic-messages' },
        { redacted: 'cmVk', origin: 'bedrock-converse' },
      ],
      toolCalls: [{ id: 't', name: 'x', arguments: '{}' }],
      end: 'tool-calls',
      extra: { stop_sequence: 'END' },
    });
  });

  it('passes over what it does not know, and tells of it', () => {
    const citation = delta(0, { citation: { title: 't' } });
    expect(read(claude, citation, delta(9, { toolUse: { input: 'lost' } }), ['later', { a: 1 }])).toEqual([
      { type: 'other', origin: 'bedrock-converse', value: citation[1] },
      {
        type: 'other',
        origin: 'bedrock-converse',
        value: { contentBlockIndex: 9, delta: { toolUse: { input: 'lost' } } },
      },
    ]);
  });

  it('breaks at what is no JSON, and at an error that has only headers', () => {
    const reader = readEvents(claude);
    expect(() => reader({ event: 'metadata', data: '{' })).toThrow(
      expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' }),
    );
    const headers = { ':message-type': 'error', ':error-code': 'InternalFailure', ':error-message': 'It broke.' };
    expect(() => reader({ event: 'InternalFailure', data: '', headers })).toThrow('It broke.');
  });

  it('of InvokeModel ends as refused where a guardrail stepped in', () => {
    const read = invokeCodec(1).events(contextOf('invoke/anthropic.claude-sonnet-4-v1:0'));
    const frame = (value: object) => ({
      event: 'chunk',
      data: JSON.stringify({ bytes: btoa(JSON.stringify(value)) }),
    });
    const value = {
      type: 'message_delta',
      delta: { stop_reason: 'end_turn' },
      'amazon-bedrock-guardrailAction': 'INTERVENED',
    };
    expect(read(frame(value))).toContainEqual({ type: 'end', reason: 'refusal' });
    expect(read({ event: 'chunk', data: '{}' })).toEqual([]);
    expect(() => read({ event: 'chunk', data: '17' })).toThrow(
      expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' }),
    );
    expect(base64Text(btoa('x'))).toBe('x');
  });
});

describe('embeddings', () => {
  const write = (model: string, input: string[], change: object = {}) =>
    embeddingsCodec.request({ model, input, extra: {}, ...change, deployment: deployment({ model }) });

  it('are refused where they cannot be had, by name', () => {
    const titan = 'amazon.titan-embed-text-v1';
    expect(() => write(titan, ['a'], { dimensions: 8 })).toThrow(expect.objectContaining({ param: 'dimensions' }));
    expect(() => write(titan, [])).toThrow(expect.objectContaining({ param: 'input' }));
    expect(() => write('cohere.embed-v4:0', Array(97).fill('a'))).toThrow(/found 97 texts, expected 1 to 96/);
  });

  it('say what Cohere calls the length of a vector', () => {
    const { body, dropped } = write('cohere.embed-v4:0', ['a'], {
      dimensions: 512,
      user: 'u',
      extra: { truncate: 'END', aws_x: 1 },
    });
    expect(body).toEqual({ input_type: 'search_document', truncate: 'END', texts: ['a'], output_dimension: 512 });
    expect(dropped).toEqual(['user', 'aws_x']);
  });

  it('come in every shape their makers give them', () => {
    const titan = deployment({ model: 'amazon.titan-embed-text-v2:0' });
    expect(embeddingsCodec.reply({ embeddingsByType: { float: [1, 2] } } as never, titan)).toEqual({
      vectors: [[1, 2]],
    });
    expect(() => embeddingsCodec.reply({ embedding: [] } as never, titan)).toThrow(/embedding of Titan/);
    const cohere = deployment({ model: 'cohere.embed-v4:0' });
    expect(embeddingsCodec.reply({ embeddings: { int8: [[1]] }, texts: ['ahoy you'] } as never, cohere)).toEqual({
      vectors: [[1]],
      usage: { input: 2, output: 0, estimated: true },
    });
  });
});
