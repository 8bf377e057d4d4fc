/** OpenAI, and the vendors that speak its chat in a manner of their own. */
import type { VendorRequest } from '../../support/index.ts';
import { azureEvents, azureWhole } from '../azure-side.ts';
import { askedOfOpenAi, openAiEvents, openAiWhole } from '../openai-side.ts';
import { openRouterEvents, openRouterWhole } from '../openrouter-side.ts';
import { type Asked, type Fields, fieldsOf, listOf, type Tokens, type Truth, thought } from '../truth.ts';
import { includesUsage } from '../vendors.ts';
import {
  asksForStream,
  bodyOf,
  eventOf,
  type Fault,
  type FaultName,
  type Limit,
  reasoningRows,
  retryAfter,
  rows,
  type Side,
  sse,
  strangers,
  withoutCounts,
  withoutResultFlags,
} from './side.ts';

const fault = (status: number, message: string, code: string | null = null, type = 'invalid_request_error'): Fault => ({
  status,
  body: { error: { message, type, param: null, code } },
  ...(status === 429 && { headers: retryAfter }),
});

const faults: Readonly<Record<FaultName, Fault>> = {
  key: fault(401, 'Incorrect API key provided: sk-vendor-1234567890', 'invalid_api_key'),
  permission: fault(403, 'You are not allowed to sample from this model', null, 'request_forbidden'),
  model: fault(404, 'The model `x` does not exist or you do not have access to it.', 'model_not_found'),
  timeout: fault(408, 'Request timed out.', null, 'timeout'),
  rate: fault(429, 'Rate limit reached for requests', 'rate_limit_exceeded', 'requests'),
  internal: fault(500, 'The server had an error while processing your request', null, 'server_error'),
  overloaded: fault(503, 'The engine is currently overloaded, please try again later', null, 'server_error'),
  context: fault(400, "This model's maximum context length is 128000 tokens.", 'context_length_exceeded'),
  policy: fault(400, 'Your request was rejected by our safety system.', 'content_policy_violation'),
};

const chatFields =
  'model messages stream stream_options temperature top_p max_tokens max_completion_tokens stop tools tool_choice ' +
  'parallel_tool_calls response_format reasoning_effort';
const messageFields = 'role content name tool_calls tool_call_id refusal';

const sound = (request: VendorRequest, body: string, message: string): string[] => [
  ...(request.path.split('?')[0]?.endsWith('/chat/completions') ? [] : [`no operation at ${request.path}`]),
  ...strangers(bodyOf(request), body, 'body'),
  ...listOf(bodyOf(request).messages).flatMap((found, index) => strangers(found, message, `messages.${index}`)),
  ...unanswered(listOf(bodyOf(request).messages)),
];

function unanswered(messages: readonly Fields[]): string[] {
  const open = new Set<unknown>();
  for (const { role, tool_calls: calls, tool_call_id: id } of messages) {
    if (role === 'tool' && !open.delete(id)) return [`no call ${id} for its answer`];
    for (const call of listOf(calls)) open.add(call.id);
  }
  return [...open].map((id) => `no answer for the call ${id}`);
}

/** A model that is told its schema in words, as of a vendor that only has a JSON mode, answers in it. */
const wrapped = (truth: Truth, { messages }: Fields): Truth =>
  truth.text?.startsWith('[') && JSON.stringify(messages).includes('{\\"values\\":')
    ? { ...truth, text: `{"values":${truth.text}}` }
    : truth;

const base = {
  contentType: sse,
  isStream: asksForStream,
  whole: (truth: Truth, request: VendorRequest): unknown => openAiWhole(truth, bodyOf(request).model),
  pieces: (truth: Truth, request: VendorRequest): Iterable<string | Buffer> =>
    openAiEvents(truth, bodyOf(request).model, includesUsage(bodyOf(request))),
  asked: (request: VendorRequest) => askedOfOpenAi(bodyOf(request)),
  complaints: (request: VendorRequest) => sound(request, chatFields, messageFields),
  faults: faults as Side['faults'],
  broken: eventOf({ error: { message: 'The server had an error', type: 'server_error', param: null, code: null } }),
  thoughts: 'text' as Side['thoughts'],
  ids: 'own' as const,
  inlines: false,
};

const params =
  (base = '') =>
  (url: string) => ({ api_base: url + base, api_key: 'sk-vendor-key' });

const noErrorFlag: Limit = {
  rows: [rows.failed],
  why: 'The vendor has no mark for a tool that failed: the words of the answer say so.',
  asked: withoutResultFlags,
};
const noImages = (vendor: string): Limit => ({
  rows: [rows.image, rows.address],
  why: `${vendor} takes no images.`,
  refuses: /^messages\[0\]\.content/,
});
const noDocuments = (vendor: string): Limit => ({
  rows: [rows.document, rows.audio],
  why: `${vendor} takes neither documents nor sound.`,
  refuses: /^messages\[0\]\.content/,
});
const noFilter = (vendor: string): Limit => ({
  rows: [rows.refusal],
  why: `${vendor} has no finish reason for a refusal.`,
  isMissing: true,
});

export const openAi: Side = {
  ...base,
  title: 'OpenAI',
  group: 'openai',
  model: 'openai/gpt-4.1',
  params: params('/v1'),
  // The bytes of the caller's own dialect pass, and with them what it knows of other vendors.
  complaints: (request) => sound(request, chatFields, `${messageFields} is_error reasoning_content`),
  limits: [],
};

const azureFault = (status: number, code: string, message: string): Fault => fault(status, message, code, '');

export const azure: Side = {
  ...base,
  title: 'Azure OpenAI',
  group: 'azure',
  model: 'azure/gpt-4.1',
  params: params(),
  whole: (truth, request) => azureWhole(truth, bodyOf(request).model),
  pieces: (truth, request) => azureEvents(truth, bodyOf(request).model, includesUsage(bodyOf(request))),
  complaints: (request) => sound(request, chatFields, `${messageFields} is_error`),
  faults: {
    key: azureFault(401, '401', 'Access denied due to invalid subscription key or wrong API endpoint.'),
    permission: azureFault(403, '403', 'Access denied due to Virtual Network/Firewall rules.'),
    model: azureFault(404, 'DeploymentNotFound', 'The API deployment for this resource does not exist.'),
    timeout: azureFault(408, 'Timeout', 'The operation was timeout.'),
    rate: azureFault(429, '429', 'Requests have exceeded token rate limit of your current pricing tier.'),
    internal: azureFault(500, 'InternalServerError', 'The server had an error.'),
    overloaded: azureFault(503, 'ServiceUnavailable', 'The service is temporarily unable to process your request.'),
    context: faults.context,
    policy: {
      status: 400,
      body: {
        error: {
          message: 'The response was filtered due to the prompt triggering Azure OpenAI’s content management policy.',
          type: null,
          param: 'prompt',
          code: 'content_filter',
          status: 400,
          innererror: { code: 'ResponsibleAIPolicyViolation', content_filter_result: {} },
        },
      },
    },
  },
  thoughts: 'none',
  limits: [],
};

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
  limits: [noErrorFlag, noDocuments('Groq'), noFilter('Groq')],
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
  listOf(message?.reasoning_details).map(({ text, signature }) => thought(text, signature));

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
    noErrorFlag,
    noFilter('Mistral'),
    {
      rows: reasoningRows,
      why: 'Mistral counts neither cached nor reasoning tokens.',
      told: withoutCounts('cached', 'reasoning'),
    },
  ],
};
