import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RutterError } from '../../contract/errors.ts';
import { maxEventBytes } from '../sse-split.ts';
import { OpenAiRelay } from './relay.ts';
import { readChatReply } from './reply-read.ts';
import { ReplyScan } from './scan.ts';
import { readChatEvents } from './stream-read.ts';

const context = { model: 'my-group', includeUsage: true };
const hidden = { model: 'my-group', includeUsage: false };

const head = '"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-2024-08-06"';
const chunk = (delta: unknown, finish: string | null = null) =>
  `data: {${head},"choices":[{"index":0,"delta":${JSON.stringify(delta)},"logprobs":null,"finish_reason":${JSON.stringify(finish)}}],"usage":null}\n\n`;
const usage = {
  prompt_tokens: 20,
  completion_tokens: 9,
  total_tokens: 29,
  prompt_tokens_details: { cached_tokens: 8 },
  completion_tokens_details: { reasoning_tokens: 4 },
};
const usageChunk = `data: {${head},"choices":[],"usage":${JSON.stringify(usage)}}\n\n`;
const opening = chunk({ role: 'assistant', content: '', refusal: null });
const stream = [
  ': welcome\n\n',
  opening,
  chunk({ content: 'Grüße, 世界 👋 "quoted" \\ end' }),
  chunk({ tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'look', arguments: '' } }] }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: '{"model":"not this"}' } }] }),
  chunk({}, 'tool_calls'),
  usageChunk,
  'data: [DONE]\n\n',
].join('');

interface Ran {
  readonly text: string;
  readonly relay: OpenAiRelay;
}

function run(pieces: readonly Uint8Array[], relay = new OpenAiRelay(context)): Ran {
  const sent: Uint8Array[] = [];
  for (const piece of pieces) {
    const out = relay.push(piece);
    if (out !== undefined) sent.push(Buffer.from(out));
  }
  const rest = relay.finish();
  if (rest !== undefined) sent.push(rest);
  return { text: Buffer.concat(sent).toString(), relay };
}

const bytes = (text: string) => Buffer.from(text);
const renamed = (text: string) => text.replaceAll('"model":"gpt-4o-2024-08-06"', '"model":"my-group"');

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

