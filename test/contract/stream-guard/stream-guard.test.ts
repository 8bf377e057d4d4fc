import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Gateway,
  openAiClient,
  openAiDeployment,
  openAiVendor,
  readEvents,
  sendEvents,
  startGateway,
  startVendor,
  streamedText,
  type Vendor,
  type VendorHandler,
  within,
} from '../../support/index.ts';

// It overlaps with itself, and the text begins it twice before it comes.
const phrase = 'ananas bread';
const text = 'the anananas bread, 🧭 ananas br';
const pieces = (size: number) =>
  Array.from({ length: Math.ceil(text.length / size) }, (_none, index) => text.slice(index * size, (index + 1) * size));

/** Every way to cut the text in two, then into pieces of one size. */
const cuts: readonly (readonly string[])[] = [
  ...Array.from({ length: text.length - 1 }, (_none, index) => [text.slice(0, index + 1), text.slice(index + 1)]),
  ...[1, 2, 3, 5, 7, 11].map(pieces),
  [text],
];

/** Streams the cut whose number is asked for. */
const cutting: VendorHandler = (exchange) => {
  const { messages } = exchange.request.json as { messages: [{ content: string }] };
  return openAiVendor({ chunks: cuts[Number(messages[0].content)] ?? [text] })(exchange);
};

let vendor: Vendor;
beforeAll(async () => {
  vendor = await startVendor(cutting);
});

const start = (plugins: readonly object[], files: Record<string, string> = {}) =>
  startGateway({ config: { plugins, model_list: [openAiDeployment('house', vendor)] }, files });

async function streamed(gateway: Gateway, content: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'house',
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: 'user', content }],
    }),
  });
  return { status: response.status, body: await response.text() };
}

const errorsIn = (body: string) =>
  readEvents(body).flatMap(({ data }) =>
    data === '[DONE]' ? [] : ((JSON.parse(data) as { error?: Record<string, unknown> }).error ?? []),
  );

describe('a guard that takes the phrase out', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await start([
      { use: import.meta.dirname, trust: true, config: { phrase } },
      // The second sees what the first has made of the stream.
      { use: import.meta.dirname, as: 'second', trust: true, config: { phrase: 'moved]', mark: 'marked]' } },
    ]);
  });
  afterAll(() => gateway?.stop());

  it('lets nothing of it through and loses nothing else, wherever the stream is cut', async () => {
    for (const index of cuts.keys()) {
      const { body } = await streamed(gateway, String(index));
      expect(streamedText(body), JSON.stringify(cuts[index])).toBe('the an[remarked], 🧭 ananas br');
      expect(body).not.toContain('ananas bread');
      expect(readEvents(body).at(-1)?.data).toBe('[DONE]');
      expect(readEvents(body).at(-2)?.data).toContain('"usage"');
    }
  });

  it('may shorten a stream as often as it must', async () => {
    vendor.use(openAiVendor({ chunks: Array(200).fill(`a ${phrase} `) }));
    const { body } = await streamed(gateway, '');
    vendor.use(cutting);
    expect(errorsIn(body)).toEqual([]);
    expect(streamedText(body)).toBe('a [remarked] '.repeat(200));
  });

  it('keeps choices, reasoning and text apart, and lets no token names through', async () => {
    const event = (delta: object, index = 0, logprobs?: object) =>
      `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index, delta, ...(logprobs ? { logprobs } : {}), finish_reason: null }] })}\n\n`;
    const tokens = { content: [{ token: phrase, logprob: -0.1, bytes: null, top_logprobs: [] }] };
    const end = (index: number) =>
      `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index, delta: {}, finish_reason: 'stop' }] })}\n\n`;
    vendor.use(({ response }) =>
      sendEvents(
        response,
        [
          event({ role: 'assistant', content: '' }),
          event({ reasoning_content: 'some anan' }),
          event({ content: 'ananas ' }, 0, tokens),
          event({ content: 'ana' }, 1),
          event({ reasoning_content: 'as bread' }),
          event({ content: 'bread' }, 0, tokens),
          event({ content: 'nas' }, 1),
          end(1),
          end(0),
          'data: [DONE]\n\n',
        ],
        {},
      ),
    );
    const { body } = await streamed(gateway, '');
    vendor.use(cutting);
    const deltas = readEvents(body).flatMap(({ data }) =>
      data === '[DONE]'
        ? []
        : ((JSON.parse(data) as { choices?: { index: number; delta: Record<string, string> }[] }).choices ?? []),
    );
    const joined = (index: number, field: string) =>
      deltas.map((choice) => (choice.index === index ? (choice.delta[field] ?? '') : '')).join('');
    expect(joined(0, 'content')).toBe('[remarked]');
    expect(joined(1, 'content')).toBe('ananas');
    expect(joined(0, 'reasoning_content')).toBe('some [remarked]');
    expect(body).not.toContain('"token"');
  });

  it('amends a whole reply in the same way', async () => {
    const { choices } = await openAiClient(gateway).chat.completions.create({
      model: 'house',
      messages: [{ role: 'user', content: '0' }],
    });
    expect(choices[0]?.message.content).toBe('the an[remarked], 🧭 ananas br');
  });
});

