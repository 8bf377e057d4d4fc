import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatReply } from '../../contract/chat.ts';
import type { WriteContext } from '../../contract/wire.ts';
import { readChatReply, readCompletionReply } from './reply-read.ts';
import { writeCompletion, writeReply } from './reply-write.ts';
import { readUsage, writeUsage } from './usage.ts';

const context: WriteContext = {
  requestId: 'req-1',
  model: 'my-group',
  created: 1700000000,
  includeUsage: false,
  fields: {},
};

const body = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-x',
  choices: [
    { index: 1, message: { role: 'assistant', content: 'second' }, finish_reason: 'length', logprobs: null },
    {
      index: 0,
      message: {
        role: 'assistant',
        content: null,
        refusal: null,
        annotations: [],
        reasoning_content: 'hm',
        thinking_blocks: [{ type: 'thinking', thinking: 'hm', signature: 'sig' }],
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"a":1}' } }],
      },
      logprobs: { content: [] },
      finish_reason: 'tool_calls',
    },
  ],
  usage: {
    prompt_tokens: 10,
    completion_tokens: 6,
    total_tokens: 16,
    completion_tokens_details: { reasoning_tokens: 4 },
  },
  system_fingerprint: 'fp',
};

const neutral: ChatReply = {
  id: 'chatcmpl-1',
  model: 'gpt-x',
  text: '',
  toolCalls: [{ id: 'call_1', name: 'look', arguments: '{"a":1}' }],
  reasoning: [{ text: 'hm', signature: 'sig', origin: 'anthropic-messages' }],
  end: 'tool-calls',
  logprobs: { content: [] },
  extra: { message: { annotations: [] } },
  usage: { input: 10, output: 2, reasoning: 4 },
  others: [{ text: 'second', end: 'length' }],
  envelope: { system_fingerprint: 'fp' },
};

describe('a whole reply', () => {
  it('is read with its choices in order and its usage in buckets', () => {
    expect(readChatReply(body)).toEqual(neutral);
    expect(readChatReply(JSON.stringify(body))).toEqual(neutral);
  });

  it('is written in the shape clients know', () => {
    expect(writeReply(neutral, context)).toEqual({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1700000000,
      model: 'my-group',
      system_fingerprint: 'fp',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: null,
            refusal: null,
            annotations: [],
            tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"a":1}' } }],
            reasoning_content: 'hm',
            thinking_blocks: [{ type: 'thinking', thinking: 'hm', signature: 'sig' }],
          },
          logprobs: { content: [] },
          finish_reason: 'tool_calls',
        },
        {
          index: 1,
          message: { role: 'assistant', content: 'second', refusal: null },
          logprobs: null,
          finish_reason: 'length',
        },
      ],
      usage: expect.objectContaining({ prompt_tokens: 10, completion_tokens: 6, total_tokens: 16 }),
    });
  });

  it('is read again as it was written', () => {
    expect(readChatReply(writeReply(neutral, { ...context, model: 'gpt-x' }))).toEqual(neutral);
  });

  it('tells a foreign origin of reasoning, so that it survives the client', () => {
    const reply: ChatReply = {
      text: 'a',
      end: 'stop',
      reasoning: [{ text: 't', signature: 's', origin: 'bedrock-converse' }],
    };
    expect(readChatReply(writeReply(reply, context)).reasoning).toEqual(reply.reasoning);
  });

  it('may have content in parts, with reasoning among them', () => {
    const content = [
      { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
      { type: 'text', text: 'Hi' },
    ];
    expect(readChatReply({ choices: [{ message: { content }, finish_reason: 'stop' }] })).toMatchObject({
      text: 'Hi',
      reasoning: [{ text: 'hm' }],
    });
  });

  it('with tool calls ends with them, whatever the vendor says, and may leave out what others send', () => {
    const calls = [
      { function: { name: 'f', arguments: { a: 1 } } },
      { id: '', function: { name: 'g', arguments: null } },
    ];
    expect(
      readChatReply({ choices: [{ message: { content: '', tool_calls: calls }, finish_reason: 'stop' }] }),
    ).toMatchObject({
      end: 'tool-calls',
      toolCalls: [
        { id: 'call_0', name: 'f', arguments: '{"a":1}' },
        { id: 'call_1', name: 'g', arguments: '' },
      ],
    });
  });

  it.each([
    [{ error: { message: 'Rate limited', code: 429 } }, 'ERR_PROVIDER_RATE_LIMIT'],
    [{ error: { message: 'x', type: 'insufficient_quota' }, choices: [] }, 'ERR_PROVIDER_QUOTA'],
    ['<html>', 'ERR_PROVIDER_MALFORMED'],
    [{ choices: [] }, 'ERR_PROVIDER_MALFORMED'],
    [{ choices: [null] }, 'ERR_PROVIDER_MALFORMED'],
    [{}, 'ERR_PROVIDER_MALFORMED'],
    [null, 'ERR_PROVIDER_MALFORMED'],
  ])('that is %j throws', (found, code) => {
    expect(() => readChatReply(found)).toThrow(expect.objectContaining({ code }));
  });

  it('of text completions has texts', () => {
    const found = {
      id: 'cmpl-1',
      object: 'text_completion',
      model: 'm',
      choices: [{ text: 'abc', index: 0, logprobs: null, finish_reason: 'length' }],
      usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
    };
    const reply = readCompletionReply(found);
    expect(reply).toEqual({ id: 'cmpl-1', model: 'm', text: 'abc', end: 'length', usage: { input: 1, output: 2 } });
    expect(writeCompletion(reply, context)).toMatchObject({
      id: 'cmpl-1',
      object: 'text_completion',
      model: 'my-group',
      choices: [{ text: 'abc', index: 0, logprobs: null, finish_reason: 'length' }],
    });
  });
});

