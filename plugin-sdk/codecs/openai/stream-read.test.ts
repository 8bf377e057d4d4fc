import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatEvent, ToolCall } from '../../contract/chat.ts';
import { RutterError } from '../../contract/errors.ts';
import type { Frame } from '../../contract/wire.ts';
import { collectEvents } from '../events.ts';
import { readChatEvents } from './stream-read.ts';

const frame = (data: unknown): Frame => ({ event: '', data: typeof data === 'string' ? data : JSON.stringify(data) });
const chunk = (delta: unknown, more: Record<string, unknown> = {}) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'gpt-x',
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
});

function read(frames: readonly Frame[]): ChatEvent[] {
  const reader = readChatEvents();
  return frames.flatMap((one) => [...reader(one)]);
}

const readChunks = (...chunks: unknown[]) => read(chunks.map(frame));
const done = { finish_reason: 'stop' };

describe('a stream read', () => {
  it('becomes events in order', () => {
    const events = readChunks(
      { ...chunk({ role: 'assistant', content: '' }), system_fingerprint: 'fp', obfuscation: 'xx' },
      chunk({ reasoning_content: 'hm' }),
      chunk({ content: 'Hi' }, { logprobs: { content: [{ token: 'Hi' }] } }),
      chunk({ refusal: 'no' }),
      chunk({}, { finish_reason: 'length', content_filter_results: { a: 1 } }),
      { ...chunk({}), choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } },
      '[DONE]',
    );
    expect(events).toEqual([
      { type: 'start', id: 'chatcmpl-1', model: 'gpt-x', envelope: { system_fingerprint: 'fp' } },
      { type: 'reasoning-delta', text: 'hm' },
      { type: 'text-delta', text: 'Hi', logprobs: { content: [{ token: 'Hi' }] } },
      { type: 'refusal-delta', text: 'no' },
      { type: 'end', reason: 'length', extra: { content_filter_results: { a: 1 } } },
      { type: 'usage', input: 3, output: 2 },
    ]);
  });

  it('opens with the first chunk that has an id or choices, and what was told of the prompt ahead of it', () => {
    const filters = [{ prompt_index: 0, content_filter_results: {} }];
    const events = readChunks(
      { id: '', object: '', model: '', choices: [], prompt_filter_results: filters },
      chunk({ content: 'Hi' }, done),
    );
    expect(events[0]).toEqual({
      type: 'start',
      id: 'chatcmpl-1',
      model: 'gpt-x',
      envelope: { prompt_filter_results: filters },
    });
    expect(events).toHaveLength(3);
  });

  it('tells apart choices that come mixed', () => {
    const events = readChunks(
      {
        id: 'a',
        choices: [
          { index: 1, delta: { content: 'b' } },
          { index: 0, delta: { content: 'a' } },
        ],
      },
      {
        id: 'a',
        choices: [
          { index: 0, delta: {}, finish_reason: 'stop' },
          { index: 1, delta: {}, finish_reason: 'length' },
        ],
      },
    );
    const reply = collectEvents(events);
    expect(reply).toMatchObject({ text: 'a', end: 'stop', others: [{ text: 'b', end: 'length' }] });
  });

  it('ends a choice once, whatever follows', () => {
    const events = readChunks(chunk({ content: 'a' }, done), chunk({}, done), chunk({ content: 'late' }));
    expect(events.filter(({ type }) => type === 'end' || type === 'text-delta')).toHaveLength(2);
  });

  it.each([
    ['eos', 'stop'],
    ['tool_calls', 'tool-calls'],
    ['function_call', 'tool-calls'],
    ['content_filter', 'refusal'],
    ['unheard_of', 'stop'],
    ['toString', 'stop'],
  ])('that finishes with %s ends with %s', (finish, reason) => {
    expect(readChunks(chunk({ content: 'a' }, { finish_reason: finish }))).toContainEqual({ type: 'end', reason });
  });

  it('knows a signed block whether its text comes in pieces, whole, or not again', () => {
    const signed = { type: 'thinking', signature: 'sig' };
    const asPieces = readChunks(
      chunk({ reasoning_content: 'ab', thinking_blocks: [{ type: 'thinking', thinking: 'ab' }] }),
      chunk({ reasoning_content: 'c', thinking_blocks: [{ type: 'thinking', thinking: 'c' }] }),
      chunk({ thinking_blocks: [{ ...signed, thinking: '' }] }),
      chunk({}, done),
    );
    const asWhole = readChunks(
      chunk({ reasoning_content: 'abc' }),
      chunk({ thinking_blocks: [{ ...signed, thinking: 'abc' }] }),
      chunk({}, done),
    );
    const asBlocks = readChunks(
      chunk({ thinking_blocks: [{ type: 'thinking', thinking: 'abc' }] }),
      chunk({ thinking_blocks: [{ ...signed, thinking: '' }] }),
      chunk({}, done),
    );
    for (const events of [asPieces, asWhole, asBlocks]) {
      expect(collectEvents(events).reasoning).toEqual([
        { text: 'abc', signature: 'sig', origin: 'anthropic-messages' },
      ]);
      const told = events.map((event) => (event.type === 'reasoning-delta' ? event.text : '')).join('');
      expect(told).toBe('abc');
    }
  });

  it('keeps deltas it has no name for', () => {
    expect(readChunks(chunk({ audio: { id: 'a' } }))).toContainEqual({
      type: 'other',
      origin: 'openai-chat',
      value: { audio: { id: 'a' } },
    });
  });

  it('takes usage beside the finish, and no running count before it', () => {
    const usage = { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 };
    const events = readChunks(
      { ...chunk({ content: 'a' }), usage },
      { ...chunk({}, done), usage: { ...usage, completion_tokens: 2 } },
    );
    expect(events.filter(({ type }) => type === 'usage')).toEqual([{ type: 'usage', input: 3, output: 2 }]);
  });

  it.each([
    [frame({ error: { message: 'slow down', code: 429 } }), 'ERR_PROVIDER_RATE_LIMIT'],
    [{ event: 'error', data: '{"message":"boom"}' }, 'ERR_PROVIDER_INTERNAL'],
    [frame('<html>'), 'ERR_PROVIDER_MALFORMED'],
  ])('throws for %j', (bad, code) => {
    expect(() => read([bad])).toThrow(expect.objectContaining({ code }));
  });
});

