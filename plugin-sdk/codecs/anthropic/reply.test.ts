import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatEvent } from '../../contract/chat.ts';
import { RutterError } from '../../contract/errors.ts';
import { collectEvents } from '../events.ts';
import { anthropicFailure } from './failure.ts';
import { readReply } from './reply.ts';
import { readEvents } from './stream.ts';

const read = (body: unknown) => readReply(body);

const message = (content: unknown[], more: Record<string, unknown> = {}) => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-x',
  content,
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 10, output_tokens: 20 },
  ...more,
});

describe('a whole message', () => {
  it('is read block by block', () => {
    const reply = read(
      message(
        [
          { type: 'thinking', thinking: 'hm, twelve ch', signature: 'sig' },
          { type: 'redacted_thinking', data: 'sealed' },
          { type: 'text', text: 'Hel' },
          { type: 'text', text: 'lo' },
          { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 'x' } },
          { type: 'tool_use', id: 'toolu_2', name: 'wait', input: {} },
        ],
        {
          stop_reason: 'tool_use',
          usage: {
            input_tokens: 10,
            cache_read_input_tokens: 5,
            cache_creation_input_tokens: 9,
            cache_creation: { ephemeral_5m_input_tokens: 7, ephemeral_1h_input_tokens: 2 },
            output_tokens: 20,
          },
        },
      ),
    );
    expect(reply).toEqual({
      id: 'msg_1',
      model: 'claude-x',
      text: 'Hello',
      reasoning: [
        { text: 'hm, twelve ch', signature: 'sig', origin: 'anthropic-messages' },
        { redacted: 'sealed', origin: 'anthropic-messages' },
      ],
      toolCalls: [
        { id: 'toolu_1', name: 'look', arguments: '{"at":"x"}' },
        { id: 'toolu_2', name: 'wait', arguments: '{}' },
      ],
      end: 'tool-calls',
      usage: { input: 10, cachedInput: 5, cacheWrite: 7, cacheWriteLong: 2, output: 16, reasoning: 4 },
    });
  });

  it.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['pause_turn', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['compaction', 'length'],
    ['tool_use', 'tool-calls'],
    ['refusal', 'refusal'],
    ['novelty', 'stop'],
    [null, 'stop'],
  ])('that stops for %s ends with %s', (stop, end) => {
    expect(read(message([{ type: 'text', text: 'a' }], { stop_reason: stop })).end).toBe(end);
  });

  it('keeps what the neutral model has no place for', () => {
    const citation = { type: 'char_location' };
    const search = { type: 'web_search_tool_result', content: [] };
    const reply = read(
      message([{ type: 'text', text: 'a', citations: [citation] }, search], {
        stop_sequence: 'END',
        container: { id: 'c' },
      }),
    );
    expect(reply).toMatchObject({
      extra: {
        stop_sequence: 'END',
        message: { provider_specific_fields: { citations: [citation], blocks: [search] } },
      },
      envelope: { container: { id: 'c' } },
    });
  });

  it.each([
    [{ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, 'ERR_PROVIDER_OVERLOADED'],
    ['<html>', 'ERR_PROVIDER_MALFORMED'],
    [{ id: 1 }, 'ERR_PROVIDER_MALFORMED'],
    [null, 'ERR_PROVIDER_MALFORMED'],
  ])('that is %j throws', (body, code) => {
    expect(() => read(body)).toThrow(expect.objectContaining({ code }));
  });
});

const start = {
  type: 'message_start',
  message: {
    id: 'msg_1',
    model: 'claude-x',
    usage: {
      input_tokens: 10,
      cache_read_input_tokens: 5,
      cache_creation: { ephemeral_1h_input_tokens: 2 },
      output_tokens: 1,
    },
  },
};
const open = (index: number, content_block: unknown) => ({ type: 'content_block_start', index, content_block });
const delta = (index: number, found: unknown) => ({ type: 'content_block_delta', index, delta: found });
const close = (index: number) => ({ type: 'content_block_stop', index });
const end = (stop_reason = 'end_turn', usage: unknown = { output_tokens: 20 }) => [
  { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage },
  { type: 'message_stop' },
];

function stream(payloads: readonly unknown[]): ChatEvent[] {
  const reader = readEvents();
  return payloads.flatMap((payload) => [
    ...reader({ event: (payload as { type: string }).type, data: JSON.stringify(payload) }),
  ]);
}

