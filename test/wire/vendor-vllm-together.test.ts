/**
 * vLLM and Together AI behind a gateway; exchanges as in
 * https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html and https://docs.together.ai/reference
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, openAiClient, openAiVendor, startGateway, startVendor, type Vendor } from '../support/index.ts';
import { askWhole, toldIn, user } from './client.ts';
import { paris, weather } from './scenarios.ts';
import { fieldsOf, listOf } from './truth.ts';
import { type Bench, choiceOf, expectFailures, sse, startBench } from './vendor-bench.ts';
import { once } from './vendors.ts';

let vllm: Bench;
let together: Bench;
beforeAll(async () => {
  [vllm, together] = await Promise.all([
    startBench({ provider: 'hosted_vllm', base: '/v1' }),
    startBench({ provider: 'together_ai', base: '/v1' }),
  ]);
});
afterAll(() => Promise.all([vllm?.gateway.stop(), together?.gateway.stop()]));

const hello = [{ role: 'user', content: 'Hello.' }];
const usage = { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29, prompt_tokens_details: null };
const reply = (message: object, finish = 'stop', choice: object = {}) => ({
  id: 'chatcmpl-7',
  object: 'chat.completion',
  created: 1_760_000_000,
  model: 'Qwen/Qwen3-32B',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: null, ...message },
      logprobs: null,
      finish_reason: finish,
      ...choice,
    },
  ],
  usage,
});
const chunk = (delta: object, finish: string | null = null, more: object = {}) => ({
  id: 'chatcmpl-7',
  object: 'chat.completion.chunk',
  created: 1_760_000_000,
  model: 'Qwen/Qwen3-32B',
  choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  ...more,
});
const call = (text: string) => ({ tool_calls: [{ index: 0, function: { arguments: text } }] });
const opened = {
  tool_calls: [{ index: 0, id: paris.id, type: 'function', function: { name: paris.name, arguments: '' } }],
};
const written = JSON.stringify(paris.input);

describe('vLLM', () => {
  it('is asked for what only it knows, and for usage', async () => {
    const own = {
      guided_json: { type: 'object', properties: { a: { type: 'string' } } },
      structured_outputs: { choice: ['yes', 'no'] },
      chat_template_kwargs: { enable_thinking: false },
      top_k: 20,
      min_p: 0.1,
      repetition_penalty: 1.1,
    };
    vllm.answers('own', { body: reply({ content: '{}' }, 'stop', { stop_reason: null }) });
    const { body } = await vllm.chat('own', { messages: hello, ...own });
    expect(vllm.asked('own').json).toEqual({ model: 'own', messages: hello, ...own });
    expect(vllm.asked('own').path).toBe('/v1/chat/completions');
    expect(body).toMatchObject({ model: 'strict/own', usage });
    vllm.answers('counted', { pieces: sse(chunk({ role: 'assistant', content: 'Hi.' }), chunk({}, 'stop'), '[DONE]') });
    await vllm.chat('counted', { messages: hello, stream: true });
    expect(vllm.asked('counted').json).toMatchObject({ stream: true, stream_options: { include_usage: true } });
  });

  it.each(['reasoning', 'reasoning_content'])('tells reasoning as %s, with calls, whole and streamed', async (name) => {
    const calls = [{ id: paris.id, type: 'function', function: { name: paris.name, arguments: written } }];
    vllm.answers(`whole-${name}`, { body: reply({ [name]: 'Hm…', tool_calls: calls }, 'tool_calls') });
    const { message } = choiceOf(await vllm.chat(`whole-${name}`, { messages: hello, tools: [weather] }));
    expect(message).toEqual({ role: 'assistant', content: null, reasoning_content: 'Hm…', tool_calls: calls });
    const pieces = sse(
      chunk({ role: 'assistant', content: '' }),
      chunk({ [name]: 'Hm' }),
      chunk({ [name]: '…' }),
      chunk(opened),
      chunk(call(written.slice(0, 7))),
      chunk(call(written.slice(7))),
      chunk({}, 'tool_calls'),
      { ...chunk({}), choices: [], usage },
      '[DONE]',
    );
    vllm.answers(`streamed-${name}`, { pieces });
    const asked = { messages: hello, tools: [weather], stream: true, stream_options: { include_usage: true } };
    const { chunks, isDone } = await vllm.chat(`streamed-${name}`, asked);
    expect(isDone).toBe(true);
    expect(toldIn(chunks)).toEqual({
      text: '',
      reasoning: 'Hm…',
      calls: [paris],
      finish: 'tool_calls',
      tokens: { prompt: 20, completion: 9, cached: 0, reasoning: 0 },
    });
  });

  it('is told the reasoning of a history, and no blocks of others', async () => {
    vllm.answers('history', { body: reply({ content: 'x' }) });
    const blocks = [{ type: 'thinking', thinking: 'signed', signature: 's' }];
    const history = [
      ...hello,
      { role: 'assistant', content: 'a', reasoning_content: 'r' },
      { role: 'assistant', content: 'b', thinking_blocks: blocks },
    ];
    await vllm.chat('history', { messages: history });
    expect(vllm.asked('history').json?.messages).toEqual([
      ...hello,
      { role: 'assistant', content: 'a', reasoning_content: 'r' },
      { role: 'assistant', content: 'b', reasoning_content: 'signed' },
    ]);
  });

  it('fails as its body says, in either form', () => {
    const message = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.";
    return expectFailures(vllm, [
      [
        400,
        { object: 'error', message, type: 'BadRequestError', param: null, code: 400 },
        400,
        'ERR_PROVIDER_CONTEXT_WINDOW',
      ],
      [
        400,
        { error: { message, type: 'BadRequestError', param: null, code: 400 } },
        400,
        'ERR_PROVIDER_CONTEXT_WINDOW',
      ],
      [
        400,
        { error: { message: 'bad grammar', type: 'BadRequestError', code: 400 } },
        400,
        'ERR_PROVIDER_BAD_REQUEST',
        /grammar/,
      ],
      [401, { error: 'Unauthorized' }, 401, 'ERR_PROVIDER_AUTHENTICATION'],
      [
        404,
        { object: 'error', message: 'The model `x` does not exist.', type: 'NotFoundError', code: 404 },
        404,
        'ERR_PROVIDER_NOT_FOUND',
      ],
      [
        500,
        { error: { message: 'EngineCore died', type: 'InternalServerError', code: 500 } },
        500,
        'ERR_PROVIDER_INTERNAL',
      ],
    ]);
  });

  it('fails in a stream as an object of that name, which the reply then lacks', async () => {
    const error = { object: 'error', message: 'Engine died', type: 'InternalServerError', param: null, code: 500 };
    vllm.answers('dying', { pieces: sse(chunk({ role: 'assistant', content: 'Half' }), error, '[DONE]') });
    const { errors, isDone } = await vllm.chat('dying', { messages: hello, stream: true });
    expect(isDone).toBe(false);
    expect(errors).toEqual([expect.objectContaining({ message: 'Engine died', rutter_code: 'ERR_PROVIDER_INTERNAL' })]);
  });
});

describe('vLLM at an address of the environment', () => {
  let gateway: Gateway;
  let vendor: Vendor;
  const start = async (env: Record<string, string>) => {
    vendor = await startVendor(openAiVendor({ reply: 'Here.' }));
    gateway = await startGateway({
      env: { HOSTED_VLLM_API_BASE: `${vendor.url}/v1`, ...env },
      config: {
        model_list: [
          { model_name: 'named', litellm_params: { model: 'hosted_vllm/org/m' } },
          { model_name: 'short', litellm_params: { model: 'vllm/m' } },
        ],
        router_settings: once,
      },
    });
  };
  afterAll(() => gateway?.stop());

  it('needs no key, and is sent one where there is one', async () => {
    await start({});
    const chat = { messages: [user('Hello.')] };
    expect((await askWhole(openAiClient(gateway), 'named', chat)).text).toBe('Here.');
    expect(vendor.requests.at(-1)).toMatchObject({ path: '/v1/chat/completions', json: { model: 'org/m' } });
    expect(vendor.requests.at(-1)!.headers.authorization).toBeUndefined();
    const { data } = await openAiClient(gateway).embeddings.create({ model: 'short', input: 'x' });
    expect(data).toHaveLength(1);
    await gateway.stop();
    await start({ HOSTED_VLLM_API_KEY: 'home-key' });
    await askWhole(openAiClient(gateway), 'short', chat);
    expect(vendor.requests.at(-1)!.headers.authorization).toBe('Bearer home-key');
  });
});

describe('Together AI', () => {
  it('ends with `eos`, which clients read as a stop', async () => {
    together.answers('eos', { body: reply({ content: 'Hi.', tool_calls: [] }, 'eos', { seed: 7 }) });
    expect(choiceOf(await together.chat('eos', { messages: hello }))).toMatchObject({ finish_reason: 'stop', seed: 7 });
    const pieces = sse(
      chunk({ role: 'assistant', content: 'Hi.' }),
      chunk({ content: '' }, 'eos', { usage }),
      '[DONE]',
    );
    together.answers('eos-streamed', { pieces });
    const { chunks, isDone } = await together.chat('eos-streamed', { messages: hello, stream: true });
    expect([isDone, toldIn(chunks).finish, toldIn(chunks).text]).toEqual([true, 'stop', 'Hi.']);
    together.answers('eos-text', {
      body: { id: 'x', choices: [{ index: 0, text: 'more', finish_reason: 'eos' }], model: 'm', usage },
    });
    const text = await together.post('/v1/completions', { model: 'eos-text', prompt: 'Once' });
    expect(choiceOf(text)).toMatchObject({ text: 'more', finish_reason: 'stop' });
  });

  it('tells and takes reasoning under its own name, beside calls', async () => {
    const pieces = sse(
      chunk({ role: 'assistant', content: '', reasoning: 'Hm' }),
      chunk({ reasoning: '…' }),
      chunk(opened),
      chunk(call(written)),
      chunk({}, 'tool_calls', { usage: { ...usage, cached_tokens: 4 } }),
      '[DONE]',
    );
    together.answers('thinking', { pieces });
    const { chunks } = await together.chat('thinking', {
      messages: hello,
      tools: [weather],
      stream: true,
      max_completion_tokens: 9,
    });
    expect(toldIn(chunks)).toMatchObject({ reasoning: 'Hm…', calls: [paris], finish: 'tool_calls' });
    expect(together.asked('thinking').json).toMatchObject({ max_tokens: 9 });
    together.answers('history', { body: reply({ content: 'x' }) });
    await together.chat('history', {
      messages: [...hello, { role: 'assistant', content: 'a', reasoning_content: 'r' }],
    });
    const [, told] = listOf(together.asked('history').json?.messages);
    expect(told).toEqual({ role: 'assistant', content: 'a', reasoning: 'r' });
  });

  it('fails as its body says', () => {
    const error = (message: string, type: string, code: string | null = null) => ({
      id: 'o',
      error: { message, type, param: null, code },
    });
    const long = 'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5000';
    return expectFailures(together, [
      [422, error(long, 'invalid_request_error'), 400, 'ERR_PROVIDER_CONTEXT_WINDOW', /max_new_tokens/],
      [
        401,
        error('Invalid API key provided', 'invalid_request_error', 'invalid_api_key'),
        401,
        'ERR_PROVIDER_AUTHENTICATION',
      ],
      [
        404,
        error('Unable to access model x', 'invalid_request_error', 'model_not_available'),
        404,
        'ERR_PROVIDER_NOT_FOUND',
      ],
      [429, error('Request was rejected due to request rate limiting.', 'rate_limit'), 429, 'ERR_PROVIDER_RATE_LIMIT'],
      [503, error('The server is overloaded', 'service_unavailable'), 503, 'ERR_PROVIDER_OVERLOADED'],
      [402, error('Credit limit exceeded', 'credit_limit'), 429, 'ERR_PROVIDER_QUOTA'],
    ]);
  });

  it('is sent its key, and nothing of it comes back', async () => {
    together.answers('keyed', { status: 401, body: { error: { message: 'bad vendor-key', type: 'x' } } });
    const { body } = await together.chat('keyed', { messages: hello });
    expect(together.asked('keyed').headers.authorization).toBe('Bearer vendor-key');
    expect(String(fieldsOf(body.error).message)).not.toContain('vendor-key');
  });
});
