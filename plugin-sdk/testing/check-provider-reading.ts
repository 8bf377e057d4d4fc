/** Reading of whole replies and streams: odd ones, cut ones, two at a time. */
import type { ChatEvent, ChatReply, EndReason } from '../contract/chat.ts';
import type { RutterError } from '../contract/errors.ts';
import type { ChatCodec, CodecContext, Frame, Relay } from '../contract/wire.ts';
import { chatRequest } from './fixtures.ts';
import type { ProviderBench } from './provider-bench.ts';
import { expect, expectEqual, giveOrRefuse, show } from './report.ts';
import { repliesByDialect, sseFrames, streamsByDialect } from './streams.ts';

interface Reading {
  readonly bench: ProviderBench;
  readonly codec: ChatCodec;
  readonly streams: readonly string[];
  title(text: string): string;
  context(stream: boolean): CodecContext;
}

export async function checkReading(bench: ProviderBench, operation: string, codec: ChatCodec): Promise<void> {
  const { options, deployment } = bench;
  const given = operation === 'chat' ? options.streams : undefined;
  const reading: Reading = {
    bench,
    codec,
    streams: given ?? streamsByDialect[codec.dialect ?? ''] ?? [],
    title: (text) => `${operation}: ${text}`,
    context: (stream) => ({ deployment, stream, request: chatRequest({ stream }) }),
  };
  await checkReplies(
    reading,
    (operation === 'chat' ? options.replies : undefined) ?? repliesByDialect[codec.dialect ?? ''] ?? [],
  );
  await checkFrames(reading);
  await checkStreams(reading);
  if (codec.relay !== undefined)
    await checkRelay(reading, () => (codec as Required<ChatCodec>).relay({ model: 'shown', includeUsage: true }));
}

const oddValues: readonly unknown[] = [
  null,
  [],
  {},
  17,
  '',
  'text',
  true,
  [null],
  { error: null },
  { error: 'text' },
  { error: { message: 'm', type: 't', code: 429 } },
  { choices: null },
  { choices: [] },
  { choices: [null] },
  { choices: [{}] },
  { choices: [{ message: null }] },
  { choices: [{ message: { content: 17, tool_calls: [{}] } }] },
  {
    choices: [
      { message: { tool_calls: [null, { function: null }] }, delta: { tool_calls: [null, {}, { index: 'x' }] } },
    ],
  },
  { usage: 'many' },
  { usage: { prompt_tokens: null } },
  { type: 'message', content: null },
  { type: 'message', content: [null, {}, { type: 'tool_use' }] },
  { type: 'unheard-of' },
  { type: 'error' },
  { type: 'content_block_delta' },
  { candidates: [null] },
  { output: { message: null } },
  { message: {} },
  { done: true },
  { __proto__: null, choices: 'x' },
];

const ends: readonly EndReason[] = ['stop', 'length', 'tool-calls', 'refusal'];

async function checkReplies({ bench, codec, title, context }: Reading, samples: readonly unknown[]): Promise<void> {
  await bench.suite.check(title('reads or refuses whatever comes as a reply'), () => {
    for (const odd of oddValues) {
      const result = giveOrRefuse(() => codec.reply(odd as never, context(false)), `the reply ${show(odd)}`);
      if ('value' in result) expectReply(result.value, `the reply ${show(odd)}`);
    }
  });
  if (samples.length === 0) return;
  await bench.suite.check(title('reads whole replies of its vendor'), () => {
    for (const sample of samples) {
      const copy = structuredClone(sample);
      const reply = codec.reply(copy as never, context(false));
      expectReply(reply, show(sample));
      expect(
        reply.text !== '' || (reply.toolCalls?.length ?? 0) > 0 || reply.refusal !== undefined,
        () => `${show(sample)} gave an empty reply`,
      );
      expectEqual(codec.reply(copy as never, context(false)), reply, 'the same reply read twice');
    }
  });
}