describe('a streamed message', () => {
  it('becomes events in order', () => {
    const events = stream([
      start,
      { type: 'ping' },
      open(0, { type: 'thinking', thinking: '', signature: '' }),
      delta(0, { type: 'thinking_delta', thinking: 'hm, ' }),
      delta(0, { type: 'thinking_delta', thinking: 'well' }),
      delta(0, { type: 'signature_delta', signature: 'si' }),
      delta(0, { type: 'signature_delta', signature: 'g' }),
      close(0),
      open(1, { type: 'redacted_thinking', data: 'sealed' }),
      close(1),
      open(2, { type: 'text', text: '' }),
      delta(2, { type: 'text_delta', text: 'Hi' }),
      close(2),
      open(3, { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }),
      delta(3, { type: 'input_json_delta', partial_json: '' }),
      delta(3, { type: 'input_json_delta', partial_json: '{"at":' }),
      delta(3, { type: 'input_json_delta', partial_json: '1}' }),
      close(3),
      open(4, { type: 'tool_use', id: 'toolu_2', name: 'wait', input: {} }),
      close(4),
      { type: 'unheard_of' },
      ...end('tool_use'),
    ]);
    expect(events).toEqual([
      { type: 'start', id: 'msg_1', model: 'claude-x' },
      { type: 'reasoning-delta', text: 'hm, ' },
      { type: 'reasoning-delta', text: 'well' },
      { type: 'reasoning-block', block: { text: 'hm, well', signature: 'sig', origin: 'anthropic-messages' } },
      { type: 'reasoning-block', block: { redacted: 'sealed', origin: 'anthropic-messages' } },
      { type: 'text-delta', text: 'Hi' },
      { type: 'tool-call', index: 0, id: 'toolu_1', name: 'look', arguments: '' },
      { type: 'tool-call-delta', index: 0, arguments: '{"at":' },
      { type: 'tool-call-delta', index: 0, arguments: '1}' },
      { type: 'tool-call', index: 1, id: 'toolu_2', name: 'wait', arguments: '' },
      { type: 'tool-call-delta', index: 1, arguments: '{}' },
      { type: 'usage', input: 10, cachedInput: 5, cacheWriteLong: 2, output: 18, reasoning: 2 },
      { type: 'end', reason: 'tool-calls' },
    ]);
  });

  it('counts tools from 0 and takes no server tool for one', () => {
    const events = stream([
      start,
      open(0, { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }),
      delta(0, { type: 'input_json_delta', partial_json: '{"query":"x"}' }),
      close(0),
      open(1, { type: 'tool_use', id: 't', name: 'look', input: { a: 1 } }),
      close(1),
      ...end('tool_use'),
    ]);
    expect(collectEvents(events).toolCalls).toEqual([{ id: 't', name: 'look', arguments: '{"a":1}' }]);
  });

  it('tells the last word on usage, also where the end repeats all of it', () => {
    const events = stream([
      start,
      ...end('end_turn', { input_tokens: 12, output_tokens: 3, cache_read_input_tokens: null }),
    ]);
    expect(events).toContainEqual({ type: 'usage', input: 12, cachedInput: 5, cacheWriteLong: 2, output: 3 });
  });

  it.each([
    [{ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, 'ERR_PROVIDER_OVERLOADED', 'next'],
    [{ type: 'error', error: { type: 'api_error', message: 'Internal' } }, 'ERR_PROVIDER_INTERNAL', 'same'],
    [{ type: 'error', error: { type: 'rate_limit_error', message: 'Slow' } }, 'ERR_PROVIDER_RATE_LIMIT', 'next'],
    [{ type: 'error' }, 'ERR_PROVIDER_INTERNAL', 'same'],
  ])('throws for %j', (payload, code, retry) => {
    expect(() => stream([start, payload])).toThrow(expect.objectContaining({ code, retry }));
  });

  it('throws for what is no JSON', () => {
    expect(() => readEvents()({ event: 'ping', data: '<html>' })).toThrow(
      expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' }),
    );
  });

  it('that breaks off before its end makes no reply', () => {
    const payloads = [
      start,
      open(0, { type: 'text', text: '' }),
      delta(0, { type: 'text_delta', text: 'Hi' }),
      close(0),
      ...end(),
    ];
    for (let kept = 0; kept < payloads.length - 2; kept++) {
      expect(() => collectEvents(stream(payloads.slice(0, kept)))).toThrow(
        expect.objectContaining({ code: 'ERR_PROVIDER_STREAM' }),
      );
    }
    expect(collectEvents(stream(payloads.slice(0, -1))).text).toBe('Hi');
  });

  it('has whole tool calls however their blocks are interleaved', () => {
    const calls = fc.array(
      fc.record({
        id: fc.string({ minLength: 1 }),
        name: fc.string({ minLength: 1 }),
        input: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }),
      }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(calls, fc.integer({ min: 1, max: 7 }), fc.infiniteStream(fc.nat()), (all, size, picks) => {
        // Text blocks between them put the block's index and the tool's apart.
        const queues = all.map(({ input }, index) => {
          const text = JSON.stringify(input);
          const pieces =
            Object.keys(input).length === 0
              ? []
              : Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
                  text.slice(at * size, at * size + size),
                );
          return [
            ...pieces.map((partial_json) => delta(index * 2 + 1, { type: 'input_json_delta', partial_json })),
            close(index * 2 + 1),
          ];
        });
        const frames: unknown[] = [start];
        for (const [index, { id, name }] of all.entries()) {
          frames.push(
            open(index * 2, { type: 'text', text: '' }),
            close(index * 2),
            open(index * 2 + 1, { type: 'tool_use', id, name, input: {} }),
          );
        }
        for (
          let left = queues.filter((queue) => queue.length > 0);
          left.length > 0;
          left = left.filter((queue) => queue.length > 0)
        ) {
          frames.push(left[picks.next().value! % left.length]!.shift());
        }
        const reply = collectEvents(stream([...frames, ...end('tool_use')]));
        expect(reply.toolCalls).toEqual(
          all.map(({ id, name, input }) => ({ id, name, arguments: JSON.stringify(input) })),
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe('an error of the API', () => {
  const body = (type: string, text: string) =>
    JSON.stringify({ type: 'error', error: { type, message: text }, request_id: 'req_1' });

  it.each([
    [400, 'invalid_request_error', 'bad', 'ERR_PROVIDER_BAD_REQUEST', 400],
    [
      400,
      'invalid_request_error',
      'prompt is too long: 210000 tokens > 200000 maximum',
      'ERR_PROVIDER_CONTEXT_WINDOW',
      400,
    ],
    [
      400,
      'invalid_request_error',
      'input length and `max_tokens` exceed context limit: 199000 + 8192',
      'ERR_PROVIDER_CONTEXT_WINDOW',
      400,
    ],
    [400, 'invalid_request_error', 'Output blocked by content filtering policy', 'ERR_PROVIDER_CONTENT_POLICY', 400],
    [400, 'invalid_request_error', 'Your credit balance is too low to access the API', 'ERR_PROVIDER_QUOTA', 429],
    [401, 'authentication_error', 'invalid x-api-key', 'ERR_PROVIDER_AUTHENTICATION', 401],
    [403, 'permission_error', 'no', 'ERR_PROVIDER_PERMISSION', 403],
    [404, 'not_found_error', 'model: x', 'ERR_PROVIDER_NOT_FOUND', 404],
    [413, 'request_too_large', 'too big', 'ERR_PROVIDER_BAD_REQUEST', 413],
    [429, 'rate_limit_error', 'slow', 'ERR_PROVIDER_RATE_LIMIT', 429],
    [500, 'api_error', 'oops', 'ERR_PROVIDER_INTERNAL', 500],
    [502, 'api_error', 'oops', 'ERR_PROVIDER_BAD_GATEWAY', 502],
    [503, 'api_error', 'oops', 'ERR_PROVIDER_UNAVAILABLE', 503],
    [504, 'timeout_error', 'late', 'ERR_PROVIDER_TIMEOUT', 408],
    [529, 'overloaded_error', 'Overloaded', 'ERR_PROVIDER_OVERLOADED', 503],
  ])('%i %s %s is %s', (status, type, text, code, shown) => {
    const error = anthropicFailure(status, body(type, text), { 'retry-after': '2' });
    expect(RutterError.is(error)).toBe(true);
    expect(error).toMatchObject({
      code,
      status: shown,
      message: text,
      retryAfterMs: 2000,
      vendor: { type, request_id: 'req_1' },
    });
  });

  it.each([['<html>'], [''], ['{}']])('is left to the status when the body is %j', (text) => {
    expect(anthropicFailure(502, text)).toBeUndefined();
  });
});

describe('a reason of the vendor that others do not have', () => {
  it.each([
    ['pause_turn', 'stop'],
    ['model_context_window_exceeded', 'length'],
    ['compaction', 'length'],
  ])('%s is an end by %s, and told in its own word', (stop, reason) => {
    expect(read(message([{ type: 'text', text: 'x' }], { stop_reason: stop }))).toMatchObject({
      end: reason,
      extra: { stop_reason: stop },
    });
    expect(stream([start, ...end(stop)]).at(-1)).toEqual({ type: 'end', reason, extra: { stop_reason: stop } });
  });

  it('is not told where the neutral one says it', () => {
    expect(read(message([{ type: 'text', text: 'x' }]))).not.toHaveProperty('extra');
    expect(read(message([], { stop_reason: 'refusal' }))).toMatchObject({ end: 'refusal' });
  });
});
