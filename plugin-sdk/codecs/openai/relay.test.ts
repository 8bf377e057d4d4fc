import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RutterError } from '../../contract/errors.ts';
import { maxEventBytes } from '../sse-split.ts';
import {
  bytes,
  chunk,
  context,
  head,
  hidden,
  opening,
  renamed,
  run,
  stream,
  usage,
  usageChunk,
} from './relay.fixture.ts';
import { OpenAiRelay } from './relay.ts';
import { ReplyScan } from './scan.ts';

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
