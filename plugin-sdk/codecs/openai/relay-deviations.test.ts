import { describe, expect, it } from 'vitest';
import { bytes, chunk, context, opening, renamed, run, stream, usage, usageChunk } from './relay.fixture.ts';
import { OpenAiRelay } from './relay.ts';
import { readChatReply } from './reply-read.ts';
import { readChatEvents } from './stream-read.ts';

describe('reasoning under its other name', () => {
  const told = (delta: object) => run([bytes(`${chunk(delta)}${chunk({}, 'stop')}data: [DONE]\n\n`)]);
  const first = (text: string) => JSON.parse(text.slice(6, text.indexOf('\n\n'))).choices[0].delta as unknown;

  it.each<[string, object, object]>([
    ['is told under the usual one', { reasoning: 'r' }, { reasoning_content: 'r' }],
    [
      'beside other members',
      { role: 'assistant', reasoning: 'r', content: '' },
      { role: 'assistant', reasoning_content: 'r', content: '' },
    ],
    [
      'changes names with an empty member ahead of it',
      { reasoning_content: null, reasoning: 'r' },
      { reasoning: null, reasoning_content: 'r' },
    ],
    [
      'changes names with an empty member behind it',
      { reasoning: 'r', reasoning_content: '' },
      { reasoning_content: 'r', reasoning: '' },
    ],
    [
      'stays where both tell it',
      { reasoning: 'r', reasoning_content: 'r' },
      { reasoning: 'r', reasoning_content: 'r' },
    ],
    ['stays where it says nothing', { reasoning: null, content: 'c' }, { reasoning: null, content: 'c' }],
    ['stays where it is no text', { reasoning: { a: 1 }, content: 'c' }, { reasoning: { a: 1 }, content: 'c' }],
    [
      'is not sought in tool calls',
      { tool_calls: [{ index: 0, id: 'i', function: { name: 'f', arguments: '{"reasoning":"r"}' } }] },
      { tool_calls: [{ index: 0, id: 'i', function: { name: 'f', arguments: '{"reasoning":"r"}' } }] },
    ],
  ])('%s', (_what, delta, expected) => {
    const { text, relay } = told(delta);
    expect(first(text)).toEqual(expected);
    expect(text).toContain('"model":"my-group"');
    expect(relay.isComplete).toBe(true);
  });

  it('counts as output once', () => {
    expect(told({ reasoning: 'four' }).relay).toMatchObject({ hasContent: true, outputLength: 4 });
    expect(told({ reasoning: null, reasoning_content: '' }).relay.hasContent).toBe(false);
  });

  it('is renamed in whole replies too, in each of several choices', () => {
    const reply = {
      model: 'm',
      choices: [0, 1].map((index) => ({ index, message: { reasoning: `r${index}`, content: 'c' } })),
    };
    const text = Buffer.from(new OpenAiRelay(context).whole(bytes(JSON.stringify(reply)))).toString();
    expect(JSON.parse(text)).toEqual({
      model: 'my-group',
      choices: [0, 1].map((index) => ({ index, message: { reasoning_content: `r${index}`, content: 'c' } })),
    });
  });

  it('is renamed where the model stands behind it, and in an event of several lines', () => {
    const late = '{"choices":[{"delta":{"reasoning":"r"}}],"model":"m"}';
    const expected = '{"choices":[{"delta":{"reasoning_content":"r"}}],"model":"my-group"}';
    const end = chunk({}, 'stop');
    expect(run([bytes(`data: ${late}\n\n${end}`)]).text).toContain(`data: ${expected}\n\n`);
    const lines = late.replace(',"model"', ',\ndata: "model"');
    expect(run([bytes(`data: ${lines}\n\n${end}`)]).text).toContain(expected.replace(',"model"', ', "model"'));
  });
});

describe('a reason to finish that is not OpenAI’s', () => {
  it.each([
    ['eos', 'stop'],
    ['max_tokens', 'length'],
    ['tool_use', 'tool_calls'],
    ['never-heard-of', 'stop'],
    ['', ''],
  ])('%s is told as %s, in a stream and in a whole reply', (found, told) => {
    const end = found === '' ? '' : chunk({}, 'stop');
    const { text } = run([bytes(`${chunk({ content: 'a' }, found)}${end}data: [DONE]\n\n`)]);
    expect(JSON.parse(text.slice(6, text.indexOf('\n\n'))).choices[0].finish_reason).toBe(told);
    const reply = `{"model":"m","choices":[{"finish_reason":"${found}","message":{"reasoning":"r"}}]}`;
    expect(JSON.parse(Buffer.from(new OpenAiRelay(context).whole(bytes(reply))).toString())).toEqual({
      model: 'my-group',
      choices: [{ finish_reason: told, message: { reasoning_content: 'r' } }],
    });
  });

  it.each(['stop', 'length', 'tool_calls', 'content_filter', 'function_call'])('%s stays', (finish) => {
    const text = `${chunk({}, finish)}data: [DONE]\n\n`;
    expect(run([bytes(text)]).text).toBe(renamed(text));
  });
});

