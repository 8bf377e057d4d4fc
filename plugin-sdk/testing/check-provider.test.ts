import { expect, test } from 'vitest';
import { openAiChatCodec, openAiEmbeddingsCodec, openAiFailure } from '../codecs/index.ts';
import type { ChatCodec, ChatEvent, Frame, Provider, Relay } from '../index.ts';
import { checkProvider, type ProviderOptions, streamsByDialect } from './index.ts';

const sound = openAiChatCodec();
const base: Provider = { origin: 'https://vendor.example/v1', auth: { scheme: 'none' }, chat: sound };

async function failures(change: Partial<Provider>, options: ProviderOptions = {}): Promise<string[]> {
  const report = await checkProvider(() => ({ ...base, ...change }), options);
  return report.failed.map(({ title }) => title);
}

const chatting = (change: Partial<ChatCodec>) => failures({ chat: { ...sound, ...change } });

test('a provider that does all it should conforms', async () => {
  expect(await failures({ embeddings: openAiEmbeddingsCodec(), failure: openAiFailure })).toEqual([]);
});

test('a provider of an unknown dialect conforms with samples of its own', async () => {
  const { dialect: _, relay: _relay, ...own } = sound;
  const report = await checkProvider(() => ({ ...base, chat: own }), {
    streams: streamsByDialect['openai-chat'] ?? [],
  });
  expect(report.failed).toEqual([]);
  expect(report.passed).toContain('chat: keeps two streams apart');
});

test.each<[string, string, Partial<Provider>]>([
  ['translates nothing', 'translates at least one operation', { chat: undefined as never }],
  ['has no address', 'names an address and a way to authenticate, without a secret', { origin: 'vendor.example' }],
  [
    'has a key in its address',
    'names an address and a way to authenticate, without a secret',
    { origin: 'https://user:key@vendor.example' },
  ],
  [
    'authenticates in a way of its own',
    'names an address and a way to authenticate, without a secret',
    { auth: { scheme: 'basic' } as never },
  ],
  [
    'parses every error body',
    'reads whatever a vendor may send as an error',
    { failure: (_status, body) => JSON.parse(body).error.code },
  ],
  [
    'returns a status as a code',
    'reads whatever a vendor may send as an error',
    { failure: (status) => status as never },
  ],
])('catches a provider that %s', async (_fault, title, change) => {
  expect(await failures(change)).toContain(title);
});

const { request } = sound;

test.each<[string, string, ChatCodec['request']]>([
  [
    'stumbles over parts',
    'chat: translates every plain request',
    (input) => {
      for (const { content } of input.messages) (content as string).trim();
      return request(input);
    },
  ],
  [
    'refuses a plain conversation',
    'chat: translates every plain request',
    (input) => {
      if (input.messages.length > 1) throw new RangeError('one message only');
      return request(input);
    },
  ],
  [
    'sends the caller’s model name',
    'chat: translates every plain request',
    (input) => ({ path: '/chat', body: { model: input.model, messages: input.messages } }),
  ],
  [
    'brings its own key',
    'chat: translates every plain request',
    (input) => ({ ...request(input), headers: { Authorization: 'Bearer k' } }),
  ],
  [
    'stumbles over an empty conversation',
    'chat: translates every other request, or refuses it by name',
    (input) => {
      input.messages[0]!.role.trim();
      return request(input);
    },
  ],
  [
    'drops what it does not know',
    'chat: passes on, reports as dropped, or refuses each parameter',
    ({ seed: _, ...input }) => request(input),
  ],
  [
    'changes the messages it reads',
    'chat: translates purely: the request stays as it is, and comes out the same twice',
    (input) => {
      Object.assign(input.messages[0] ?? {}, { seen: true });
      return request(input);
    },
  ],
  [
    'invents an id each time',
    'chat: translates purely: the request stays as it is, and comes out the same twice',
    (input) => ({ ...request(input), headers: { 'x-id': `${Math.random()}` } }),
  ],
])('catches a provider that %s', async (_fault, title, change) => {
  expect(await chatting({ request: change })).toContain(title);
});

type Loose = { choices: { message: { content: string } }[] };

