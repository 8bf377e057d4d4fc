import { describe, expect, it } from 'vitest';
import type { ChatEvent, Message } from '../../contract/chat.ts';
import { collectEvents } from '../events.ts';
import { readReply } from './reply.ts';
import { readEvents } from './stream.ts';

const context = (messages: readonly Message[] = []) => ({
  request: { model: 'g', messages, stream: true, extra: {} },
});
const frame = (payload: unknown) => ({ event: '', data: JSON.stringify(payload) });
function eventsOf(...payloads: readonly unknown[]): ChatEvent[] {
  const read = readEvents(context());
  return payloads.flatMap((payload) => [...read(frame(payload))]);
}
const said = (parts: readonly object[], rest: object = {}) => ({
  candidates: [{ content: { role: 'model', parts }, index: 0, ...rest }],
});
const end = { finishReason: 'STOP' };
const usageMetadata = { promptTokenCount: 3, candidatesTokenCount: 2, totalTokenCount: 5 };

it('a stream amounts to what a whole reply is', () => {
  const parts = [
    { text: 'hm', thought: true },
    { text: 'Good ' },
    { text: 'day', thoughtSignature: 'c2ln' },
    { functionCall: { name: 'f', args: { a: 1 } }, thoughtSignature: 'c2lu' },
    { functionCall: { name: 'f' } },
    { inlineData: { mimeType: 'image/png', data: 'AAAA' } },
    { executableCode: { language: 'PYTHON', code: '1' } },
  ];
  const late = { finishReason: 'STOP', safetyRatings: [{ category: 'C', probability: 'LOW' }] };
  const head = { modelVersion: 'm', responseId: 'r' };
  const whole = readReply({ ...said(parts, late), usageMetadata, ...head }, context());
  const pieces = [
    ...parts.map((part) => ({ ...said([part]), ...head })),
    { ...said([], late), usageMetadata, ...head },
  ];
  expect(collectEvents(eventsOf(...pieces))).toEqual(whole);
  expect(whole).toMatchObject({
    id: 'r',
    model: 'm',
    text: 'Good day',
    end: 'tool-calls',
    reasoning: [{ text: 'hm' }, { text: '', signature: 'c2ln', origin: 'gemini' }],
    toolCalls: [
      { name: 'f', arguments: '{"a":1}', id: expect.stringMatching(/^call_\w+_0__thought__c2lu$/) },
      { name: 'f', arguments: '{}', id: expect.stringMatching(/^call_\w+_1$/) },
    ],
    usage: { input: 3, output: 2 },
    extra: {
      message: {
        images: [{ type: 'image_url', index: 0, image_url: { url: 'data:image/png;base64,AAAA' } }],
        provider_specific_fields: {
          parts: [{ executableCode: { language: 'PYTHON', code: '1' } }],
          safetyRatings: late.safetyRatings,
        },
      },
    },
  });
});

it('reasoning that is signed is a block of all that was thought', () => {
  const events = eventsOf(
    said([{ text: 'h', thought: true }]),
    said([{ text: 'm', thought: true, thoughtSignature: 'c2ln' }]),
    said([{ text: 'a' }], end),
  );
  expect(collectEvents(events).reasoning).toEqual([{ text: 'hm', signature: 'c2ln', origin: 'gemini' }]);
});

describe('ids of calls', () => {
  const callOf = (messages: readonly Message[], payload: object) =>
    readReply(payload, context(messages)).toolCalls?.[0]?.id;
  const reply = (id: string, args: object) => ({
    ...said([{ functionCall: { name: 'f', args } }], end),
    responseId: id,
  });

  it('differ from reply to reply, from turn to turn and from call to call, and from nothing else', () => {
    const one = callOf([], reply('r', { a: 1 }));
    expect(callOf([], reply('r', { a: 1 }))).toBe(one);
    const others = [
      callOf([], reply('s', { a: 1 })),
      callOf([{ role: 'user', content: '' }], reply('r', { a: 1 })),
      callOf([], reply('r', { a: 2 })),
    ];
    expect(new Set([one, ...others]).size).toBe(4);
  });

  it('are the vendor’s where it gives some', () => {
    const call = { functionCall: { id: 'fc-1', name: 'f', args: {} } };
    expect(callOf([], said([call], end))).toBe('fc-1');
  });
});

describe('usage', () => {
  it('is told once, with the end or behind it', () => {
    const early = { ...said([{ text: 'a' }]), usageMetadata: { promptTokenCount: 3, totalTokenCount: 3 } };
    const types = (...payloads: unknown[]) => eventsOf(...payloads).map(({ type }) => type);
    expect(types(early, { ...said([], end), usageMetadata })).toEqual(['start', 'text-delta', 'end', 'usage']);
    expect(types(early, said([], end), { usageMetadata })).toEqual(['start', 'text-delta', 'end', 'usage']);
    expect(types(early, said([], end))).toEqual(['start', 'text-delta', 'end']);
  });

  it('of a whole reply is told although it gives no reason for its end', () => {
    expect(readReply({ ...said([{ text: 'a' }]), usageMetadata }, context())).toMatchObject({
      text: 'a',
      end: 'stop',
      usage: { input: 3, output: 2 },
    });
  });
});

it('several candidates are told apart, whatever their order', () => {
  const read = (index: number, text: string, rest: object = {}) => ({
    candidates: [{ index, content: { parts: [{ text }] }, ...rest }],
  });
  const reply = collectEvents(eventsOf(read(1, 'b'), read(0, 'a', end), read(1, 'B', { finishReason: 'MAX_TOKENS' })));
  expect(reply).toMatchObject({ text: 'a', end: 'stop', others: [{ text: 'bB', end: 'length' }] });
});

it('a prompt that was refused is a refusal without content', () => {
  const blocked = {
    promptFeedback: { blockReason: 'SAFETY' },
    usageMetadata: { promptTokenCount: 3, totalTokenCount: 3 },
  };
  for (const reply of [readReply(blocked, context()), collectEvents(eventsOf(blocked))])
    expect(reply).toMatchObject({
      text: '',
      end: 'refusal',
      usage: { input: 3, output: 0 },
      extra: { message: { content: null, provider_specific_fields: { promptFeedback: { blockReason: 'SAFETY' } } } },
    });
});

it('sound is shown with the words that were said', () => {
  const sound = { inlineData: { mimeType: 'audio/L16;rate=24000', data: 'AAAA' } };
  expect(readReply(said([{ text: 'a' }, sound], end), context()).extra).toEqual({
    message: { audio: { id: 'audio_0', data: 'AAAA', mime_type: 'audio/L16;rate=24000', transcript: 'a' } },
  });
});

it('refuses what is no reply, and throws the error that comes in its place', () => {
  for (const odd of [{}, { candidates: [] }, { candidates: 'x' }, { promptFeedback: {} }, null, 'text', []])
    expect(() => readReply(odd, context())).toThrow(expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' }));
  const error = { error: { code: 503, status: 'UNAVAILABLE', message: 'later' } };
  expect(() => readReply(error, context())).toThrow(expect.objectContaining({ code: 'ERR_PROVIDER_UNAVAILABLE' }));
  expect(() => eventsOf(said([{ text: 'a' }]), error)).toThrow('later');
  expect(() => readEvents(context())({ event: '', data: '{"candidates":' })).toThrow('expected an event in JSON');
  expect(eventsOf()).toEqual([]);
});
