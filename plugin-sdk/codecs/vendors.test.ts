/** The same exchange, as either vendor would have it. */
import { describe, expect, it } from 'vitest';
import type { ChatReply, ChatRequest } from '../contract/chat.ts';
import type { Deployment } from '../contract/request.ts';
import type { ChatCodec } from '../contract/wire.ts';
import { anthropicMessagesCodec, collectEvents, openAiChatCodec, openAiChatDialect } from './index.ts';
import { EventLines, EventSplitter } from './sse-split.ts';

const fields = {
  model: 'auto',
  max_tokens: 100,
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Weather in Köln?' },
  ],
  tools: [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } }],
};

const deployment = (model: string): Deployment => ({
  id: 'd',
  group: 'auto',
  model,
  provider: 'p',
  tags: [],
  params: {},
  info: {},
});
const sse = (payloads: readonly Record<string, unknown>[], hasNames: boolean) =>
  payloads
    .map((payload) => `${hasNames ? `event: ${payload.type}\n` : ''}data: ${JSON.stringify(payload)}\n\n`)
    .join('');

const text = 'Grüß dich 👋 ';
const half = (delta: unknown, more = {}) => ({
  id: 'r1',
  object: 'chat.completion.chunk',
  model: 'm',
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
});
const block = (index: number, ...deltas: unknown[]): Record<string, unknown>[] =>
  deltas.map((delta) => ({ type: 'content_block_delta', index, delta }));

const vendors = {
  openai: {
    codec: openAiChatCodec(),
    whole: {
      id: 'r1',
      model: 'm',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: text,
            reasoning_content: 'Think',
            tool_calls: [
              { id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"at":"Köln"}' } },
              { id: 'c2', type: 'function', function: { name: 'weather', arguments: '{}' } },
            ],
          },
          finish_reason: 'tool_calls',
        },
      ],
      usage: {
        prompt_tokens: 30,
        completion_tokens: 12,
        total_tokens: 42,
        prompt_tokens_details: { cached_tokens: 20 },
        completion_tokens_details: { reasoning_tokens: 2 },
      },
    },
    stream: `${sse(
      [
        half({ role: 'assistant', content: '' }),
        half({ reasoning_content: 'Think' }),
        half({ content: text }),
        half({ tool_calls: [{ index: 0, id: 'c1', type: 'function', function: { name: 'weather', arguments: '' } }] }),
        half({
          tool_calls: [
            { index: 1, id: 'c2', type: 'function', function: { name: 'weather', arguments: '{}' } },
            { index: 0, function: { arguments: '{"at":"Kö' } },
          ],
        }),
        half({ tool_calls: [{ index: 0, function: { arguments: 'ln"}' } }] }),
        half({}, { finish_reason: 'tool_calls' }),
        {
          id: 'r1',
          model: 'm',
          choices: [],
          usage: {
            prompt_tokens: 30,
            completion_tokens: 12,
            total_tokens: 42,
            prompt_tokens_details: { cached_tokens: 20 },
            completion_tokens_details: { reasoning_tokens: 2 },
          },
        },
      ],
      false,
    )}data: [DONE]\n\n`,
  },
  anthropic: {
    codec: anthropicMessagesCodec(),
    whole: {
      id: 'r1',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content: [
        { type: 'thinking', thinking: 'Think', signature: '' },
        { type: 'text', text },
        { type: 'tool_use', id: 'c1', name: 'weather', input: { at: 'Köln' } },
        { type: 'tool_use', id: 'c2', name: 'weather', input: {} },
      ],
      stop_reason: 'tool_use',
      usage: { input_tokens: 10, cache_read_input_tokens: 20, output_tokens: 12 },
    },
    stream: sse(
      [
        {
          type: 'message_start',
          message: { id: 'r1', model: 'm', usage: { input_tokens: 10, cache_read_input_tokens: 20, output_tokens: 1 } },
        },
        { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '' } } as {
          type: string;
        },
        ...block(0, { type: 'thinking_delta', thinking: 'Think' }),
        { type: 'content_block_stop', index: 0 },
        { type: 'ping' },
        { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
        ...block(1, { type: 'text_delta', text }),
        { type: 'content_block_stop', index: 1 },
        {
          type: 'content_block_start',
          index: 2,
          content_block: { type: 'tool_use', id: 'c1', name: 'weather', input: {} },
        },
        ...block(
          2,
          { type: 'input_json_delta', partial_json: '{"at":"Kö' },
          { type: 'input_json_delta', partial_json: 'ln"}' },
        ),
        { type: 'content_block_stop', index: 2 },
        {
          type: 'content_block_start',
          index: 3,
          content_block: { type: 'tool_use', id: 'c2', name: 'weather', input: {} },
        },
        { type: 'content_block_stop', index: 3 },
        { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 12 } },
        { type: 'message_stop' },
      ],
      true,
    ),
  },
};

