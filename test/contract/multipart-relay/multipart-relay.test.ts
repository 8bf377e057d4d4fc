import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import {
  type Gateway,
  sendJson,
  startBrokenVendor,
  startGateway,
  startVendor,
  until,
  type Vendor,
  type VendorExchange,
  type VendorRequest,
  within,
} from '../../support/index.ts';

const mebibyte = 1024 * 1024;
const transcript = {
  text: 'all quiet on deck',
  usage: { type: 'tokens', input_tokens: 14, output_tokens: 45, total_tokens: 59 },
};

let vendor: Vendor;
let large: Vendor;
let gateway: Gateway;
let spool: string;

beforeAll(async () => {
  spool = await mkdtemp(join(tmpdir(), 'rutter-spool-'));
  vendor = await startVendor(answer);
  large = await startVendor(measure, { bodies: 'leave' });
  const { url: nowhere } = await startBrokenVendor('refuse');
  const deployment = (group: string, url: string, params: object = {}) => ({
    model_name: group,
    litellm_params: { model: 'scribe/whisper-large', api_base: `${url}/v1`, api_key: 'sk-vendor', ...params },
  });
  gateway = await startGateway({
    config: {
      plugins: [{ use: import.meta.dirname, trust: true }],
      model_list: [
        deployment('transcribe', vendor.url),
        deployment('large', large.url),
        deployment('german', vendor.url, {
          language: 'de',
          temperature: 0.2,
          extra_body: { chunking_strategy: { type: 'auto' } },
        }),
        deployment('spread', vendor.url, { weight: 1 }),
        deployment('spread', `${vendor.url}/other`, { weight: 1 }),
        deployment('half-away', nowhere),
        deployment('half-away', vendor.url),
      ],
      router_settings: { num_retries: 3, retry_after: 0 },
      general_settings: { max_multipart_size_mb: 256 },
    },
    env: { TMPDIR: spool },
  });
}, 30_000);

afterAll(async () => {
  await gateway?.stop();
  await rm(spool, { recursive: true, force: true });
  // An error without a listener is thrown into whatever runs just then, such as the parser of another connection.
  expect(gateway.log().filter(({ msg }) => msg === 'an error was caught by nobody')).toEqual([]);
});

afterEach(async () => {
  vendor.use(answer);
  (vendor.requests as VendorRequest[]).length = 0;
  await until(
    'the spooled files to be gone',
    async () => (await readdir(spool)).filter((name) => name.startsWith('rutter-form-')).length === 0,
  );
});

const answer = ({ response }: VendorExchange) => sendJson(response, 200, transcript);

type Entry = readonly [name: string, value: string | Blob, filename?: string];

function post(entries: readonly Entry[], signal?: AbortSignal) {
  const form = new FormData();
  for (const [name, value, filename] of entries) {
    if (typeof value === 'string') form.append(name, value);
    else form.append(name, value, filename);
  }
  return fetch(`${gateway.url}/v1/audio/transcriptions`, {
    method: 'POST',
    body: form,
    headers: { authorization: 'Bearer sk-caller' },
    ...(signal ? { signal } : {}),
  });
}

