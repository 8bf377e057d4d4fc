/** Recorded shapes of streamed and whole replies, by dialect, for suites that read them. */
import type { Frame } from '../contract/wire.ts';
import { geminiReplies, geminiStreams } from './gemini-streams.ts';

/** Server-sent events as frames, for a text that is whole. */
export function sseFrames(text: string): Frame[] {
  return text
    .split(/\r?\n\r?\n/)
    .map((block) => {
      const lines = block.split(/\r?\n/);
      const of = (name: string) =>
        lines.flatMap((line) => (line.startsWith(`${name}:`) ? [line.slice(name.length + 1).replace(/^ /, '')] : []));
      return { event: of('event').at(-1) ?? '', data: of('data').join('\n') };
    })
    .filter(({ data }) => data !== '');
}

const sse = (events: readonly (string | object)[]) =>
  events.map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`).join('');

const named = (events: readonly { readonly type: string }[]) =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');

const chunk = (choices: readonly object[], rest: object = {}) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1_893_456_000,
  model: 'model',
  choices,
  ...rest,
});
const delta = (fields: object, finish: string | null = null) =>
  chunk([{ index: 0, delta: fields, finish_reason: finish }]);
const usage = {
  prompt_tokens: 12,
  completion_tokens: 5,
  total_tokens: 17,
  prompt_tokens_details: { cached_tokens: 4 },
};

const openAiText = sse([
  delta({ role: 'assistant', content: '' }),
  delta({ content: 'Blue ' }),
  delta({ content: 'naïve 🧭 ' }),
  delta({ content: '日本.' }),
  delta({}, 'stop'),
  chunk([], { usage }),
  '[DONE]',
]);

const openAiTools = sse([
  delta({ role: 'assistant', content: null }),
  delta({
    tool_calls: [{ index: 0, id: 'call_a', type: 'function', function: { name: 'get_weather', arguments: '' } }],
  }),
  delta({ tool_calls: [{ index: 0, function: { arguments: '{"place":' } }] }),
  delta({
    tool_calls: [
      { index: 1, id: 'call_b', type: 'function', function: { name: 'get_weather', arguments: '{"place":"Rome"}' } },
    ],
  }),
  delta({ tool_calls: [{ index: 0, function: { arguments: '"Oslo"}' } }] }),
  delta({ tool_calls: [{ index: 0, function: { arguments: '' } }] }),
  delta({}, 'tool_calls'),
  chunk([], { usage }),
  '[DONE]',
]);

const anthropicStart = {
  type: 'message_start',
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'model',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 8, cache_read_input_tokens: 4, cache_creation_input_tokens: 0, output_tokens: 1 },
  },
};
const anthropicEnd = (reason: string) => [
  { type: 'message_delta', delta: { stop_reason: reason, stop_sequence: null }, usage: { output_tokens: 5 } },
  { type: 'message_stop' },
];
const block = (index: number, content: object, ...deltas: object[]) => [
  { type: 'content_block_start', index, content_block: content },
  ...deltas.map((each) => ({ type: 'content_block_delta', index, delta: each })),
  { type: 'content_block_stop', index },
];

const anthropicText = named([
  anthropicStart,
  { type: 'ping' },
  ...block(
    0,
    { type: 'text', text: '' },
    { type: 'text_delta', text: 'Blue naïve 🧭 ' },
    { type: 'text_delta', text: '日本.' },
  ),
  ...anthropicEnd('end_turn'),
]);

const anthropicTools = named([
  anthropicStart,
  ...block(
    0,
    { type: 'thinking', thinking: '', signature: '' },
    { type: 'thinking_delta', thinking: 'hm' },
    { type: 'signature_delta', signature: 'c2ln' },
  ),
  ...block(
    1,
    { type: 'tool_use', id: 'toolu_a', name: 'get_weather', input: {} },
    { type: 'input_json_delta', partial_json: '' },
    { type: 'input_json_delta', partial_json: '{"place":"Oslo"}' },
  ),
  ...anthropicEnd('tool_use'),
]);

/** Complete streams, as text. */
export const streamsByDialect: Readonly<Record<string, readonly string[]>> = {
  'openai-chat': [openAiText, openAiTools],
  'anthropic-messages': [anthropicText, anthropicTools],
  gemini: geminiStreams,
};

/** Whole replies, as JSON values. */
export const repliesByDialect: Readonly<Record<string, readonly object[]>> = {
  'openai-chat': [
    {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1_893_456_000,
      model: 'model',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Blue.' }, finish_reason: 'stop' }],
      usage,
    },
    {
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: null,
            tool_calls: [{ id: 'call_a', type: 'function', function: { name: 'get_weather', arguments: '' } }],
          },
          finish_reason: 'tool_calls',
        },
      ],
    },
  ],
  'anthropic-messages': [
    {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'model',
      content: [{ type: 'text', text: 'Blue.' }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 8, output_tokens: 5 },
    },
    {
      id: 'msg_2',
      type: 'message',
      role: 'assistant',
      model: 'model',
      content: [{ type: 'tool_use', id: 'toolu_a', name: 'get_weather', input: { place: 'Oslo' } }],
      stop_reason: 'tool_use',
      usage: { input_tokens: 8, output_tokens: 5 },
    },
  ],
  gemini: geminiReplies,
};
