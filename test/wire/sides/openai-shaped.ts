/** Vendors that speak OpenAI’s chat in a manner of their own. */
import type { VendorRequest } from '../../support/index.ts';
import { askedOfOpenAi, openAiEvents, openAiWhole } from '../openai-side.ts';
import { openRouterEvents, openRouterWhole } from '../openrouter-side.ts';
import { type Asked, type Fields, fieldsOf, listOf, type Tokens, type Truth, thought } from '../truth.ts';
import { includesUsage } from '../vendors.ts';
import {
  base,
  chatFields,
  fault,
  faults,
  messageFields,
  noDocuments,
  noErrorFlag,
  noFilter,
  noImages,
  params,
  sound,
  wrapped,
} from './openai-shape.ts';
import {
  bodyOf,
  eventOf,
  type Fault,
  reasoningRows,
  retryAfter,
  rows,
  type Side,
  unmarked,
  unsealed,
  withoutCounts,
} from './side.ts';

/** Another member for reasoning, other counts, another last chunk. */
interface Manner {
  readonly message?: (message: Fields) => Fields;
  readonly usage?: (tokens: Tokens) => Fields;
  readonly last?: (chunk: Fields) => Fields;
}

function told(manner: Manner) {
  const { message = (found) => found, usage, last = (found) => found } = manner;
  const counted = (body: Fields, { tokens }: Truth): Fields =>
    body.usage && usage ? { ...body, usage: usage(tokens) } : body;
  return {
    whole(truth: Truth, request: VendorRequest) {
      const said = wrapped(truth, bodyOf(request));
      const body = fieldsOf(openAiWhole(said, bodyOf(request).model));
      const choices = listOf(body.choices).map((choice) => ({ ...choice, message: message(fieldsOf(choice.message)) }));
      return counted({ ...body, choices }, truth);
    },
    *pieces(truth: Truth, request: VendorRequest): Generator<string> {
      for (const text of openAiEvents(wrapped(truth, bodyOf(request)), bodyOf(request).model, true)) {
        const data = text.slice('data: '.length);
        if (!data.startsWith('{')) yield text;
        else {
          const chunk = JSON.parse(data) as Fields;
          const choices = listOf(chunk.choices).map((choice) => ({
            ...choice,
            delta: message(fieldsOf(choice.delta)),
          }));
          const { usage: found, ...rest } = counted({ ...chunk, choices }, truth);
          yield eventOf(last({ ...rest, ...(found ? { usage: found } : {}) }));
        }
      }
    },
  };
}

const withReasoning = ({ reasoning_content: text, ...rest }: Fields): Fields =>
  text === undefined ? rest : { ...rest, reasoning: text };

export const groq: Side = {
  ...base,
  ...told({
    message: withReasoning,
    // A stream's usage comes in a chunk of its own, beside a name of the vendor's.
    last: ({ usage, ...chunk }) => (usage ? { ...chunk, x_groq: { id: 'req_1', usage } } : chunk),
  }),
  title: 'Groq',
  group: 'groq',
  model: 'groq/openai/gpt-oss-120b',
  params: params('/openai/v1'),
  complaints: (request) =>
    sound(
      request,
      `${chatFields} reasoning_format include_reasoning`,
      'role content tool_calls tool_call_id reasoning',
    ),
  limits: [unmarked, unsealed, noErrorFlag, noDocuments('Groq'), noFilter('Groq')],
};

export const deepSeek: Side = {
  ...base,
  ...told({
    usage: ({ prompt, completion, cached, reasoning }) => ({
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
      prompt_cache_hit_tokens: cached,
      prompt_cache_miss_tokens: prompt - cached,
      completion_tokens_details: { reasoning_tokens: reasoning },
    }),
  }),
  title: 'DeepSeek',
  group: 'deepseek',
  model: 'deepseek/deepseek-chat',
  params: params(),
  asked: (request) => withToldSchema(askedOfOpenAi(bodyOf(request))),
  complaints: (request) =>
    sound(request, `${chatFields} thinking`, 'role content name tool_calls tool_call_id reasoning_content'),
  faults: {
    ...faults,
    key: fault(
      401,
      'Authentication Fails, Your api key: ****1234 is invalid',
      'invalid_request_error',
      'authentication_error',
    ),
    policy: fault(400, 'Content Exists Risk'),
  },
  limits: [
    unmarked,
    unsealed,
    noErrorFlag,
    noImages('DeepSeek'),
    noDocuments('DeepSeek'),
    { rows: [rows.single], why: 'DeepSeek cannot be held to one call at a time.', refuses: 'parallel_tool_calls' },
    {
      rows: [rows.schema, rows.list, rows.schemaWithTools, rows.callForSchema],
      why: 'DeepSeek has no parameter for a schema: the model is told of it in words, and the reply is checked.',
    },
  ],
};

