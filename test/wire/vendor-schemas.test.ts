/** Schemas of replies, values of nothing and large parts, by way of vendors that each have another way with them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startVendor } from '../support/index.ts';
import { toldIn } from './client.ts';
import { reply as ofCohere } from './cohere-side.ts';
import { reply as ofOllama } from './ollama-side.ts';
import { clock } from './scenarios.ts';
import { type Fields, fieldsOf, listOf } from './truth.ts';
import { type Bench, choiceOf, sse, startBench } from './vendor-bench.ts';

const names = ['mistral', 'groq', 'deepseek', 'cohere', 'ollama_chat'] as const;
const benches = {} as Record<(typeof names)[number], Bench>;
beforeAll(async () => {
  const started = await Promise.all(names.map((provider) => startBench({ provider, streamType: 'text/event-stream' })));
  for (const [index, name] of names.entries()) benches[name] = started[index]!;
});
afterAll(() => Promise.all(Object.values(benches).map(({ gateway }) => gateway.stop())));

const hello = [{ role: 'user', content: 'Weather, as JSON.' }];
const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const response_format = { type: 'json_schema', json_schema: { name: 'weather', schema, strict: true } };
const asked = { messages: hello, response_format };
const answer = '{"city":"Oslo"}';

const whole = (message: object, finish = 'stop') => ({
  body: {
    id: 'c',
    choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finish }],
    usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 },
  },
});
const call = (name: string) => ({ id: 'call_1', type: 'function', function: { name, arguments: answer } });
const toolNames = ({ tools }: Fields) => listOf(tools).map((tool) => fieldsOf(tool.function).name);

describe('a reply by a schema', () => {
  it('is asked of Groq by its own parameter, where the model has it and the reply is whole', async () => {
    const { groq } = benches;
    groq.answers('openai/gpt-oss-20b', whole({ content: answer }));
    expect(choiceOf(await groq.chat('openai/gpt-oss-20b', asked)).message).toMatchObject({ content: answer });
    expect(groq.asked('openai/gpt-oss-20b').json).toEqual({ model: 'openai/gpt-oss-20b', ...asked });
  });

  it('is asked of Groq by a tool where the model has no other way, in a stream, and beside tools', async () => {
    const { groq } = benches;
    groq.answers(
      'llama-3.3-70b-versatile',
      whole({ content: null, tool_calls: [call('json_tool_call')] }, 'tool_calls'),
    );
    const read = await groq.chat('llama-3.3-70b-versatile', asked);
    expect(choiceOf(read)).toMatchObject({ message: { content: answer }, finish_reason: 'stop' });
    expect(fieldsOf(choiceOf(read).message)).not.toHaveProperty('tool_calls');
    const { json = {} } = groq.asked('llama-3.3-70b-versatile');
    expect([toolNames(json), json.tool_choice, json.response_format]).toEqual([
      ['json_tool_call'],
      { type: 'function', function: { name: 'json_tool_call' } },
      undefined,
    ]);

    const delta = (delta: object, finish: string | null = null) => ({
      id: 'c',
      choices: [{ index: 0, delta, finish_reason: finish }],
    });
    groq.answers('openai/gpt-oss-20b', {
      pieces: sse(
        delta({ role: 'assistant', tool_calls: [{ index: 0, ...call('json_tool_call') }] }),
        delta({}, 'tool_calls'),
        '[DONE]',
      ),
    });
    const { chunks, isDone } = await groq.chat('openai/gpt-oss-20b', { ...asked, stream: true });
    expect([toldIn(chunks), isDone]).toMatchObject([{ text: answer, calls: [], finish: 'stop' }, true]);

    groq.answers('openai/gpt-oss-20b', whole({ content: null, tool_calls: [call('json_tool_call')] }, 'tool_calls'));
    const beside = await groq.chat('openai/gpt-oss-20b', { ...asked, tools: [clock] });
    expect(choiceOf(beside)).toMatchObject({ message: { content: answer }, finish_reason: 'stop' });
    const { json: other = {} } = groq.asked('openai/gpt-oss-20b');
    expect([toolNames(other), other.tool_choice]).toEqual([['get_time', 'json_tool_call'], 'required']);
  });

  it('is asked of DeepSeek in the prompt, with its JSON mode, and held to the schema', async () => {
    const { deepseek } = benches;
    const answers = ['{"town":"Oslo"}', answer];
    deepseek.answers('deepseek-chat', ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(whole({ content: answers.shift() }).body));
    });
    expect(choiceOf(await deepseek.chat('deepseek-chat', asked)).message).toMatchObject({ content: answer });
    const bodies = deepseek.vendor.requests.map(({ json }) => json ?? {});
    expect(bodies.map((body) => body.response_format)).toEqual([{ type: 'json_object' }, { type: 'json_object' }]);
    expect(listOf(bodies[0]?.messages)[0]).toMatchObject({
      role: 'system',
      content: expect.stringContaining(JSON.stringify(schema)),
    });
    expect(listOf(bodies[1]?.messages).map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user']);
  });

  it('is asked of Cohere by a tool beside tools', async () => {
    const { cohere } = benches;
    cohere.answers('command', ofCohere({ tool_calls: [call('json_tool_call')] }, 'TOOL_CALL'));
    const read = await cohere.chat('command', { ...asked, tools: [clock] });
    expect(choiceOf(read)).toMatchObject({ message: { content: answer }, finish_reason: 'stop' });
    const { json = {} } = cohere.asked('command');
    expect([toolNames(json), json.tool_choice, json.response_format]).toEqual([
      ['get_time', 'json_tool_call'],
      'REQUIRED',
      undefined,
    ]);
  });
});

/** What clients send that write out every parameter they have. */
const nothing = {
  ...{ temperature: null, top_p: null, n: null, stop: null, seed: null, max_tokens: null, user: null, tools: null },
  ...{ presence_penalty: null, frequency_penalty: null, logprobs: null, top_logprobs: null, logit_bias: null },
  ...{ tool_choice: null, parallel_tool_calls: null, response_format: null, reasoning_effort: null, modalities: null },
};

