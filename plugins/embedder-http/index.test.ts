import { type HostFetchOptions, type HostResponse, RutterError } from '@rutter/plugin-sdk';
import { assertConforms, checkEmbedder, fakeHost, secretOf } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import plugin from './index.ts';

const given = { api_base: 'http://embeddings.example/v1/', model: 'small', dimensions: 3 };

interface Asked {
  readonly url: string;
  readonly options: HostFetchOptions;
  readonly body: { readonly input: readonly string[] } & Readonly<Record<string, unknown>>;
}

const vectorOf = (text: string) => [text.length, 1, text.charCodeAt(0)];
const replyTo = (texts: readonly string[]) => ({
  data: texts.map((text, index) => ({ index, embedding: vectorOf(text) })).reverse(),
});

function response(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): HostResponse {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const chunks = async function* () {
    yield Buffer.from(text);
  };
  return { status, headers, body: chunks(), text: async () => text, json: async () => JSON.parse(text) };
}

type Answer = (asked: Asked, count: number) => HostResponse | Promise<HostResponse>;

function start(answer: Answer, options: Readonly<Record<string, unknown>> = {}) {
  const asked: Asked[] = [];
  const host = fakeHost({
    fetch: async (url, options = {}) => {
      const one = { url, options, body: JSON.parse(options.body as string) as Asked['body'] };
      asked.push(one);
      return answer(one, asked.length);
    },
  });
  return { asked, host, embedder: plugin.setup(host, plugin.config.parse({ ...given, ...options })) };
}

const sound: Answer = ({ body }) => response(200, replyTo(body.input));
/** Lets waits pass as they come. */
async function waited<T>(host: ReturnType<typeof fakeHost>, promise: Promise<T>): Promise<T> {
  let isDone = false;
  const end = () => {
    isDone = true;
  };
  promise.then(end, end);
  for (let round = 0; round < 200 && !isDone; round++) {
    await host.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return promise;
}

it('conforms to what every embedder must hold to', async () => {
  const fetch = async (_url: string, { body }: HostFetchOptions = {}) =>
    response(200, replyTo((JSON.parse(body as string) as Asked['body']).input));
  assertConforms(await checkEmbedder(plugin, { config: given, host: { fetch } }));
});

it('asks as OpenAI’s API is asked, with the key hidden from everybody but the kernel', async () => {
  const { asked, embedder } = start(sound, { api_key: secretOf('sk-hidden'), send_dimensions: true });
  const [vector] = await (await embedder).embed(['sky']);
  expect(asked[0]?.url).toBe('http://embeddings.example/v1/embeddings');
  expect(asked[0]?.body).toEqual({ model: 'small', input: ['sky'], encoding_format: 'float', dimensions: 3 });
  expect(asked[0]?.options.headers).toMatchObject({ authorization: { prefix: 'Bearer ' } });
  expect(JSON.stringify(asked)).not.toContain('sk-hidden');
  [3, 1, 115].forEach((value, at) => {
    expect(vector?.[at]).toBeCloseTo(value / Math.hypot(3, 1, 115), 6);
  });
});

it('sends texts in batches and nothing that is blank', async () => {
  const { asked, embedder } = start(sound, { batch: 2, max_letters: 16 });
  const vectors = await (await embedder).embed(['a', ' ', 'bb', '', 'c'.repeat(50)]);
  expect(asked.map(({ body }) => body.input)).toEqual([['a', 'bb'], ['c'.repeat(16)]]);
  expect([vectors[1], vectors[3]]).toEqual([new Float32Array(3), new Float32Array(3)]);
});

it('reads floats in base64 as well', async () => {
  const bytes = Buffer.from(Float32Array.of(0, 2, 0).buffer).toString('base64');
  const { embedder } = start(() => response(200, { data: [{ index: 0, embedding: bytes }] }));
  expect(await (await embedder).embed(['x'])).toEqual([Float32Array.of(0, 1, 0)]);
});

describe('an endpoint in trouble', () => {
  it.each([429, 500, 503, 408])('is asked again after status %i', async (status) => {
    const { asked, embedder, host } = start((one, count) => (count < 3 ? response(status, {}) : sound(one, count)));
    expect(await waited(host, (await embedder).embed(['x']))).toHaveLength(1);
    expect(asked).toHaveLength(3);
  });

  it('is asked again where the connection was lost', async () => {
    const { embedder, host } = start((one, count) => {
      if (count === 1) throw new RutterError('ERR_PROVIDER_CONNECTION', 'lost');
      return sound(one, count);
    });
    expect(await waited(host, (await embedder).embed(['x']))).toHaveLength(1);
  });

  it.each([
    [400, { error: { message: 'too long' } }, 'status 400: too long'],
    [401, 'no json', 'status 401'],
    [500, { error: 'flat' }, 'status 500: flat'],
  ])('is told of with status %i', async (status, body, message) => {
    const { embedder, host } = start(() => response(status, body));
    await expect(waited(host, (await embedder).embed(['x']))).rejects.toThrow(message);
  });

  it('is given up when the time is over', async () => {
    const { asked, embedder, host } = start(() => response(429, {}, { 'retry-after': '3600' }), {
      timeout_ms: 1_000,
      retries: 9,
    });
    await expect(waited(host, (await embedder).embed(['x']))).rejects.toMatchObject({ code: 'ERR_PLUGIN_TIMEOUT' });
    expect(asked).toHaveLength(1);
    expect((await embedder).dimensions).toBe(3);
  });

  it.each([
    ['no vectors', {}, 'no list "data"; expected 1 vectors'],
    ['too many', replyTo(['a', 'b']), '2 vectors'],
    ['other dimensions', { data: [{ embedding: [1, 2] }] }, '2 dimensions; expected 3, as configured'],
    [
      'an index twice or beyond',
      { data: [{ index: 4, embedding: [1, 2, 3] }] },
      'index 4; expected each of 0 to 0 once',
    ],
    ['what is no number', { data: [{ embedding: [1, 'x', 3] }] }, 'not finite'],
    ['no embedding', { data: [{}] }, 'an embedding of type undefined'],
  ])('is refused with %s', async (_what, body, message) => {
    const { embedder } = start(() => response(200, body));
    await expect((await embedder).embed(['x'])).rejects.toThrow(message);
  });
});

it('refuses more callers than may wait', async () => {
  const gate = Promise.withResolvers<void>();
  const { embedder } = start(
    async (one, count) => {
      await gate.promise;
      return sound(one, count);
    },
    { max_in_flight: 1 },
  );
  const { embed } = await embedder;
  const first = embed(['a']);
  await expect(embed(['b'])).rejects.toMatchObject({ code: 'ERR_LIMIT_OVERLOADED' });
  gate.resolve();
  expect(await first).toHaveLength(1);
  expect(await embed(['b'])).toHaveLength(1);
});

it('is told apart by model, dimensions, length and revision', async () => {
  const changes = [{}, { model: 'large' }, { dimensions: 4 }, { max_letters: 100 }, { revision: '2' }];
  const versions = await Promise.all(changes.map(async (change) => (await start(sound, change).embedder).version));
  expect(new Set(versions).size).toBe(changes.length);
  expect((await start(sound, { api_base: 'http://other.example' }).embedder).version).toBe(versions[0]);
});