function expectReply(reply: ChatReply, what: string): void {
  expect(
    typeof reply?.text === 'string' && ends.includes(reply.end),
    () => `${what} gave ${show(reply)}, expected a text and an end`,
  );
  for (const { id, name, arguments: json } of reply.toolCalls ?? []) {
    expect(
      [id, name, json].every((field) => typeof field === 'string'),
      () => `${what} gave the tool call ${show({ id, name, json })}`,
    );
  }
  const counts = Object.values(reply.usage ?? {}).filter((count) => typeof count !== 'boolean' && count !== undefined);
  expect(
    counts.every((count) => typeof count === 'number' && count >= 0),
    () => `${what} gave the usage ${show(reply.usage)}`,
  );
}

const oddData = [
  '',
  ' ',
  'not json',
  '{',
  '[DONE',
  '\u0000',
  '{"a":1}{"b":2}',
  ...oddValues.map((value) => JSON.stringify(value)),
];
const oddNames = [
  '',
  'message',
  'error',
  'message_start',
  'content_block_delta',
  'message_delta',
  'ping',
  'unheard-of',
];

async function checkFrames({ bench, codec, streams, title, context }: Reading): Promise<void> {
  await bench.suite.check(title('reads or refuses whatever comes as an event of a stream'), () => {
    const openings = [[], ...streams.map((stream) => sseFrames(stream).slice(0, 2))];
    for (const opening of openings) {
      for (const event of oddNames) {
        for (const data of oddData) {
          const read = codec.events(context(true));
          for (const frame of opening) read(frame);
          const result = giveOrRefuse(() => read({ event, data }), `the event ${show({ event, data })}`);
          if ('value' in result) for (const each of result.value) expectEvent(each, show({ event, data }));
        }
      }
    }
  });
}

const eventTypes = [
  'start',
  'text-delta',
  'reasoning-delta',
  'reasoning-block',
  'refusal-delta',
  'tool-call',
  'tool-call-delta',
  'usage',
  'end',
  'other',
];

function expectEvent(event: ChatEvent, what: string): void {
  expect(
    eventTypes.includes(event?.type),
    () => `${what} gave ${show(event)}, expected one of ${eventTypes.join(', ')}`,
  );
  if (event.type === 'text-delta')
    expect(typeof event.text === 'string', () => `${what} gave ${show(event)}, expected a text`);
  if (event.type === 'tool-call')
    expect(
      typeof event.id === 'string' && typeof event.name === 'string',
      () => `${what} gave ${show(event)}, expected an id and a name`,
    );
  if (event.type === 'tool-call-delta')
    expect(typeof event.arguments === 'string', () => `${what} gave ${show(event)}, expected arguments`);
  if (event.type === 'end')
    expect(ends.includes(event.reason), () => `${what} gave ${show(event)}, expected a reason of ${ends.join(', ')}`);
}

async function checkStreams({ bench, codec, streams, title, context }: Reading): Promise<void> {
  if (streams.length === 0) return;
  const readAll = (frames: readonly Frame[]) => {
    const read = codec.events(context(true));
    return frames.map((frame) => [...read(frame)]);
  };
  await bench.suite.check(title('turns a stream into events that make up one reply'), () => {
    for (const stream of streams) expectWhole(readAll(sseFrames(stream)).flat());
  });
  await bench.suite.check(title('reads a stream that is cut anywhere as far as it goes'), () => {
    for (const stream of streams) {
      const frames = sseFrames(stream);
      const whole = readAll(frames);
      for (let length = 0; length < frames.length; length++)
        expectEqual(
          readAll(frames.slice(0, length)),
          whole.slice(0, length),
          `the events of the first ${length} frames`,
        );
    }
  });
  await bench.suite.check(title('keeps two streams apart'), () => {
    for (const stream of streams) {
      const frames = sseFrames(stream);
      const alone = readAll(frames);
      const [first, second] = [codec.events(context(true)), codec.events(context(true))];
      const together = frames.map((frame) => [[...first(frame)], [...second(frame)]]);
      expectEqual(
        together.map(([events]) => events),
        alone,
        'the first of two streams',
      );
      expectEqual(
        together.map(([, events]) => events),
        alone,
        'the second of two streams',
      );
    }
  });
}