/** Name and value of each part as the vendor got it, files by length and digest. */
async function partsOf({ body, headers }: VendorRequest) {
  const form = await new Response(new Uint8Array(body), {
    headers: { 'content-type': headers['content-type'] ?? '' },
  }).formData();
  return Promise.all(
    [...form].map(async ([name, value]) => {
      if (typeof value === 'string') return [name, value];
      return [name, value.name, value.type, value.size, digest(Buffer.from(await value.arrayBuffer()))];
    }),
  );
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex').slice(0, 16);
const bytesOf = (length: number) => Uint8Array.from({ length }, (_none, index) => (index * 31 + (index >> 8)) & 255);

/** A recording with the bytes that a careless form writer trips over. */
const recording = new Uint8Array([...Buffer.from('\r\n--rutter-\r\n\r\n--'), ...bytesOf(5000)]);
const file = (bytes: Uint8Array<ArrayBuffer>): Entry => [
  'file',
  new Blob([bytes], { type: 'audio/wav' }),
  'log "7" ü.wav',
];
const partOf = (bytes: Uint8Array) => ['file', 'log "7" ü.wav', 'audio/wav', bytes.length, digest(bytes)];

it('rewrites the model and passes the rest of the form on as it came', async () => {
  const response = await post([
    ['model', 'transcribe'],
    ['timestamp_granularities[]', 'word'],
    file(recording),
    ['timestamp_granularities[]', 'segment'],
    ['prompt', 'a\r\nb'],
  ]);
  expect(await response.json()).toEqual(transcript);
  const [asked] = vendor.requests as [VendorRequest];
  expect(asked.path).toBe('/v1/audio/transcriptions');
  expect(asked.headers.authorization).toBe('Bearer sk-vendor');
  expect(await partsOf(asked)).toEqual([
    ['model', 'whisper-large'],
    ['timestamp_granularities[]', 'word'],
    partOf(recording),
    ['timestamp_granularities[]', 'segment'],
    ['prompt', 'a\r\nb'],
  ]);
  const line = await gateway.waitForLog(({ operation }) => operation === 'transcription');
  expect(line).toMatchObject({ model: 'transcribe', status: 200, inputTokens: 14, outputTokens: 45 });
});

it.each([
  ['small enough for memory', recording],
  ['that has to wait on disk', bytesOf(5 * mebibyte)],
])('takes a file ahead of the model, %s', async (_how, bytes) => {
  const response = await post([['language', 'de'], file(bytes), ['model', 'transcribe'], file(recording)]);
  expect(response.status).toBe(200);
  expect(await partsOf(vendor.requests[0] as VendorRequest)).toEqual([
    ['language', 'de'],
    partOf(bytes),
    ['model', 'whisper-large'],
    partOf(recording),
  ]);
});

it("adds a deployment's defaults where the caller sent nothing, even after the model", async () => {
  await post([['model', 'german'], file(recording), ['language', 'fr']]);
  expect(await partsOf(vendor.requests[0] as VendorRequest)).toEqual([
    ['model', 'whisper-large'],
    partOf(recording),
    ['language', 'fr'],
    ['temperature', '0.2'],
    ['chunking_strategy', '{"type":"auto"}'],
  ]);
});

it('lets no second model through, neither as a field nor as a file', async () => {
  const other = new Blob(['gpt-5'], { type: 'text/plain' });
  await post([['model', 'transcribe'], ['model', 'gpt-5'], ['model', other, 'model'], file(recording)]);
  expect(await partsOf(vendor.requests[0] as VendorRequest)).toEqual([
    ['model', 'whisper-large'],
    ['model', 'whisper-large'],
    partOf(recording),
  ]);
});

it('passes a reply on that is no JSON', async () => {
  vendor.use(({ response }) => {
    response.writeHead(200, { 'content-type': 'text/vtt' });
    response.end('WEBVTT\n\n00:00.000 --> 00:01.000\nall quiet');
  });
  const response = await post([['model', 'transcribe'], file(recording), ['response_format', 'vtt']]);
  expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
    200,
    'text/vtt',
    'WEBVTT\n\n00:00.000 --> 00:01.000\nall quiet',
  ]);
});

it.each([
  ['after the model', false],
  ['ahead of the model', true],
])(
  'streams 200 MiB %s through memory that stays flat',
  async (_where, isFirst) => {
    // Once warm, buffers are used again; before, their number grows.
    await sendLarge(48 * mebibyte, isFirst);
    const before = await gateway.memory();
    let most = before;
    const watch = setInterval(async () => {
      most = Math.max(most, await gateway.memory());
    }, 25);
    const sent = await sendLarge(200 * mebibyte, isFirst).finally(() => clearInterval(watch));
    expect(sent).toMatchObject({
      status: 200,
      reply: { length: 200 * mebibyte, digest: sent.digest, model: 'whisper-large' },
    });
    expect((most - before) / mebibyte).toBeLessThan(80);
  },
  40_000,
);

it('never tries again once a form has begun to leave, whoever else could be asked', async () => {
  vendor.use(({ response }) => sendJson(response, 503, { error: { message: 'not now' } }));
  const response = await post([['model', 'spread'], file(recording)]);
  expect(response.status).toBe(503);
  expect(vendor.requests).toHaveLength(1);
});

it('tries another deployment while nothing of the form has left', async () => {
  // Which of the two is asked first is left to chance.
  for (let count = 0; count < 12; count++) {
    const response = await post([file(recording), ['model', 'half-away']]);
    expect(response.status).toBe(200);
  }
  for (const asked of vendor.requests)
    expect(await partsOf(asked)).toEqual([partOf(recording), ['model', 'whisper-large']]);
  await gateway.waitForLog(({ attempts, status }) => status === 200 && Number(attempts) > 1);
});

it('passes on a refusal that comes while the form is still on its way', async () => {
  large.use(({ incoming, response }) => {
    sendJson(response, 400, { error: { message: 'no such language' } });
    // Closing at once would reset the connection and take the answer with it (RFC 9112 §9.6).
    incoming.resume();
  });
  const sent = await within('the refusal', sendLarge(64 * mebibyte, false));
  large.use(measure);
  expect(sent).toMatchObject({
    status: 400,
    reply: { error: { message: expect.stringContaining('no such language') } },
  });
});

it('leaves the vendor, and nothing on disk, when the caller leaves halfway', async () => {
  const leaving = new AbortController();
  const asked = sendLarge(64 * mebibyte, false, { signal: leaving.signal, stopAfter: 8 * mebibyte });
  const [request] = await large.waitForRequests(large.requests.length + 1);
  const last = large.requests.at(-1) ?? request;
  setTimeout(() => leaving.abort(), 200);
  await expect(asked).rejects.toThrow();
  await within('the vendor to be left', last?.closed ?? Promise.resolve());
  expect(last?.abortedAt).toBeGreaterThan(0);
  await gateway.waitForLog(({ group, status }) => group === 'large' && status === 499);
});