describe('a relayed stream', () => {
  it('is the same bytes but for the model of every chunk', () => {
    expect(run([bytes(stream)]).text).toBe(renamed(stream));
    expect(run([bytes(stream)], new OpenAiRelay({ ...context, model: undefined })).text).toBe(stream);
    expect(run([bytes(stream)], new OpenAiRelay({ ...context, model: 'gpt-4o-2024-08-06' })).text).toBe(stream);
  });

  it('is the same wherever its chunks are cut', () => {
    const whole = bytes(stream);
    const expected = renamed(stream);
    // The name and the arguments of the tool count like text; a waving hand is one character.
    const length = [...'Grüße, 世界 👋 "quoted" \\ end', ...'look', ...'{"model":"not this"}'].length;
    for (let at = 1; at < whole.length; at++) {
      const { text, relay } = run([whole.subarray(0, at), whole.subarray(at)]);
      if (text !== expected) expect(`${at}: ${text}`).toBe(expected);
      if (relay.outputLength !== length || relay.usage?.input !== 12)
        expect({ at, length: relay.outputLength, usage: relay.usage }).toBe(length);
    }
    expect(run([...whole].map((byte) => Uint8Array.of(byte))).text).toBe(expected);
  });

  it('is the same in any number of pieces, with either line end', () => {
    const crlf = stream.replaceAll('\n', '\r\n');
    for (const [text, expected] of [
      [stream, renamed(stream)],
      [crlf, renamed(crlf)],
    ] as const) {
      const whole = bytes(text);
      fc.assert(
        fc.property(fc.array(fc.nat(whole.length), { maxLength: 12 }), (cuts) => {
          const at = [0, ...cuts.sort((a, b) => a - b), whole.length];
          const pieces = at.slice(1).map((end, index) => whole.subarray(at[index], end));
          expect(run(pieces).text).toBe(expected);
        }),
        { numRuns: 200 },
      );
    }
  });

  it('leaves chunks it has handed out alone when more arrive', () => {
    const relay = new OpenAiRelay(context);
    const whole = bytes(stream);
    const sent: { out: Uint8Array; before: string }[] = [];
    for (let at = 0; at < whole.length; at += 37) {
      const out = relay.push(whole.subarray(at, at + 37));
      if (out !== undefined) sent.push({ out, before: Buffer.from(out).toString() });
    }
    for (const { out, before } of sent) expect(Buffer.from(out).toString()).toBe(before);
  });

  it('hides the usage chunk from who did not ask, and knows it all the same', () => {
    const { text, relay } = run([bytes(stream)], new OpenAiRelay(hidden));
    expect(text).toBe(renamed(stream.replace(usageChunk, '')));
    expect(relay.usage).toEqual({ input: 12, cachedInput: 8, output: 5, reasoning: 4 });
  });

  it('keeps chunks without choices that tell no usage, and usage beside choices', () => {
    const filter = `data: {${head},"choices":[],"notes":[{"prompt_index":0}]}\n\n`;
    const running = `data: {${head},"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}\n\n`;
    const { text, relay } = run([bytes(`${filter}${running}data: [DONE]\n\n`)], new OpenAiRelay(hidden));
    expect(text).toBe(renamed(`${filter}${running}data: [DONE]\n\n`));
    expect(relay.usage).toEqual({ input: 3, output: 1 });
  });

  it('finds usage where Groq puts it', () => {
    const groq = `data: {${head},"x_groq":{"id":"r","usage":{"prompt_tokens":5,"completion_tokens":2}},"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n`;
    expect(run([bytes(groq)]).relay.usage).toEqual({ input: 5, output: 2 });
  });

  it.each([
    ['text', { content: 'x' }, true],
    ['reasoning_content', { reasoning_content: 'x' }, true],
    ['reasoning', { reasoning: 'x' }, true],
    ['a refusal', { refusal: 'no' }, true],
    ['a tool call', { tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '' } }] }, true],
    ['thinking blocks', { thinking_blocks: [{ type: 'thinking', thinking: 'x' }] }, true],
    ['audio', { audio: { id: 'a' } }, true],
    ['a role', { role: 'assistant' }, false],
    ['a role with empty text', { role: 'assistant', content: '' }, false],
    ['nulls', { content: null, tool_calls: null, reasoning_content: null }, false],
    ['no tool calls', { tool_calls: [] }, false],
    ['nothing', {}, false],
  ])('counts %s as output or not', (_name, delta, isOutput) => {
    const relay = new OpenAiRelay(context);
    relay.push(bytes(chunk(delta)));
    expect(relay.hasContent).toBe(isOutput);
  });

  it('measures output in characters, escapes and all', () => {
    const relay = new OpenAiRelay(context);
    relay.push(bytes(`data: {"choices":[{"delta":{"content":"a\\n\\u00e9ü世\\"\\\\"}}]}\n\n`));
    expect(relay.outputLength).toBe('a\né\u00fc世"\\'.length);
  });

  it('is complete with the last finish reason, and gets the closing event a vendor left out', () => {
    const two = `data: {"choices":[{"delta":{"content":"a"},"index":0}]}\n\ndata: {"choices":[{"delta":{"content":"b"},"index":1}]}\n\n`;
    const relay = new OpenAiRelay(context);
    relay.push(bytes(`${two}data: {"choices":[{"finish_reason":"stop","delta":{},"index":0}]}\n\n`));
    expect(relay.isComplete).toBe(false);
    relay.push(bytes('data: {"choices":[{"finish_reason":"length","delta":{},"index":1}]}\n\n'));
    expect(relay.isComplete).toBe(true);
    expect(Buffer.from(relay.finish()!).toString()).toBe('data: [DONE]\n\n');
  });

  it('sends on no event without data, which clients would try to parse', () => {
    const empty = 'data:\n\n';
    expect(run([bytes(`${opening}${empty}${chunk({ content: 'a' }, 'stop')}${empty}data: [DONE]\n\n`)]).text).toBe(
      renamed(`${opening}${chunk({ content: 'a' }, 'stop')}data: [DONE]\n\n`),
    );
    const cut = `${chunk({ content: 'a' }, 'stop')}data: `;
    expect(run([bytes(cut)]).text).toBe(renamed(`${chunk({ content: 'a' }, 'stop')}data: [DONE]\n\n`));
  });

  it('sends on a last event that lacks only its blank line', () => {
    const { text } = run([bytes(`${chunk({ content: 'a' }, 'stop')}data: [DONE]`)]);
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(text.match(/DONE/g)).toHaveLength(1);
  });

  it('sends nothing after its closing event', () => {
    const { text } = run([bytes(`${stream}${chunk({ content: 'late' })}`), bytes(chunk({ content: 'later' }))]);
    expect(text).toBe(renamed(stream));
  });

  it('says that it broke, wherever it is cut before its finish', () => {
    const whole = bytes(stream);
    const finishAt = whole.indexOf('"finish_reason":"tool_calls"');
    for (let at = 0; at < finishAt; at++) {
      const relay = new OpenAiRelay(context);
      relay.push(whole.subarray(0, at));
      expect(() => relay.finish()).toThrow(expect.objectContaining({ code: 'ERR_PROVIDER_STREAM' }));
    }
  });

  it('never sends half an event', () => {
    const whole = bytes(stream);
    const events = renamed(stream).split('\n\n');
    for (let at = 1; at < whole.length; at++) {
      const relay = new OpenAiRelay(context);
      const sent = Buffer.from(relay.push(whole.subarray(0, at)) ?? []).toString();
      expect(sent === '' || sent.endsWith('\n\n')).toBe(true);
      expect(sent.split('\n\n').slice(0, -1)).toEqual(events.slice(0, sent.split('\n\n').length - 1));
    }
  });

  it.each([
    [
      'an error object',
      'data: {"error":{"message":"Overloaded, try later","type":"overloaded_error","code":null}}\n\n',
      'ERR_PROVIDER_OVERLOADED',
    ],
    [
      'an error beside choices',
      `data: {${head},"error":{"code":429,"message":"slow"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}\n\n`,
      'ERR_PROVIDER_RATE_LIMIT',
    ],
    ['an error event', 'event: error\ndata: {"message":"boom","type":"server_error"}\n\n', 'ERR_PROVIDER_INTERNAL'],
    ['an error event in words', 'event: error\ndata: it broke\n\n', 'ERR_PROVIDER_INTERNAL'],
    [
      'an error of the request',
      'data: {"error":{"message":"bad","type":"invalid_request_error","code":"context_length_exceeded"}}\n\n',
      'ERR_PROVIDER_CONTEXT_WINDOW',
    ],
    ['no JSON', 'data: <html>Bad gateway</html>\n\n', 'ERR_PROVIDER_MALFORMED'],
    ['half JSON', 'data: {"choices":[{"delta":\n\n', 'ERR_PROVIDER_MALFORMED'],
  ])('stops at %s, after what came before it', (_name, event, code) => {
    const before = chunk({ content: 'so far' });
    const whole = bytes(`${before}${event}${chunk({ content: 'after' })}`);
    for (let at = 1; at < whole.length; at += 3) {
      const relay = new OpenAiRelay(context);
      const sent = [relay.push(whole.subarray(0, at)), relay.push(whole.subarray(at))]
        .map((out) => Buffer.from(out ?? []).toString())
        .join('');
      expect(sent).toBe(renamed(before));
      expect(relay.failure).toMatchObject({ code });
      expect(() => relay.finish()).toThrow(expect.objectContaining({ code }));
    }
  });

  it('joins data that took several lines', () => {
    const { text, relay } = run([
      bytes('data: {"model":"gpt","choices":\ndata: [{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'),
    ]);
    expect(JSON.parse(text.split('\n\n')[0]!.slice(6))).toMatchObject({
      model: 'my-group',
      choices: [{ delta: { content: 'a' } }],
    });
    expect(relay.isComplete).toBe(true);
  });

  it('does not hold an event without end', () => {
    const relay = new OpenAiRelay(context);
    const piece = Buffer.alloc(1024 * 1024, 'x');
    for (let pushed = 0; pushed <= maxEventBytes && relay.failure === undefined; pushed += piece.length)
      relay.push(piece);
    expect(relay.failure).toMatchObject({ code: 'ERR_PROVIDER_MALFORMED' });
  });
});