it.each(names)('tells %s nothing of parameters that are null', async (name) => {
  const bench = benches[name];
  const reply =
    { cohere: ofCohere({ content: [] }), ollama_chat: ofOllama({ content: 'x' }) }[name as 'cohere'] ??
    whole({ content: 'x' });
  bench.answers('nulls', reply);
  const messages = [{ role: 'user', content: 'x' }];
  const { status, headers } = await bench.chat('nulls', { messages, ...nothing });
  expect([status, headers.get('x-rutter-translation')]).toEqual([200, null]);
  const { stream: _, ...sent } = bench.asked('nulls').json ?? {};
  expect(sent).toEqual({ model: 'nulls', messages });
});

describe('an image', () => {
  // More than the gateway parses at once: what is long is left out of the parse and put in again.
  const large = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(1_500_000, 'long ')]).toString(
    'base64',
  );
  const uri = `data:image/png;base64,${large}`;

  it('of any length reaches Ollama as bare base64, and Mistral as a part', async () => {
    const messages = [{ role: 'user', content: [{ type: 'image_url', image_url: { url: uri } }] }];
    benches.ollama_chat.answers('large', ofOllama({ content: 'x' }));
    expect((await benches.ollama_chat.chat('large', { messages })).status).toBe(200);
    expect(benches.ollama_chat.asked('large').json?.messages).toEqual([{ role: 'user', content: '', images: [large] }]);
    benches.mistral.answers('large', whole({ content: 'x' }));
    expect((await benches.mistral.chat('large', { messages })).status).toBe(200);
    expect(benches.mistral.asked('large').json?.messages).toEqual(messages);
  });

  it('by its address is fetched for Ollama, which reads none', async () => {
    const pixel = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
      'base64',
    );
    const pictures = await startVendor(({ response }) =>
      response.writeHead(200, { 'content-type': 'image/png' }).end(pixel),
    );
    const bench = await startBench({ provider: 'ollama', settings: { allowed_addresses: ['127.0.0.1'] } });
    bench.answers('llava', { body: { response: 'A dot.', done: true, done_reason: 'stop' } });
    const content = [
      { type: 'text', text: 'What is it?' },
      { type: 'image_url', image_url: { url: `${pictures.url}/a.png` } },
    ];
    expect(choiceOf(await bench.chat('llava', { messages: [{ role: 'user', content }] })).message).toMatchObject({
      content: 'A dot.',
    });
    expect(bench.asked('llava').json).toMatchObject({ prompt: 'What is it?', images: [pixel.toString('base64')] });
    await bench.gateway.stop();
  });
});
