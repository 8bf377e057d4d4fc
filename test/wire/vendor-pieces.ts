/** One streamed reply, thoughts, words and a call, as vendors send it that speak in ways of their own. */

/** What a vendor sends at once. */
export interface Piece {
  readonly bytes: Buffer;
  readonly isContent: boolean;
  readonly isFinish: boolean;
}

type Kind = 'frame' | 'content' | 'finish';

const piece = (kind: Kind, text: string): Piece => ({
  bytes: Buffer.from(text),
  isContent: kind === 'content',
  isFinish: kind === 'finish',
});
const data = (kind: Kind, payload: object) => piece(kind, `data: ${JSON.stringify(payload)}\n\n`);
const done = piece('frame', 'data: [DONE]\n\n');

const chunk = (delta: object, finish: string | null = null, more: object = {}) => ({
  id: 'c1',
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...more,
});
const usage = { prompt_tokens: 9, completion_tokens: 9, total_tokens: 18 };
const called = { name: 'look', arguments: '{"é":1}' };
const thinking = (text: string) => ({ content: [{ type: 'thinking', thinking: [{ type: 'text', text }] }] });

export const mistralPieces: readonly Piece[] = [
  data('frame', chunk({ role: 'assistant', content: '' })),
  data('content', chunk(thinking('Hm'))),
  data('content', chunk(thinking('…'))),
  data('content', chunk({ content: 'ñ' })),
  data('content', chunk({ content: '🧭' })),
  data('content', chunk({ content: '!' })),
  data('content', chunk({ tool_calls: [{ id: 'D681PevKs', function: called, index: 0 }] })),
  data('finish', chunk({ content: '' }, 'tool_calls', { usage })),
  done,
];

export const groqPieces: readonly Piece[] = [
  data('frame', chunk({ role: 'assistant' }, null, { x_groq: { id: 'req_1' } })),
  data('content', chunk({ reasoning: 'Hm' })),
  data('content', chunk({ reasoning: '…' })),
  data('content', chunk({ content: 'ñ' })),
  data('content', chunk({ content: '🧭' })),
  data('content', chunk({ content: '!' })),
  data('content', chunk({ tool_calls: [{ index: 0, id: 'call_a', type: 'function', function: called }] })),
  data('finish', chunk({}, 'tool_calls', { x_groq: { id: 'req_1', usage } })),
  done,
];

export const deepSeekPieces: readonly Piece[] = [
  piece('frame', ': keep-alive\n\n'),
  data('frame', chunk({ role: 'assistant', content: null, reasoning_content: '' })),
  data('content', chunk({ reasoning_content: 'Hm' })),
  data('content', chunk({ reasoning_content: '…' })),
  data('content', chunk({ content: 'ñ' })),
  data('content', chunk({ content: '🧭' })),
  data('content', chunk({ tool_calls: [{ index: 0, id: 'call_a', type: 'function', function: called }] })),
  data('finish', chunk({ content: '' }, 'tool_calls')),
  data('frame', {
    id: 'c1',
    choices: [],
    usage: { ...usage, prompt_cache_hit_tokens: 4, prompt_cache_miss_tokens: 5 },
  }),
  done,
];

const event = (kind: Kind, type: string, rest: object) =>
  piece(kind, `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`);
const said = (message: object, index = 0) => ({ index, delta: { message } });

export const coherePieces: readonly Piece[] = [
  event('frame', 'message-start', { id: 'c1', delta: { message: { role: 'assistant' } } }),
  event('content', 'tool-plan-delta', said({ tool_plan: 'Hm' })),
  event('content', 'tool-plan-delta', said({ tool_plan: '…' })),
  event('frame', 'content-start', said({ content: { type: 'text', text: '' } })),
  event('content', 'content-delta', said({ content: { text: 'ñ' } })),
  event('content', 'content-delta', said({ content: { text: '🧭' } })),
  event('frame', 'content-end', { index: 0 }),
  event(
    'content',
    'tool-call-start',
    said({ tool_calls: { id: 'a', type: 'function', function: { name: 'look', arguments: '' } } }),
  ),
  event('content', 'tool-call-delta', said({ tool_calls: { function: { arguments: '{"é":1}' } } })),
  event('frame', 'tool-call-end', { index: 0 }),
  event('finish', 'message-end', {
    delta: { finish_reason: 'TOOL_CALL', usage: { billed_units: { input_tokens: 9, output_tokens: 9 } } },
  }),
  done,
];

const line = (kind: Kind, rest: object) =>
  piece(kind, `${JSON.stringify({ model: 'm', created_at: 'now', ...rest })}\n`);
const spoken = (message: object) => line('content', { message: { role: 'assistant', ...message }, done: false });
const counts = { prompt_eval_count: 9, eval_count: 9 };

export const ollamaChatPieces: readonly Piece[] = [
  line('frame', { message: { role: 'assistant', content: '' }, done: false }),
  spoken({ content: '', thinking: 'Hm' }),
  spoken({ content: '', thinking: '…' }),
  spoken({ content: 'ñ' }),
  spoken({ content: '🧭' }),
  spoken({ content: '!' }),
  spoken({ content: '', tool_calls: [{ function: { name: 'look', arguments: { é: 1 } } }] }),
  line('finish', { message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop', ...counts }),
];

const written = (rest: object) => line('content', { response: '', ...rest, done: false });

export const ollamaPieces: readonly Piece[] = [
  line('frame', { response: '', done: false }),
  written({ thinking: 'Hm' }),
  written({ thinking: '…' }),
  written({ response: 'ñ' }),
  written({ response: '🧭' }),
  written({ response: ' and' }),
  written({ response: ' so on' }),
  line('finish', { response: '', done: true, done_reason: 'stop', ...counts }),
];
