import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatEvent } from '../../contract/chat.ts';
import { RutterError } from '../../contract/errors.ts';
import type { EventWriter, Frame, WriteContext } from '../../contract/wire.ts';
import { collectEvents, replyEvents } from '../events.ts';
import { EventLines, EventSplitter } from '../sse-split.ts';
import { readChatEvents } from './stream-read.ts';
import { ChatWriter, CompletionWriter } from './stream-write.ts';

const frame = (data: unknown): Frame => ({ event: '', data: typeof data === 'string' ? data : JSON.stringify(data) });
function read(frames: readonly Frame[]): ChatEvent[] {
  const reader = readChatEvents();
  return frames.flatMap((one) => [...reader(one)]);
}

const context: WriteContext = {
  requestId: 'req-1',
  model: 'my-group',
  created: 1700000000,
  includeUsage: true,
  fields: {},
};

function written(
  events: readonly ChatEvent[],
  writer: EventWriter = new ChatWriter(context),
): { text: string; chunks: Record<string, unknown>[] } {
  const text = `${events.map((event) => writer.event(event)).join('')}${writer.end()}`;
  const splitter = new EventSplitter();
  const lines = new EventLines();
  splitter.push(Buffer.from(text));
  const chunks: Record<string, unknown>[] = [];
  while (splitter.next()) {
    lines.read(splitter.bytes, splitter.start, splitter.end);
    const data = splitter.bytes.toString('utf8', lines.dataStart, lines.dataEnd);
    if (data !== '[DONE]') chunks.push(JSON.parse(data) as Record<string, unknown>);
  }
  return { text, chunks };
}

const choiceOf = (one: Record<string, unknown>) =>
  (one.choices as { index: number; delta: Record<string, unknown>; finish_reason: unknown }[])[0];

const someEvents: ChatEvent[] = [
  { type: 'start', id: 'msg_1', model: 'claude', envelope: { service_tier: 'standard' } },
  { type: 'reasoning-delta', text: 'hm' },
  { type: 'reasoning-block', block: { text: 'hm', signature: 'sig', origin: 'anthropic-messages' } },
  { type: 'text-delta', text: 'Grüße\u2028"\n' },
  { type: 'tool-call', index: 0, id: 'call_1', name: 'look' },
  { type: 'tool-call-delta', index: 0, arguments: '' },
  { type: 'tool-call-delta', index: 0, arguments: '{}' },
  { type: 'text-delta', text: 'other', choice: 1 },
  { type: 'usage', input: 5, output: 3, cachedInput: 2, reasoning: 1 },
  { type: 'end', reason: 'tool-calls' },
  { type: 'end', reason: 'length', choice: 1 },
];

describe('a stream written', () => {
  const { text, chunks } = written(someEvents);

  it('has one id, one time and the client\u2019s model in every chunk', () => {
    for (const one of chunks) {
      expect(one).toMatchObject({
        id: 'msg_1',
        object: 'chat.completion.chunk',
        created: 1700000000,
        model: 'my-group',
        service_tier: 'standard',
      });
    }
  });

  it('has the role in the first delta of each choice, and there alone', () => {
    for (const index of [0, 1]) {
      const own = chunks.map(choiceOf).filter((choice) => choice?.index === index);
      expect(own.map((choice) => choice!.delta.role)).toEqual(['assistant', ...own.slice(1).map(() => undefined)]);
    }
  });

  it('has the id and name of a tool call once', () => {
    expect(chunks.flatMap((one) => choiceOf(one)?.delta.tool_calls ?? [])).toEqual([
      { index: 0, id: 'call_1', type: 'function', function: { name: 'look', arguments: '' } },
      { index: 0, function: { arguments: '{}' } },
    ]);
  });

  it('has exactly one finish reason a choice', () => {
    const reasons = chunks.map(choiceOf).filter((choice) => choice !== undefined && choice.finish_reason !== null);
    expect(reasons.map((choice) => [choice!.index, choice!.finish_reason])).toEqual([
      [0, 'tool_calls'],
      [1, 'length'],
    ]);
    expect(written([...someEvents, { type: 'end', reason: 'stop' }, { type: 'text-delta', text: 'late' }]).text).toBe(
      text,
    );
  });

  it('ends with usage in a chunk without choices, then [DONE]', () => {
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 7, completion_tokens: 4, total_tokens: 11 },
    });
    expect(chunks.slice(0, -1).every((one) => one.usage === null)).toBe(true);
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(text.match(/DONE/g)).toHaveLength(1);
  });

  it('tells no usage to who did not ask', () => {
    expect(written(someEvents, new ChatWriter({ ...context, includeUsage: false })).text).not.toContain('usage');
  });

  it('reads again as the same reply', () => {
    const again = read([...chunks.map(frame), frame('[DONE]')]);
    const before = collectEvents(someEvents);
    expect(collectEvents(again)).toEqual({
      ...before,
      model: 'my-group',
      // It stands beside the usage in each chunk.
      usage: { ...before.usage, serviceTier: 'standard' },
    });
  });

  it('breaks with one error and no [DONE]', () => {
    const failed = new ChatWriter(context).fail(new RutterError('ERR_PROVIDER_STREAM', 'It broke.'));
    expect(failed.startsWith('data: {"error":')).toBe(true);
    expect(JSON.parse(failed.slice(6)).error).toMatchObject({ message: 'It broke.', code: '502', type: 'api_error' });
    expect(failed).not.toContain('DONE');
  });

  it('makes an id of its own where the vendor gave none', () => {
    expect(
      written([
        { type: 'text-delta', text: 'a' },
        { type: 'end', reason: 'stop' },
      ]).chunks[0],
    ).toMatchObject({ id: 'chatcmpl-req-1' });
  });

  it('carries any reply there and back', () => {
    const reply = fc.record({
      text: fc.string({ minLength: 1 }),
      toolCalls: fc
        .array(
          fc.record({
            id: fc.string({ minLength: 1 }).map((id) => `x${id}`),
            name: fc.string({ minLength: 1 }),
            arguments: fc.string(),
          }),
          { minLength: 1, maxLength: 3 },
        )
        .map((calls) => calls.map((call, index) => ({ ...call, id: `${index}${call.id}` }))),
      end: fc.constantFrom('length' as const, 'tool-calls' as const, 'refusal' as const),
      id: fc.constant('i'),
      model: fc.constant('my-group'),
    });
    fc.assert(
      fc.property(reply, (found) => {
        expect(collectEvents(read(written(replyEvents(found)).chunks.map(frame)))).toEqual(found);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a completions stream written', () => {
  it('has texts in place of deltas', () => {
    const { chunks, text } = written(
      [
        { type: 'text-delta', text: 'a' },
        { type: 'reasoning-delta', text: 'not told' },
        { type: 'usage', input: 1, output: 1 },
        { type: 'end', reason: 'stop' },
      ],
      new CompletionWriter(context),
    );
    expect(chunks.map((one) => one.choices)).toEqual([
      [{ text: 'a', index: 0, logprobs: null, finish_reason: null }],
      [{ text: '', index: 0, logprobs: null, finish_reason: 'stop' }],
      [],
    ]);
    expect(chunks[0]).toMatchObject({ id: 'cmpl-req-1', object: 'text_completion', model: 'my-group' });
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  });
});