describe('usage', () => {
  it.each([
    ['plain', { prompt_tokens: 5, completion_tokens: 3 }, { input: 5, output: 3 }],
    [
      'cached',
      { prompt_tokens: 5, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 4 } },
      { input: 1, cachedInput: 4, output: 3 },
    ],
    [
      'DeepSeek',
      { prompt_tokens: 5, completion_tokens: 3, prompt_cache_hit_tokens: 2, prompt_cache_miss_tokens: 3 },
      { input: 3, cachedInput: 2, output: 3 },
    ],
    [
      'audio',
      {
        prompt_tokens: 9,
        completion_tokens: 8,
        prompt_tokens_details: { audio_tokens: 4 },
        completion_tokens_details: { audio_tokens: 6, reasoning_tokens: 1 },
      },
      { input: 5, audioInput: 4, output: 1, reasoning: 1, audioOutput: 6 },
    ],
    [
      'reasoning beside the completion',
      { prompt_tokens: 5, completion_tokens: 3, total_tokens: 18, completion_tokens_details: { reasoning_tokens: 10 } },
      { input: 5, output: 3, reasoning: 10 },
    ],
    [
      'cache writes',
      {
        prompt_tokens: 20,
        completion_tokens: 0,
        cache_creation_input_tokens: 7,
        cache_read_input_tokens: 3,
        prompt_tokens_details: { cached_tokens: 3, cache_creation_token_details: { ephemeral_1h_input_tokens: 5 } },
      },
      { input: 10, output: 0, cachedInput: 3, cacheWrite: 2, cacheWriteLong: 5 },
    ],
    [
      'a cost that the vendor tells',
      { prompt_tokens: 5, completion_tokens: 3, cost: 0.000_14 },
      { input: 5, output: 3, reported: { costUsd: 0.000_14 } },
    ],
    [
      'a cost that is no number',
      { prompt_tokens: 5, completion_tokens: 3, cost: { total_cost: 1 } },
      { input: 5, output: 3 },
    ],
    [
      'nonsense',
      { prompt_tokens: -1, completion_tokens: 'x', prompt_tokens_details: { cached_tokens: 9 } },
      { input: 0, output: 0 },
    ],
  ])('that is %s is put into disjoint buckets', (_name, found, expected) => {
    expect(readUsage(found)).toEqual(expected);
  });

  it.each([[undefined], [null], ['x'], [{}], [{ total_tokens: 3 }]])('that is %j is none', (found) => {
    expect(readUsage(found)).toBeUndefined();
  });

  it.each([
    [
      'cached tokens beside the details',
      { prompt_tokens: 9, completion_tokens: 2, cached_tokens: 4 },
      { input: 5, cachedInput: 4, output: 2 },
    ],
    [
      'reasoning beside the details',
      { prompt_tokens: 9, completion_tokens: 5, reasoning_tokens: 3 },
      { input: 9, output: 2, reasoning: 3 },
    ],
    [
      'reasoning that no total counts',
      { prompt_tokens: 33, completion_tokens: 71, total_tokens: 104, citation_tokens: 20, reasoning_tokens: 953 },
      { input: 33, output: 71, reasoning: 953 },
    ],
    [
      'reasoning beside the completion, which the total gives away',
      { prompt_tokens: 5, completion_tokens: 2, total_tokens: 17, completion_tokens_details: { reasoning_tokens: 10 } },
      { input: 5, output: 2, reasoning: 10 },
    ],
  ])('may tell %s', (_what, usage, expected) => {
    expect(readUsage(usage)).toEqual(expected);
  });

  it('never counts a token twice or loses one, whatever the details claim', () => {
    const count = fc.nat(50);
    const found = fc.record({
      prompt_tokens: count,
      completion_tokens: count,
      prompt_cache_hit_tokens: count,
      cache_creation_input_tokens: count,
      prompt_tokens_details: fc.record({ cached_tokens: count, audio_tokens: count }),
      completion_tokens_details: fc.record({ reasoning_tokens: count, audio_tokens: count }),
    });
    fc.assert(
      fc.property(found, (usage) => {
        const {
          input,
          output,
          cachedInput = 0,
          cacheWrite = 0,
          cacheWriteLong = 0,
          audioInput = 0,
          audioOutput = 0,
          reasoning = 0,
        } = readUsage(usage)!;
        expect(input + cachedInput + cacheWrite + cacheWriteLong + audioInput).toBe(usage.prompt_tokens);
        expect(output + reasoning + audioOutput).toBe(usage.completion_tokens);
        expect(
          Math.min(input, output, cachedInput, cacheWrite, audioInput, audioOutput, reasoning),
        ).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('reads again as it was written', () => {
    const count = fc.integer({ min: 1, max: 99 });
    const option = fc.option(count, { nil: undefined });
    const usage = fc.record({
      input: fc.nat(99),
      output: fc.nat(99),
      cachedInput: option,
      cacheWrite: option,
      cacheWriteLong: option,
      reasoning: option,
      audioInput: option,
      audioOutput: option,
      reported: fc.option(fc.record({ costUsd: fc.nat(99) }), { nil: undefined }),
    });
    fc.assert(
      fc.property(usage, (found) => {
        const plain = JSON.parse(JSON.stringify(found));
        expect(readUsage(writeUsage(plain))).toEqual(plain);
      }),
    );
  });

  it('is written with the details clients read', () => {
    expect(writeUsage({ input: 1, output: 2, cachedInput: 3, cacheWrite: 4, cacheWriteLong: 5, reasoning: 6 })).toEqual(
      {
        prompt_tokens: 13,
        completion_tokens: 8,
        total_tokens: 21,
        prompt_tokens_details: {
          cached_tokens: 3,
          audio_tokens: 0,
          cache_creation_tokens: 9,
          cache_creation_token_details: { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 5 },
        },
        completion_tokens_details: { reasoning_tokens: 6, audio_tokens: 0 },
        cache_creation_input_tokens: 9,
        cache_read_input_tokens: 3,
      },
    );
  });
});