/** A schema that the model is told in words stands at the end of the system prompt. */
function withToldSchema({ system, ...asked }: Asked): Asked {
  const [said = '', json] = system.split(/\|?Answer with one JSON object[^{]*/);
  if (json === undefined) return { ...asked, system };
  const schema = JSON.parse(json) as Fields;
  const { values } = fieldsOf(schema.properties);
  return { ...asked, system: said, schema: values ?? schema };
}

const openRouterFault = (code: number, message: string, metadata?: object): Fault => ({
  status: code,
  body: { error: { code, message, ...(metadata && { metadata }) } },
  ...(code === 429 && { headers: retryAfter }),
});

export const openRouter: Side = {
  ...base,
  title: 'OpenRouter',
  group: 'openrouter',
  model: 'openrouter/anthropic/claude-sonnet-4.5',
  params: params('/api/v1'),
  whole: (truth, request) => openRouterWhole(truth, bodyOf(request).model),
  pieces: (truth, request) => openRouterEvents(truth, bodyOf(request).model, includesUsage(bodyOf(request))),
  asked(request) {
    const asked = askedOfOpenAi(bodyOf(request));
    const spoken = listOf(bodyOf(request).messages).filter(({ role }) => role === 'assistant');
    let at = 0;
    const turns = asked.turns.map((turn) =>
      turn.role === 'assistant' ? { ...turn, thoughts: detailsOf(spoken[at++]) } : turn,
    );
    return { ...asked, turns };
  },
  complaints: (request) =>
    sound(
      request,
      `${chatFields} reasoning models provider usage`,
      `${messageFields} is_error reasoning reasoning_details`,
    ),
  faults: {
    key: openRouterFault(401, 'No auth credentials found'),
    permission: openRouterFault(403, 'Your key is not allowed to use this model'),
    model: openRouterFault(404, 'No endpoints found for x/y.'),
    timeout: openRouterFault(408, 'Your request timed out'),
    rate: openRouterFault(429, 'Rate limit exceeded: free-models-per-min.'),
    internal: openRouterFault(500, 'Internal Server Error'),
    overloaded: openRouterFault(503, 'The provider is overloaded', { provider_name: 'Acme', raw: 'overloaded' }),
    context: openRouterFault(
      400,
      "This endpoint's maximum context length is 200000 tokens. However, you requested about 210000 tokens.",
    ),
    policy: openRouterFault(403, 'Your chosen model requires moderation and your input was flagged', {
      reasons: ['violence'],
      flagged_input: 'x',
      provider_name: 'Acme',
    }),
  },
  broken: eventOf({
    id: 'gen-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'x',
    error: { code: 502, message: 'Provider disconnected' },
    choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
  }),
  thoughts: 'signed',
  limits: [],
};

const detailsOf = (message: Fields | undefined): string[] =>
  listOf(message?.reasoning_details).map(({ text, signature, data }) =>
    data === undefined ? thought(text, signature) : thought('sealed', data),
  );

const mistralFault = (status: number, message: string, type: string, code: string | null = null): Fault => ({
  status,
  body: { object: 'error', message, type, param: null, code },
  ...(status === 429 && { headers: retryAfter }),
});

/** Reasoning stands in the content, which then is a list. */
function mistralMessage({ reasoning_content: told, refusal: _, content, ...rest }: Fields): Fields {
  if (told === undefined) return content === undefined ? rest : { ...rest, content };
  const text = content ? [{ type: 'text', text: content }] : [];
  return { ...rest, content: [{ type: 'thinking', thinking: [{ type: 'text', text: told }] }, ...text] };
}

function askedOfMistral(request: VendorRequest): Asked {
  const body = bodyOf(request);
  const messages = listOf(body.messages).map((message) => {
    const parts = listOf(message.content);
    const thinking = parts.flatMap(({ thinking: list }) => listOf(list).map(({ text }) => text)).join('');
    const content = parts.flatMap((part) => {
      if (part.document_url) return [{ type: 'file', file: { file_data: part.document_url } }];
      return part.type === 'input_audio'
        ? [{ ...part, input_audio: { format: 'wav', data: part.input_audio } }]
        : [part];
    });
    return { ...message, ...(parts.length > 0 && { content }), ...(thinking && { reasoning_content: thinking }) };
  });
  return askedOfOpenAi({ ...body, messages, ...(body.tool_choice === 'any' && { tool_choice: 'required' }) });
}

export const mistral: Side = {
  ...base,
  ...told({
    message: mistralMessage,
    usage: ({ prompt, completion }) => ({
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
    }),
    last: ({ system_fingerprint: _, ...chunk }) => chunk,
  }),
  title: 'Mistral',
  group: 'mistral',
  model: 'mistral/magistral-medium-2509',
  params: params('/v1'),
  asked: askedOfMistral,
  complaints: (request) => [
    ...sound(
      request,
      `${chatFields} prompt_mode random_seed safe_prompt`,
      'role content tool_calls tool_call_id prefix name',
    ),
    ...listOf(bodyOf(request).messages)
      .flatMap((message) => [message.tool_call_id ?? 'aaaaaaaaa', ...listOf(message.tool_calls).map(({ id }) => id)])
      .flatMap((id) =>
        /^[A-Za-z0-9]{9}$/.test(String(id))
          ? []
          : [`Tool call id was ${id} but must be a-z, A-Z, 0-9, with a length of 9.`],
      ),
  ],
  faults: {
    key: { status: 401, body: { detail: 'Unauthorized' } },
    permission: mistralFault(403, 'You do not have access to this model.', 'forbidden'),
    model: mistralFault(400, 'Invalid model: x', 'invalid_model', '1500'),
    timeout: mistralFault(504, 'The upstream server is timing out', 'timeout'),
    rate: mistralFault(429, 'Rate limit exceeded', 'rate_limited', '1300'),
    internal: mistralFault(500, 'Internal server error', 'internal_server_error'),
    overloaded: mistralFault(503, 'Service unavailable: overloaded.', 'service_unavailable'),
    context: mistralFault(
      400,
      'Prompt contains 50000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
      'invalid_request_prompt',
      '3051',
    ),
  },
  broken: eventOf({ object: 'error', message: 'Internal server error', type: 'internal_server_error', code: '1000' }),
  ids: 'made',
  limits: [
    unmarked,
    unsealed,
    noErrorFlag,
    noFilter('Mistral'),
    {
      rows: reasoningRows,
      why: 'Mistral counts neither cached nor reasoning tokens.',
      told: withoutCounts('cached', 'reasoning'),
    },
  ],
};