const request: ChatRequest = openAiChatDialect.chat!(fields);

/** Events of a stream that arrives in the pieces given. */
function streamed(codec: ChatCodec, pieces: readonly Uint8Array[]): ChatReply {
  const splitter = new EventSplitter();
  const lines = new EventLines();
  const read = codec.events({ deployment: deployment('m'), stream: true, request });
  const events = pieces.flatMap((piece) => {
    splitter.push(piece);
    const found = [];
    while (splitter.next()) {
      lines.read(splitter.bytes, splitter.start, splitter.end);
      found.push(
        ...read({ event: lines.event, data: splitter.bytes.toString('utf8', lines.dataStart, lines.dataEnd) }),
      );
    }
    return found;
  });
  return collectEvents(events);
}

/** What a client is shown, without what only names the vendor's block. */
const meaning = ({ reasoning, ...reply }: ChatReply) => ({
  ...reply,
  thought: reasoning?.map((part) => part.text).join(''),
});

const expected = {
  id: 'r1',
  model: 'm',
  text,
  thought: 'Think',
  toolCalls: [
    { id: 'c1', name: 'weather', arguments: '{"at":"Köln"}' },
    { id: 'c2', name: 'weather', arguments: '{}' },
  ],
  end: 'tool-calls',
  usage: { input: 10, cachedInput: 20, output: 10, reasoning: 2 },
};

describe.each(Object.entries(vendors))('%s', (_name, { codec, whole, stream }) => {
  const bytes = Buffer.from(stream);

  it('means the same in a whole reply', () => {
    expect(meaning(codec.reply(whole as never, { deployment: deployment('m'), stream: false, request }))).toEqual(
      expected,
    );
  });

  it('means the same in a stream', () => {
    expect(meaning(streamed(codec, [bytes]))).toEqual(expected);
  });

  it('means the same wherever the stream is cut in two', () => {
    const reply = JSON.stringify(streamed(codec, [bytes]));
    for (let at = 1; at < bytes.length; at++) {
      const found = JSON.stringify(streamed(codec, [bytes.subarray(0, at), bytes.subarray(at)]));
      if (found !== reply) expect(`${at}: ${found}`).toBe(reply);
    }
  });

  it('makes no reply of a stream that broke off before its end', () => {
    const marks = ['"finish_reason":"tool_calls"', '"type":"message_delta","delta"'].map((mark) => bytes.indexOf(mark));
    const last = Math.max(...marks);
    for (let at = 0; at < last; at += 5) {
      expect(() => streamed(codec, [bytes.subarray(0, at)])).toThrow(
        expect.objectContaining({ code: 'ERR_PROVIDER_STREAM' }),
      );
    }
  });

  it('is asked in its own words', () => {
    const { body } = codec.request({ ...request, deployment: deployment('vendor-model') });
    expect(body).toMatchObject({ model: 'vendor-model', max_tokens: 100 });
    expect(JSON.stringify(body)).toContain('Weather in Köln?');
  });
});