describe('a guard that stops the reply', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await start([{ use: import.meta.dirname, trust: true, config: { phrase, action: 'block' } }]);
  });
  afterAll(() => gateway?.stop());

  it('sends not one letter of the phrase, then one typed error and nothing after it', async () => {
    for (const index of cuts.keys()) {
      const { status, body } = await streamed(gateway, String(index));
      const sent = streamedText(body);
      expect('the an'.startsWith(sent), `${JSON.stringify(sent)} of ${JSON.stringify(cuts[index])}`).toBe(true);
      expect(status).toBe(200);
      expect(errorsIn(body)).toEqual([
        expect.objectContaining({
          code: '400',
          rutter_code: 'ERR_REQUEST_REFUSED',
          message: expect.stringContaining('may not go out'),
        }),
      ]);
      expect(readEvents(body).at(-1)?.data).toContain('"error"');
    }
  });

  it('leaves the vendor at once, and says so in the log', async () => {
    vendor.use(
      openAiVendor({
        chunks: ['the ', 'ananas ', 'bread', ...Array(400).fill(' and more')],
        delays: { betweenMs: 20 },
      }),
    );
    const asked = vendor.requests.length;
    const { body } = await streamed(gateway, '');
    vendor.use(cutting);
    expect(streamedText(body)).toBe('the ');
    const upstream = vendor.requests[asked];
    await within('the vendor to be left', upstream?.closed ?? Promise.reject(new Error('it was not asked')));
    expect(upstream?.abortedAt).toBeGreaterThan(0);
    await gateway.waitForLog(
      ({ ending, error }) => ending === 'broke' && JSON.stringify(error).includes('ERR_REQUEST_REFUSED'),
    );
  });

  it('is understood by the official SDK as an error in the midst of a stream', async () => {
    const stream = await openAiClient(gateway).chat.completions.create({
      model: 'house',
      stream: true,
      messages: [{ role: 'user', content: '3' }],
    });
    let sent = '';
    const reading = (async () => {
      for await (const chunk of stream) sent += chunk.choices[0]?.delta.content ?? '';
    })();
    await expect(reading).rejects.toThrow('may not go out');
    expect('the an'.startsWith(sent)).toBe(true);
  });

  it('refuses a whole reply with the status of the error', async () => {
    await expect(
      openAiClient(gateway).chat.completions.create({ model: 'house', messages: [{ role: 'user', content: '0' }] }),
    ).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('may not go out'),
    });
  });
});

describe('a guard that breaks its word', () => {
  const faulty = (name: string, watcher: string) => ({
    [`${name}/package.json`]: JSON.stringify({
      name,
      version: '1.0.0',
      type: 'module',
      rutter: { api: 1, kind: 'guard', name, entry: 'index.js' },
    }),
    [`${name}/index.js`]: `import { definePlugin } from '@rutter/plugin-sdk';\nexport default definePlugin({ kind: 'guard', setup: () => ({ events: () => (${watcher}) }) });\n`,
  });

  it.each([
    [
      'holds back more than it said',
      'hoarder',
      'ERR_PLUGIN_INVALID',
      '{ holdBack: 4, kept: [], push(event) { if (event.type !== "text-delta") return [event]; this.kept.push(event); return []; }, end() { return this.kept; } }',
    ],
    [
      'says itself that it holds too much',
      'confessor',
      'ERR_PLUGIN_INVALID',
      '{ holdBack: 4, held: 5, push: (event) => [event], end: () => [] }',
    ],
    ['returns no events', 'mute', 'ERR_PLUGIN_INVALID', '{ holdBack: 0, push: () => undefined, end: () => [] }'],
    [
      'throws',
      'thrower',
      'ERR_PLUGIN_FAILED',
      '{ holdBack: 0, push() { throw new TypeError("a fault of the guard"); }, end: () => [] }',
    ],
  ])(
    'is refused when it %s: the stream stops with one error that tells nothing of the inside',
    async (_how, name, code, watcher) => {
      const gateway = await start([{ use: `./${name}`, trust: true }], faulty(name, watcher));
      const { body } = await streamed(gateway, String(cuts.length - 4));
      expect(errorsIn(body)).toEqual([expect.objectContaining({ rutter_code: code })]);
      expect(body).not.toContain(name);
      expect(body).not.toContain('[DONE]');
      expect(streamedText(body).length).toBeLessThanOrEqual(4);
      await gateway.waitForLog((line) => Number(line.level) >= 40 && JSON.stringify(line).includes(name));
      await gateway.stop();
    },
  );
});