describe('tool calls in a stream', () => {
  const calls = fc.array(
    fc.record({
      id: fc.string({ minLength: 1 }),
      name: fc.string({ minLength: 1, maxLength: 8 }),
      arguments: fc.string({ maxLength: 40 }),
    }),
    { minLength: 1, maxLength: 4 },
  );
  const unique = calls.map((all) => all.map((call, index) => ({ ...call, id: `${index}-${call.id}` })));

  interface Style {
    readonly repeatsId: boolean;
    readonly repeatsName: boolean;
    readonly hasIndex: boolean;
    readonly nameLater: boolean;
    readonly idLater: boolean;
  }

  /** Deltas of one call, in the manner of one vendor or another. */
  function deltas(
    call: ToolCall,
    index: number,
    { repeatsId, repeatsName, hasIndex, nameLater, idLater }: Style,
    size: number,
  ): unknown[] {
    const pieces = [
      '',
      ...Array.from({ length: Math.ceil(call.arguments.length / size) }, (_, at) =>
        call.arguments.slice(at * size, at * size + size),
      ),
      '',
    ];
    return pieces.map((text, at) => {
      const hasName = at === (nameLater ? 1 : 0) || (repeatsName && at > 1);
      const hasId = at === (idLater ? 1 : 0) || (repeatsId && at > 1);
      return {
        ...(hasIndex && { index }),
        ...(hasId && { id: call.id, type: 'function' }),
        function: { ...(hasName && { name: call.name }), arguments: text },
      };
    });
  }

  const together = (events: readonly ChatEvent[]) => collectEvents(events).toolCalls;

  it('come out whole however their deltas are interleaved', () => {
    const style = fc.record({
      repeatsId: fc.boolean(),
      repeatsName: fc.boolean(),
      hasIndex: fc.constant(true),
      nameLater: fc.boolean(),
      idLater: fc.constant(false),
    });
    fc.assert(
      fc.property(
        unique,
        style,
        fc.integer({ min: 1, max: 9 }),
        fc.infiniteStream(fc.nat()),
        (all, manner, size, picks) => {
          const queues = all.map((call, index) => deltas(call, index, manner, size));
          const frames: unknown[] = [];
          // A call opens in order; what follows comes in any.
          for (const queue of queues) frames.push(chunk({ tool_calls: [queue.shift()] }));
          for (
            let left = queues.filter((queue) => queue.length > 0);
            left.length > 0;
            left = queues.filter((queue) => queue.length > 0)
          ) {
            const first = left[picks.next().value! % left.length]!;
            const second = left[picks.next().value! % left.length]!;
            const both = second === first ? [first.shift()] : [first.shift(), second.shift()];
            frames.push(chunk({ tool_calls: both }));
          }
          expect(together(readChunks(...frames, chunk({}, { finish_reason: 'tool_calls' })))).toEqual(all);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it.each<[string, Style]>([
    ['without an index', { hasIndex: false, repeatsId: false, repeatsName: false, nameLater: false, idLater: false }],
    [
      'without an index, the id repeated',
      { hasIndex: false, repeatsId: true, repeatsName: true, nameLater: false, idLater: false },
    ],
    [
      'with an id that follows',
      { hasIndex: true, repeatsId: false, repeatsName: false, nameLater: true, idLater: true },
    ],
  ])('come out whole one after another %s', (_name, style) => {
    fc.assert(
      fc.property(unique, fc.integer({ min: 1, max: 9 }), (all, size) => {
        const frames = all
          .flatMap((call, index) => deltas(call, index, style, size))
          .map((delta) => chunk({ tool_calls: [delta] }));
        expect(together(readChunks(...frames, chunk({}, { finish_reason: 'tool_calls' })))).toEqual(all);
      }),
      { numRuns: 200 },
    );
  });

  it('come out apart when all are sent as index 0', () => {
    const events = readChunks(
      chunk({
        tool_calls: [
          { index: 0, id: 'a', function: { name: 'f', arguments: '{"x":1}' } },
          { index: 0, id: 'b', function: { name: 'f', arguments: '{"x":2}' } },
        ],
      }),
      chunk({ tool_calls: [{ index: 0, function: { name: 'g', arguments: '{}' } }] }, done),
    );
    expect(together(events)).toEqual([
      { id: 'a', name: 'f', arguments: '{"x":1}' },
      { id: 'b', name: 'f', arguments: '{"x":2}' },
      { id: 'call_2_chatcmpl-1', name: 'g', arguments: '{}' },
    ]);
    // A vendor that says "stop" has asked for tools all the same.
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'tool-calls' });
  });

  it('may have arguments that are an object', () => {
    const events = readChunks(
      chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: { x: 1 } } }] }, done),
    );
    expect(together(events)).toEqual([{ id: 'a', name: 'f', arguments: '{"x":1}' }]);
  });

  it('without a name are refused, not swallowed', () => {
    expect(() =>
      readChunks(chunk({ tool_calls: [{ index: 0, id: 'a', function: { arguments: '{}' } }] }), chunk({}, done)),
    ).toThrow(RutterError);
  });
});