describe('a relayed whole reply', () => {
  const reply = `{\n  "id": "1", "model": "gpt-4o-2024-08-06",\n  "choices": [{"index":0,"message":{"role":"assistant","content":"model \\"model\\":"},"finish_reason":"stop"}],\n  "usage": ${JSON.stringify(usage)}\n}\n`;

  it('is the same bytes but for the model', () => {
    const relay = new OpenAiRelay(context);
    expect(Buffer.from(relay.whole(bytes(reply))).toString()).toBe(reply.replace('gpt-4o-2024-08-06', 'my-group'));
    expect(relay).toMatchObject({ hasContent: true, isComplete: true, outputLength: 14 });
    expect(relay.usage).toEqual({ input: 12, cachedInput: 8, output: 5, reasoning: 4 });
  });

  it('is returned itself when nothing has to change', () => {
    const body = bytes(reply);
    expect(new OpenAiRelay({ ...context, model: undefined }).whole(body)).toBe(body);
  });

  it.each([
    ['<!DOCTYPE html><html>', 'ERR_PROVIDER_MALFORMED'],
    ['', 'ERR_PROVIDER_MALFORMED'],
    ['{"id":1}', 'ERR_PROVIDER_MALFORMED'],
    ['{"choices":[{"message":', 'ERR_PROVIDER_MALFORMED'],
    ['[]', 'ERR_PROVIDER_MALFORMED'],
    ['{"error":{"message":"No credits","code":402}}', 'ERR_PROVIDER_QUOTA'],
    ['{"error":{"message":"broken","code":502},"choices":[]}', 'ERR_PROVIDER_BAD_GATEWAY'],
    ['{"error":"unknown"}', 'ERR_PROVIDER_INTERNAL'],
  ])('that is %s throws', (body, code) => {
    expect(() => new OpenAiRelay(context).whole(bytes(body))).toThrow(expect.objectContaining({ code }));
  });

  it('may have an error of null', () => {
    expect(() => new OpenAiRelay(context).whole(bytes('{"error":null,"choices":[]}'))).not.toThrow();
  });

  it('of embeddings has data in place of choices', () => {
    const relay = new OpenAiRelay(context, 'data');
    const body =
      '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2e-3]}],"model":"e","usage":{"prompt_tokens":7,"total_tokens":7}}';
    expect(Buffer.from(relay.whole(bytes(body))).toString()).toBe(body.replace('"model":"e"', '"model":"my-group"'));
    expect(relay.usage).toEqual({ input: 7, output: 0 });
  });

  it('never carries a key of the vendor into an error', () => {
    const call = () =>
      new OpenAiRelay(context).whole(
        bytes('{"error":{"message":"Incorrect API key provided: sk-proj-abcdef123456","code":401}}'),
      );
    expect(call).toThrow(RutterError);
    expect(call).toThrow(expect.objectContaining({ message: expect.not.stringContaining('abcdef') }));
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

describe('the scan', () => {
  const scan = new ReplyScan();

  it('takes every JSON object, and none cut short', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), fc.boolean(), (value, isSpaced) => {
        const text = bytes(JSON.stringify(value, null, isSpaced ? 2 : undefined));
        expect(scan.scan(text, 0, text.length)).toBe(true);
        for (let end = 0; end < text.length; end++) expect(scan.scan(text, 0, end)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('finds the model and the usage at the top, wherever else these words stand', () => {
    const noise = fc.jsonValue({ maxDepth: 2 });
    fc.assert(
      fc.property(fc.string(), noise, noise, (model, a, b) => {
        const text = bytes(
          JSON.stringify({
            a: { model: 'no', usage: a },
            model,
            choices: [{ delta: { content: 'x', model: b }, usage: 1 }],
            usage: { b },
          }),
        );
        expect(scan.scan(text, 0, text.length)).toBe(true);
        expect(JSON.parse(text.toString('utf8', scan.modelStart, scan.modelEnd))).toBe(model);
        expect(JSON.parse(text.toString('utf8', scan.usageStart, scan.usageEnd))).toEqual(
          JSON.parse(JSON.stringify({ b })),
        );
      }),
      { numRuns: 300 },
    );
  });
});