function expectWhole(events: readonly ChatEvent[]): void {
  for (const event of events) expectEvent(event, 'a stream');
  const types = events.map(({ type }) => type);
  const starts = types.filter((type) => type === 'start').length;
  expect(
    starts === 0 || (starts === 1 && types[0] === 'start'),
    () => `start stands at ${types.indexOf('start')}, ${starts} times; expected once, first`,
  );
  expectEqual(types.filter((type) => type === 'end').length, 1, 'the number of ends');
  expectEqual(types.filter((type) => type === 'usage').length, 1, 'the number of usage events');
  const opened = new Set<number>();
  for (const event of events) {
    if (event.type === 'tool-call') opened.add(event.index);
    if (event.type === 'tool-call-delta')
      expect(opened.has(event.index), () => `a delta of tool call ${event.index} comes before it opened`);
  }
  const hasContent = events.some(
    (event) => (event.type === 'text-delta' && event.text !== '') || event.type === 'tool-call',
  );
  expect(hasContent, () => 'no text and no tool call came out of it');
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface Relayed {
  readonly text: string;
  readonly usage: unknown;
  readonly isComplete: boolean;
  readonly error: RutterError | undefined;
}

function relayed(relay: Relay, chunks: readonly Uint8Array[]): Relayed {
  let text = '';
  const take = (bytes: Uint8Array | undefined) => {
    // Decoded at once: the bytes may share memory with the input.
    if (bytes !== undefined) text += decoder.decode(bytes);
  };
  const { error } = giveOrRefuse(() => {
    for (const chunk of chunks) take(relay.push(chunk));
    take(relay.finish());
  }, 'the relay') as { error?: RutterError };
  return { text, usage: relay.usage, isComplete: relay.isComplete, error };
}

async function checkRelay({ bench, streams, title }: Reading, start: () => Relay): Promise<void> {
  const { suite } = bench;
  await suite.check(title('relays whole events, the same however the bytes are cut'), () => {
    for (const stream of streams) {
      const bytes = encoder.encode(stream);
      const whole = relayed(start(), [bytes]);
      expect(
        whole.error === undefined && whole.isComplete,
        () => `a complete stream ended with ${whole.error?.message ?? 'isComplete false'}`,
      );
      for (let at = 1; at < bytes.length; at++)
        expectEqual(
          relayed(start(), [bytes.slice(0, at), bytes.slice(at)]),
          whole,
          `the relay of a stream cut at byte ${at}`,
        );
      const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
      expectEqual(relayed(start(), single), whole, 'the relay of single bytes');
    }
  });
  await suite.check(title('tells a stream that was cut from one that is complete'), () => {
    for (const stream of streams) {
      const bytes = encoder.encode(stream);
      for (let length = 0; length < bytes.length; length += 7) {
        const { error, isComplete } = relayed(start(), [bytes.slice(0, length)]);
        const isHalf = length <= bytes.length / 2;
        expect(
          error !== undefined || (isComplete && !isHalf),
          () => `the first ${length} of ${bytes.length} bytes passed for a complete stream`,
        );
      }
    }
  });
  await suite.check(title('refuses to relay what is no stream or no reply'), () => {
    for (const text of ['', 'not a stream', '<html>', 'data: {"choices":[{"delta":\n\n', ...oddData]) {
      relayed(start(), [encoder.encode(text)]);
      relayed(start(), [encoder.encode(`data: ${text}\n\n`)]);
    }
    for (const text of ['', '{', 'null', '[]', '17', '<html>', '{"error":{"message":"m"}}']) {
      const result = giveOrRefuse(() => start().whole(encoder.encode(text)), `the reply ${show(text)}`);
      expect('error' in result, () => `${show(text)} passed for a whole reply`);
    }
  });
}