test('catches replies that are trusted, and events that are', async () => {
  const trusting = chatting({
    reply: (body: Loose) => ({ text: body.choices[0]!.message.content, end: 'stop' }) as never,
  });
  expect(await trusting).toContain('chat: reads or refuses whatever comes as a reply');
  const parsing = chatting({
    events:
      () =>
      ({ data }: Frame) => [{ type: 'text-delta', text: JSON.parse(data).choices[0].delta.content }],
  });
  expect(await parsing).toContain('chat: reads or refuses whatever comes as an event of a stream');
});

const repeatEnd = (events: readonly ChatEvent[]) => [...events, ...events.filter(({ type }) => type === 'end')];

test('catches an end that is never told, or told twice', async () => {
  const title = 'chat: turns a stream into events that make up one reply';
  const endless: ChatCodec['events'] = (context) => {
    const read = sound.events(context);
    return (frame) => read(frame).filter(({ type }) => type !== 'end');
  };
  const twice: ChatCodec['events'] = (context) => {
    const read = sound.events(context);
    return (frame) => repeatEnd(read(frame));
  };
  expect(await chatting({ events: endless })).toContain(title);
  expect(await chatting({ events: twice })).toContain(title);
});

test('catches a counter that two streams share', async () => {
  let calls = 0;
  const events: ChatCodec['events'] = (context) => {
    const read = sound.events(context);
    return (frame) => read(frame).map((event) => (event.type === 'tool-call' ? { ...event, index: calls++ } : event));
  };
  expect(await chatting({ events })).toContain('chat: keeps two streams apart');
});

/** Passes the bytes on as they come, and believes every end. */
class BlindRelay implements Relay {
  hasContent = true;
  isComplete = true;
  usage = undefined;
  outputLength = 0;
  failure = undefined;
  whole = (body: Uint8Array) => body;
  push = (chunk: Uint8Array): Uint8Array | undefined => chunk;
  finish = (): Uint8Array | undefined => undefined;
}

test('catches a relay that believes every end and every body', async () => {
  const found = await chatting({ relay: () => new BlindRelay() });
  expect(found).toContain('chat: tells a stream that was cut from one that is complete');
  expect(found).toContain('chat: refuses to relay what is no stream or no reply');
});

test('catches a relay that looks for events in each chunk alone', async () => {
  const relay: ChatCodec['relay'] = (context) => {
    const inner = sound.relay!(context);
    let lost = 0;
    const push = (chunk: Uint8Array) => {
      const text = new TextDecoder().decode(chunk);
      if (!text.endsWith('\n\n')) lost++;
      return lost > 0 ? undefined : inner.push(chunk);
    };
    return { ...new BlindRelay(), push, finish: () => inner.finish() };
  };
  expect(await chatting({ relay })).toContain('chat: relays whole events, the same however the bytes are cut');
});

test('catches pass-through under the caller’s model name, and fields changed on the way', async () => {
  const title = 'lets bytes of its own dialect through under the deployment’s model, and changes no field it read';
  expect(await chatting({ pass: () => ({ path: '/chat/completions' }) })).toContain(title);
  const writing: ChatCodec['pass'] = (input) => {
    Object.assign(input.fields, { model: input.deployment.model });
    return sound.pass!(input);
  };
  expect(await chatting({ pass: writing })).toContain(title);
});

test('catches embeddings that trust the reply', async () => {
  const codec = openAiEmbeddingsCodec();
  const reply = (body: { data: { embedding: number[] }[] }) => ({
    vectors: body.data.map(({ embedding }) => embedding),
  });
  expect(await failures({ embeddings: { ...codec, reply: reply as never } })).toContain(
    'embeddings: reads or refuses whatever comes as a reply',
  );
});

test('catches a simulated vendor that accepts anything, and one that goes on after an abort', async () => {
  const answering: Provider['respond'] = async () => ({
    status: 200,
    headers: {},
    body: (async function* () {
      for (;;) yield new TextEncoder().encode('data: {}\n\n');
    })(),
  });
  const report = await checkProvider(() => ({ ...base, respond: answering }), { checkTimeoutMs: 500 });
  const titles = report.failed.map(({ title }) => title);
  expect(titles).toContain('answers a request it cannot read with an error status');
  expect(titles).toContain('stops when it is aborted');
});