describe('an error that a reply carries though it began well', () => {
  it.each<[string, string, string]>([
    ['by itself', '"error":{"code":429,"message":"slow"},"choices":[]', 'ERR_PROVIDER_RATE_LIMIT'],
    [
      'beside a choice',
      '"error":{"code":"server_error","message":"away"},"choices":[{"delta":{"content":""},"finish_reason":"error"}]',
      'ERR_PROVIDER_INTERNAL',
    ],
    [
      'in a choice',
      '"choices":[{"error":{"code":502,"message":"bad"},"message":{"content":"half"}}]',
      'ERR_PROVIDER_BAD_GATEWAY',
    ],
    ['as the end of a choice', '"choices":[{"delta":{},"finish_reason":"error"}]', 'ERR_PROVIDER_INTERNAL'],
    [
      'as an object of that name',
      '"object":"error","message":"maximum context length is 5","code":400',
      'ERR_PROVIDER_CONTEXT_WINDOW',
    ],
  ])('%s fails it, streamed, whole and translated', (_where, members, code) => {
    const body = `{"id":"1","model":"m",${members}}`;
    const relay = new OpenAiRelay(context);
    relay.push(bytes(`data: ${body}\n\n`));
    expect(relay.failure).toMatchObject({ code });
    expect(() => new OpenAiRelay(context).whole(bytes(body))).toThrow(expect.objectContaining({ code }));
    expect(() => readChatReply(JSON.parse(body))).toThrow(expect.objectContaining({ code }));
    expect(() => readChatEvents()({ event: '', data: body })).toThrow(expect.objectContaining({ code }));
  });

  it.each([
    [1002, 'ERR_PROVIDER_RATE_LIMIT'],
    [1004, 'ERR_PROVIDER_AUTHENTICATION'],
    [1008, 'ERR_PROVIDER_QUOTA'],
    [1027, 'ERR_PROVIDER_CONTENT_POLICY'],
    [2013, 'ERR_PROVIDER_BAD_REQUEST'],
    [1000, 'ERR_PROVIDER_INTERNAL'],
  ])('in `base_resp`, by the code %s, fails a reply without choices', (status, code) => {
    const body = { id: '1', choices: null, base_resp: { status_code: status, status_msg: 'why' } };
    const expected = expect.objectContaining({ code, message: 'why' });
    expect(() => new OpenAiRelay(context).whole(bytes(JSON.stringify(body)))).toThrow(expected);
    expect(() => readChatReply(body)).toThrow(expected);
  });

  it('is none in a `base_resp` of success', () => {
    const body = { choices: [{ message: { content: 'a' } }], base_resp: { status_code: 0, status_msg: '' } };
    expect(readChatReply(body)).toMatchObject({ text: 'a' });
  });

  it('is none where the member says nothing', () => {
    const text = `data: {"object":"chat.completion.chunk","error":null,"choices":[{"error":null,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`;
    expect(run([bytes(text)]).text).toBe(text);
  });
});

describe('an opening chunk that tells what was found in the prompt', () => {
  const found = '[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}]';
  const ahead = `data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":${found}}\n\n`;

  it('goes into the next one, which has the stream’s id, wherever the bytes are cut', () => {
    const whole = bytes(ahead + stream);
    const expected = renamed(stream).replace('data: {', `data: {"prompt_filter_results":${found},`);
    for (let at = 1; at < whole.length; at++) {
      const { text } = run([whole.subarray(0, at), whole.subarray(at)]);
      if (text !== expected) expect(`${at}: ${text}`).toBe(expected);
    }
  });

  it('is lost with a stream that ends behind it, and leaves other chunks without choices alone', () => {
    const relay = new OpenAiRelay(context);
    expect(relay.push(bytes(ahead))).toBeUndefined();
    expect(() => relay.finish()).toThrow('closed the stream before');
    const other = 'data: {"choices":[],"model":"my-group","note":1}\n\n';
    expect(run([bytes(other + stream)]).text).toBe(renamed(other + stream));
  });
});

describe('cached tokens under a vendor’s own name', () => {
  const own = { prompt_tokens: 20, completion_tokens: 9, prompt_cache_hit_tokens: 8, prompt_cache_miss_tokens: 12 };
  const told = { prompt_tokens_details: { cached_tokens: 8 }, ...own };
  const whole = (counts: object) => bytes(`{"id":"x","model":"m","usage":${JSON.stringify(counts)},"choices":[]}`);

  it('are told under the usual one too, whole and streamed, wherever the bytes are cut', () => {
    const reply = new OpenAiRelay(context).whole(whole(own));
    expect(JSON.parse(Buffer.from(reply).toString())).toMatchObject({ model: 'my-group', usage: told });
    const counted = usageChunk.replace(JSON.stringify(usage), JSON.stringify(own));
    const all = bytes(`${opening}${chunk({ content: 'x' })}${chunk({}, 'stop')}${counted}data: [DONE]\n\n`);
    const { text } = run([all]);
    expect(text).toContain(`"usage":${JSON.stringify(told)}}`);
    for (let at = 0; at < all.length; at += 7) expect(run([all.subarray(0, at), all.subarray(at)]).text).toBe(text);
  });

  it('stand where the usual name is there already', () => {
    const reply = new OpenAiRelay({ ...context, model: 'm' });
    const body = whole({ ...own, prompt_tokens_details: { cached_tokens: 8 } });
    expect(reply.whole(body)).toBe(body);
  });
});
