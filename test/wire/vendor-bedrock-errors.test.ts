/** Errors of Amazon Bedrock: ahead of a reply, inside a stream, and who is asked again because of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Gateway,
  openAiClient,
  readEvents,
  sendJson,
  startGateway,
  startVendor,
  type Vendor,
} from '../support/index.ts';
import { frame, sendFault, sendFrames } from './bedrock-side.ts';
import { type Fields, fieldsOf } from './truth.ts';

let vendor: Vendor;
let gateway: Gateway;
const secret = 'wire/secret+key/of/the/deployment';

beforeAll(async () => {
  vendor = await startVendor(() => {});
  const entry = (model_name: string, model: string, params: object = {}) => ({
    model_name,
    litellm_params: {
      model: `bedrock/${model}`,
      api_base: vendor.url,
      aws_region_name: 'eu-west-1',
      aws_access_key_id: 'AKIDWIRE',
      aws_secret_access_key: secret,
      ...params,
    },
  });
  gateway = await startGateway({
    config: {
      model_list: [
        entry('once', 'anthropic.claude-sonnet-4-5-20250929-v1:0'),
        entry('invoked', 'invoke/anthropic.claude-sonnet-4-5-20250929-v1:0'),
        entry('long', 'anthropic.claude-sonnet-4-5-20250929-v1:0'),
        entry('longer', 'amazon.nova-premier-v1:0'),
        ...['a', 'b'].map((name) => entry('pair', `amazon.${name}`, { num_retries: 2 })),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        context_window_fallbacks: [{ long: ['longer'] }],
      },
      general_settings: { retry_budget: 100 },
    },
  });
});
afterAll(() => gateway?.stop());

const whole = { output: { message: { role: 'assistant', content: [{ text: 'Aye.' }] } }, stopReason: 'end_turn' };

async function ask(model: string, more: Fields = {}) {
  const before = vendor.requests.length;
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Ahoy' }], ...more }),
  });
  const text = await response.text();
  return { status: response.status, text, headers: response.headers, asked: vendor.requests.length - before };
}

const errorOf = (text: string) => fieldsOf((JSON.parse(text) as Fields).error);

describe('an error ahead of the reply', () => {
  it.each([
    [429, 'ThrottlingException', 'Too many requests, please wait before trying again.', 429, 'ERR_PROVIDER_RATE_LIMIT'],
    [429, 'ThrottlingException', 'Too many tokens per day, please wait.', 429, 'ERR_PROVIDER_QUOTA'],
    [400, 'ServiceQuotaExceededException', 'Your request exceeds the quota.', 429, 'ERR_PROVIDER_QUOTA'],
    [400, 'ValidationException', 'Input is too long for requested model.', 400, 'ERR_PROVIDER_CONTEXT_WINDOW'],
    [
      400,
      'ValidationException',
      'The model returned the following errors: input length and `max_tokens` exceed context limit: 199000 + 8000 > 200000',
      400,
      'ERR_PROVIDER_CONTEXT_WINDOW',
    ],
    [
      400,
      'ValidationException',
      'The maximum tokens you requested exceeds the model limit of 4096. Try again with a maximum tokens value that is lower than 4096.',
      400,
      'ERR_PROVIDER_BAD_REQUEST',
    ],
    [400, 'ValidationException', 'Output blocked by content filtering policy', 400, 'ERR_PROVIDER_CONTENT_POLICY'],
    [400, 'ValidationException', 'The provided model identifier is invalid.', 404, 'ERR_PROVIDER_NOT_FOUND'],
    [400, 'ValidationException', 'messages.0: all messages must have content', 400, 'ERR_PROVIDER_BAD_REQUEST'],
    [
      403,
      'AccessDeniedException',
      "You don't have access to the model with the specified model ID.",
      403,
      'ERR_PROVIDER_PERMISSION',
    ],
    [
      403,
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
      401,
      'ERR_PROVIDER_AUTHENTICATION',
    ],
    [
      403,
      'InvalidSignatureException',
      'The request signature we calculated does not match.',
      401,
      'ERR_PROVIDER_AUTHENTICATION',
    ],
    [
      403,
      'AccessDeniedException',
      'Authentication failed: Please make sure your API Key is valid.',
      401,
      'ERR_PROVIDER_AUTHENTICATION',
    ],
    [
      404,
      'ResourceNotFoundException',
      'This model version has reached the end of its life.',
      404,
      'ERR_PROVIDER_NOT_FOUND',
    ],
    [408, 'ModelTimeoutException', 'Model has timed out.', 408, 'ERR_PROVIDER_TIMEOUT'],
    [
      424,
      'ModelErrorException',
      'The system encountered an unexpected error during processing.',
      500,
      'ERR_PROVIDER_INTERNAL',
    ],
    [429, 'ModelNotReadyException', 'Model is not ready for inference.', 503, 'ERR_PROVIDER_UNAVAILABLE'],
    [500, 'InternalServerException', 'The system encountered an unexpected error.', 500, 'ERR_PROVIDER_INTERNAL'],
    [503, 'ServiceUnavailableException', 'Bedrock is unable to process your request.', 503, 'ERR_PROVIDER_UNAVAILABLE'],
  ])('%i %s: %s', async (status, type, message, seen, code) => {
    vendor.use((exchange) => sendFault(exchange, status, type, { message }));
    for (const more of [{}, { stream: true }]) {
      const got = await ask('once', more);
      expect([got.status, errorOf(got.text).rutter_code]).toEqual([seen, code]);
      expect(errorOf(got.text).message).toContain(message);
    }
  });

  it('is known by the class in the body where the header has none', async () => {
    vendor.use(({ response }) =>
      sendJson(response, 400, {
        __type: 'com.amazon.coral.availability#ThrottlingException',
        message: 'Rate exceeded',
      }),
    );
    expect((await ask('once')).status).toBe(429);
  });

  it('is the request’s fault where the model itself answered 400', async () => {
    const message = 'prompt is too long: 200001 tokens > 200000 maximum';
    vendor.use((exchange) => sendFault(exchange, 424, 'ModelErrorException', { message, originalStatusCode: 400 }));
    expect(errorOf((await ask('once')).text).rutter_code).toBe('ERR_PROVIDER_CONTEXT_WINDOW');
  });

  it.each([
    ['', 500],
    ['<html>gateway</html>', 502],
    ['{"message":', 503],
  ])('is an error too where nothing can be read from %j', async (body, status) => {
    vendor.use(({ response }) => response.writeHead(status).end(body));
    expect((await ask('once')).status).toBe(status);
  });

  it('repeats no secret', async () => {
    vendor.use((exchange) => sendFault(exchange, 403, 'AccessDeniedException', { message: `not with ${secret}` }));
    const { text } = await ask('once');
    expect(text).toContain('not with [redacted]');
    expect(gateway.output()).not.toContain(secret);
  });

  it('sends what is too long for one model to its fallback', async () => {
    vendor.use((exchange) =>
      exchange.request.path.includes('nova')
        ? sendJson(exchange.response, 200, whole)
        : sendFault(exchange, 400, 'ValidationException', { message: 'Input is too long for requested model.' }),
    );
    const got = await ask('long');
    expect([got.status, got.asked]).toEqual([200, 2]);
  });

  it('sends what one deployment may not do now to the next', async () => {
    vendor.use([
      (exchange) => sendFault(exchange, 429, 'ThrottlingException', { message: 'Too many requests' }),
      ({ response }) => sendJson(response, 200, whole),
    ]);
    const got = await ask('pair');
    expect([got.status, got.asked]).toEqual([200, 2]);
    expect(new Set(vendor.requests.slice(-2).map(({ path }) => path)).size).toBe(2);
  });
});

const words = [
  frame('messageStart', { role: 'assistant' }),
  frame('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'Ay' } }),
];

describe('an exception inside a stream', () => {
  it.each([
    ['throttlingException', 'Rate exceeded', 'ERR_PROVIDER_RATE_LIMIT'],
    ['internalServerException', 'Unexpected', 'ERR_PROVIDER_INTERNAL'],
    ['modelStreamErrorException', 'The model stumbled', 'ERR_PROVIDER_INTERNAL'],
    ['modelTimeoutException', 'Timed out', 'ERR_PROVIDER_TIMEOUT'],
    ['serviceUnavailableException', 'Not now', 'ERR_PROVIDER_UNAVAILABLE'],
    ['validationException', 'Input is too long for requested model.', 'ERR_PROVIDER_CONTEXT_WINDOW'],
  ])('%s ends it by one error and nothing after it', async (type, message, code) => {
    for (const model of ['once', 'invoked']) {
      vendor.use((exchange) => sendFrames(exchange, [frame(type, { message }, 'exception')]));
      const bare = await ask(model, { stream: true });
      expect([model, errorOf(bare.text).rutter_code]).toEqual([model, code]);
    }
    vendor.use((exchange) => sendFrames(exchange, [...words, frame(type, { message }, 'exception')]));
    const begun = await ask('once', { stream: true });
    const events = readEvents(begun.text).map(({ data }) => data);
    expect([begun.status, events.includes('[DONE]')]).toEqual([200, false]);
    expect(errorOf(events.at(-1)!)).toMatchObject({ rutter_code: code, message: expect.stringContaining(message) });
  });

  it('ahead of any word is tried again elsewhere', async () => {
    vendor.use([
      (exchange) => sendFrames(exchange, [frame('throttlingException', { message: 'Rate exceeded' }, 'exception')]),
      (exchange) => sendFrames(exchange, [...words, frame('messageStop', { stopReason: 'end_turn' })]),
    ]);
    const stream = await openAiClient(gateway).chat.completions.create({
      model: 'pair',
      messages: [{ role: 'user', content: 'Ahoy' }],
      stream: true,
    });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe('Ay');
  });

  it('is told of where a frame is damaged', async () => {
    const damaged = Buffer.from(words[1]!);
    damaged.writeUInt8(damaged.readUInt8(30) ^ 1, 30);
    vendor.use((exchange) => sendFrames(exchange, [...words, damaged]));
    const { text } = await ask('once', { stream: true });
    expect(errorOf(readEvents(text).at(-1)!.data)).toMatchObject({
      rutter_code: 'ERR_PROVIDER_STREAM',
      message: expect.stringContaining('checksum'),
    });
  });
});