it.each([
  ['a form without a model', 400, [file(recording)], { param: 'model' }],
  ['a model nobody offers', 400, [['model', 'nobody'], file(recording)], { param: 'model' }],
  [
    'a field that is too long',
    413,
    [
      ['prompt', 'x'.repeat(2 * mebibyte)],
      ['model', 'transcribe'],
    ],
    {},
  ],
] as const)('refuses %s in the words of the dialect', async (_what, status, entries, error) => {
  const response = await post(entries as readonly Entry[]);
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ error: { message: expect.any(String), ...error } });
  expect(vendor.requests).toHaveLength(0);
});

it('refuses what is no form, and a form beyond the size allowed', async () => {
  const json = await fetch(`${gateway.url}/v1/audio/transcriptions`, {
    method: 'POST',
    body: '{"model":"transcribe"}',
    headers: { 'content-type': 'application/json' },
  });
  expect(json.status).toBe(415);
  const cut = await fetch(`${gateway.url}/v1/audio/transcriptions`, {
    method: 'POST',
    body: '--b\r\ncontent-disposition: form-data; name="model"\r\n\r\ntransc',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
  });
  expect(cut.status).toBe(400);
  expect((await sendLarge(300 * mebibyte, true)).status).toBe(413);
}, 40_000);

interface LargeOptions {
  readonly signal?: AbortSignal;
  /** Falls silent after this many bytes of the file. */
  readonly stopAfter?: number;
}

/** Sends a form with a large file, chunk by chunk, and gives what came back. */
async function sendLarge(
  size: number,
  isFirst: boolean,
  { signal, stopAfter = Number.POSITIVE_INFINITY }: LargeOptions = {},
) {
  const asked = request(`${gateway.url}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=large' },
    ...(signal ? { signal } : {}),
  });
  const replied = once(asked, 'response') as Promise<[IncomingMessage]>;
  replied.catch(() => {});
  let isAnswered = false;
  replied.then(
    () => {
      isAnswered = true;
    },
    () => {},
  );
  const model = '--large\r\ncontent-disposition: form-data; name="model"\r\n\r\nlarge\r\n';
  const head =
    '--large\r\ncontent-disposition: form-data; name="file"; filename="large.wav"\r\ncontent-type: audio/wav\r\n\r\n';
  const hash = createHash('sha256');
  const chunk = Buffer.from(bytesOf(mebibyte / 4));
  const write = async (bytes: Buffer | string) => {
    if (!asked.write(bytes) && !isAnswered) await Promise.race([once(asked, 'drain'), replied]);
  };
  await write(isFirst ? head : model + head);
  for (let sent = 0; sent < size && !isAnswered && sent < stopAfter; sent += chunk.length) {
    chunk.writeUInt32BE(sent, 0);
    hash.update(chunk);
    // A copy: what has been written may still lie in a buffer when the next one is made.
    await write(Buffer.from(chunk));
  }
  if (stopAfter < size) await replied;
  if (!isAnswered) asked.end(`\r\n${isFirst ? model : ''}--large--\r\n`);
  const [response] = await replied;
  let text = '';
  for await (const part of response) text += part;
  asked.destroy();
  return {
    status: response.statusCode,
    digest: hash.digest('hex'),
    reply: JSON.parse(text) as Record<string, unknown>,
  };
}

/** Answers with the length and digest of the large file, and the model beside it. */
async function measure({ incoming, response }: VendorExchange): Promise<void> {
  const boundary = /boundary=(\S+)/.exec(incoming.headers['content-type'] ?? '')?.[1];
  const end = Buffer.from(`\r\n--${boundary}`);
  const hash = createHash('sha256');
  let length = 0;
  let outside = '';
  let held: Buffer = Buffer.alloc(0);
  let isInside = false;
  const take = (bytes: Buffer) => {
    hash.update(bytes);
    length += bytes.length;
  };
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    held = Buffer.concat([held, chunk]);
    if (!isInside && length === 0) {
      const begin = held.indexOf('\r\n\r\n', Math.max(0, held.indexOf('filename="large.wav"')));
      if (!held.includes('filename="large.wav"') || begin === -1) continue;
      outside += held.subarray(0, begin).toString();
      held = held.subarray(begin + 4);
      isInside = true;
    }
    if (!isInside) continue;
    const stop = held.indexOf(end);
    const sure = stop === -1 ? Math.max(0, held.length - end.length) : stop;
    take(held.subarray(0, sure));
    held = held.subarray(sure);
    isInside = stop === -1;
  }
  const model = /name="model"\r\n\r\n([^\r]*)\r\n/.exec(outside + held.toString())?.[1];
  sendJson(response, 200, { length, digest: hash.digest('hex'), model });
}
