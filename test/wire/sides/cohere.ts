/** Cohere’s chat, version 2. https://docs.cohere.com/reference/chat */
import type { VendorRequest } from '../../support/index.ts';
import { askedOfOpenAi } from '../openai-side.ts';
import { type Asked, type Fields, fieldsOf, listOf, piecesOf, type Truth } from '../truth.ts';
import {
  asksForStream,
  bodyOf,
  eventOf,
  type Fault,
  reasoningRows,
  retryAfter,
  rows,
  type Side,
  sse,
  strangers,
  unmarked,
  unsealed,
  withoutCounts,
  withoutResultFlags,
} from './side.ts';

const finishes = {
  stop: 'COMPLETE',
  length: 'MAX_TOKENS',
  tool_calls: 'TOOL_CALL',
  content_filter: 'ERROR_TOXIC',
} as const;

const usageOf = ({ tokens: { prompt, completion, cached } }: Truth) => ({
  billed_units: { input_tokens: prompt, output_tokens: completion },
  // With what Cohere's own template takes.
  tokens: { input_tokens: prompt + 60, output_tokens: completion + 4 },
  ...(cached > 0 && { cached_tokens: cached }),
});

const callsOf = ({ calls = [] }: Truth) =>
  calls.map(({ id, name, input }) => ({ id, type: 'function', function: { name, arguments: JSON.stringify(input) } }));

/** Ahead of calls thoughts are the plan. */
const hasPlan = ({ calls = [], reasoning }: Truth) => calls.length > 0 && reasoning !== undefined;

function whole(truth: Truth): Fields {
  const { text, reasoning } = truth;
  const calls = callsOf(truth);
  const content = [
    ...(reasoning === undefined || hasPlan(truth) ? [] : [{ type: 'thinking', thinking: reasoning }]),
    ...(text === undefined ? [] : [{ type: 'text', text }]),
  ];
  const message = {
    role: 'assistant',
    ...(content.length > 0 && { content }),
    ...(hasPlan(truth) && { tool_plan: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  return { id: 'c14c80c3', finish_reason: finishes[truth.finish], message, usage: usageOf(truth) };
}

function* pieces(truth: Truth): Generator<string> {
  const event = (type: string, fields: object = {}) => eventOf({ type, ...fields }, type);
  const said = (message: object) => ({ delta: { message } });
  yield event('message-start', {
    id: 'c14c80c3',
    ...said({ role: 'assistant', content: [], tool_plan: '', tool_calls: [] }),
  });
  let index = 0;
  const block = function* (type: 'text' | 'thinking', text: string) {
    yield event('content-start', { index, ...said({ content: { type, [type]: '' } }) });
    for (const piece of piecesOf(text))
      yield event('content-delta', { index, ...said({ content: { [type]: piece } }) });
    yield event('content-end', { index: index++ });
  };
  const { text, reasoning } = truth;
  if (hasPlan(truth))
    for (const piece of piecesOf(reasoning ?? '')) yield event('tool-plan-delta', said({ tool_plan: piece }));
  else if (reasoning !== undefined) yield* block('thinking', reasoning);
  if (text !== undefined) yield* block('text', text);
  for (const [at, { id, type, function: called }] of callsOf(truth).entries()) {
    const open = { id, type, function: { name: called.name, arguments: '' } };
    yield event('tool-call-start', { index: at, ...said({ tool_calls: open }) });
    // A call without arguments streams none.
    for (const piece of called.arguments === '{}' ? [] : piecesOf(called.arguments))
      yield event('tool-call-delta', { index: at, ...said({ tool_calls: { function: { arguments: piece } } }) });
    yield event('tool-call-end', { index: at });
  }
  yield event('message-end', { delta: { finish_reason: finishes[truth.finish], usage: usageOf(truth) } });
}

/** In OpenAI's words, which most of it is made of. */
function asked(request: VendorRequest): Asked {
  const { stop_sequences: stop, p: top_p, tool_choice: choice, response_format: format, ...body } = bodyOf(request);
  const messages = listOf(body.messages).map(({ tool_plan: plan, ...message }) => {
    const thinking = listOf(message.content)
      .map(({ thinking: text = '' }) => text)
      .join('');
    return { ...message, reasoning_content: plan ?? thinking };
  });
  const { json_schema: schema } = fieldsOf(format ?? {});
  return askedOfOpenAi({
    ...body,
    messages,
    stop,
    top_p,
    ...(choice !== undefined && { tool_choice: String(choice).toLowerCase() }),
    ...(format !== undefined && {
      response_format: schema ? { type: 'json_schema', json_schema: { schema } } : format,
    }),
  });
}

const fault = (status: number, message: string): Fault => ({
  status,
  body: { id: '0b2f', message },
  ...(status === 429 && { headers: retryAfter }),
});

export const cohere: Side = {
  title: 'Cohere',
  group: 'cohere',
  model: 'cohere_chat/command-a-reasoning-08-2025',
  params: (url) => ({ api_base: url, api_key: 'vendor-key' }),
  contentType: sse,
  isStream: asksForStream,
  whole,
  pieces,
  asked,
  complaints: (request) => [
    ...(request.path === '/v2/chat' ? [] : [`no operation at ${request.path}`]),
    ...strangers(
      bodyOf(request),
      'model messages stream tools tool_choice strict_tools response_format temperature p k max_tokens stop_sequences thinking seed',
      'body',
    ),
    ...listOf(bodyOf(request).messages).flatMap((message, index) =>
      strangers(message, 'role content tool_calls tool_call_id tool_plan', `messages[${index}]`),
    ),
  ],
  faults: {
    key: fault(401, 'invalid api token'),
    permission: fault(403, 'your team does not have access to this model'),
    model: fault(404, "model 'x' not found"),
    timeout: fault(504, 'gateway timeout'),
    rate: fault(429, 'You are using a Trial key, which is limited to 20 API calls / minute.'),
    internal: fault(500, 'internal server error, this has been reported to our developers'),
    overloaded: fault(503, 'the service is overloaded'),
    context: fault(
      400,
      'too many tokens: total number of tokens in the prompt cannot exceed 256000 - received 300000.',
    ),
    policy: fault(498, 'blocked output: please ensure that the text does not contain blocked words'),
  },
  broken: eventOf({ type: 'message-end', delta: { finish_reason: 'ERROR', error: 'internal error' } }, 'message-end'),
  thoughts: 'text',
  ids: 'own',
  inlines: false,
  limits: [
    unmarked,
    unsealed,
    {
      rows: reasoningRows,
      why: 'Cohere does not count reasoning tokens.',
      told: withoutCounts('reasoning'),
    },
    {
      rows: [rows.named],
      why: 'Cohere cannot be told a tool by its name: that tool alone is offered, and one is required.',
      asked: ({ tools = [], ...found }) => ({
        ...found,
        choice: 'required',
        tools: tools.filter(({ name }) => name === 'get_time'),
      }),
    },
    { rows: [rows.single], why: 'Cohere cannot be held to one call at a time.', refuses: 'parallel_tool_calls' },
    {
      rows: [rows.document, rows.audio],
      why: 'Cohere takes neither documents in this form nor sound.',
      refuses: /^messages\[0\]\.content/,
    },
    {
      rows: [rows.failed],
      why: 'The vendor has no mark for a tool that failed: the words of the answer say so.',
      asked: withoutResultFlags,
    },
  ],
};
