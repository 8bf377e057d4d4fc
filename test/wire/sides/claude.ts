/** Claude at Anthropic, at Vertex AI, and at Amazon Bedrock by InvokeModel and by Converse. */
import { readEvents, type VendorRequest } from '../../support/index.ts';
import { anthropicEvents, anthropicWhole, askedOfAnthropic } from '../anthropic-side.ts';
import { chunk, frame } from '../bedrock-side.ts';
import { type Asked, type Fields, fieldsOf, listOf, type Truth } from '../truth.ts';
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
  withoutCounts,
} from './side.ts';

const fault = (status: number, type: string, message: string, headers?: Fault['headers']): Fault => ({
  status,
  body: { type: 'error', error: { type, message }, request_id: 'req_wire' },
  ...(headers && { headers }),
});

const faults: Readonly<Record<FaultName, Fault>> = {
  key: fault(401, 'authentication_error', 'invalid x-api-key'),
  permission: fault(403, 'permission_error', 'Your API key does not have permission.'),
  model: fault(404, 'not_found_error', 'model: claude-99'),
  timeout: fault(504, 'timeout_error', 'The request timed out.'),
  rate: fault(429, 'rate_limit_error', 'This request would exceed your rate limit.', retryAfter),
  internal: fault(500, 'api_error', 'Internal server error'),
  overloaded: fault(529, 'overloaded_error', 'Overloaded'),
  context: fault(400, 'invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum'),
  policy: fault(400, 'invalid_request_error', 'Output blocked by content filtering policy'),
};

const oneSampler: Limit = {
  rows: [rows.sampling],
  why: 'Claude takes temperature or top_p from 4.1 on, not both.',
  refuses: 'top_p',
};
const noSound: Limit = { rows: [rows.audio], why: 'Claude hears nothing.', refuses: /^messages\[0\]\.content/ };

const base = {
  contentType: sse,
  isStream: asksForStream,
  whole: (truth: Truth, request: VendorRequest): unknown => anthropicWhole(truth, bodyOf(request)),
  pieces: (truth: Truth, request: VendorRequest): Iterable<string | Buffer> => anthropicEvents(truth, bodyOf(request)),
  asked: (request: VendorRequest) => askedOfAnthropic(bodyOf(request)),
  complaints: (request: VendorRequest) => turnComplaints(bodyOf(request)),
  faults,
  broken: eventOf({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, 'error'),
  thoughts: 'signed' as const,
  ids: 'own' as const,
  inlines: false,
  limits: [noSound, oneSampler],
};

/** What the Messages API refuses: turns that do not alternate, calls without an answer, thoughts that nobody signed. */
function turnComplaints({ messages, max_tokens: limit, thinking }: Fields): string[] {
  const found: string[] = [];
  if (typeof limit !== 'number') found.push('max_tokens: Field required');
  const { budget_tokens: budget = 0 } = fieldsOf(thinking ?? {});
  if (Number(budget) >= Number(limit)) found.push('max_tokens must be greater than thinking.budget_tokens');
  for (const [index, { role, content }] of listOf(messages).entries()) {
    if (role !== (index % 2 === 0 ? 'user' : 'assistant')) found.push(`messages.${index}: roles must alternate`);
    const blocks = listOf(content);
    if (typeof content !== 'string' && blocks.length === 0) found.push(`messages.${index}: content is empty`);
    for (const block of blocks) {
      if (block.type === 'thinking' && !(block.thinking && block.signature))
        found.push(`messages.${index}: Invalid signature in thinking block`);
    }
    const answered = new Set(listOf(listOf(messages)[index + 1]?.content).map(({ tool_use_id: id }) => id));
    for (const { type, id } of blocks)
      if (type === 'tool_use' && !answered.has(id))
        found.push(`messages.${index}: tool_use ids without tool_result: ${id}`);
  }
  return found;
}

export const anthropic: Side = {
  ...base,
  title: 'Anthropic',
  group: 'anthropic',
  model: 'anthropic/claude-sonnet-4-5',
  params: (url) => ({ api_base: url, api_key: 'sk-ant-vendor' }),
};

export const foundryClaude: Side = {
  ...base,
  title: 'Azure AI Foundry (Claude)',
  group: 'foundry-claude',
  model: 'azure_ai/claude-sonnet-4-5',
  params: (url) => ({ api_base: url, api_key: 'foundry-key-12345' }),
  complaints: (request) => [
    ...base.complaints(request),
    ...(request.path === '/anthropic/v1/messages' ? [] : [`no operation at ${request.path}`]),
    ...(request.headers['x-api-key'] === 'foundry-key-12345' ? [] : ['invalid x-api-key']),
    ...(request.headers['anthropic-version'] === '2023-06-01' ? [] : ['anthropic-version: header is required']),
  ],
};

export const vertexClaude: Side = {
  ...base,
  title: 'Vertex AI (Claude)',
  group: 'vertex-claude',
  model: 'vertex_ai/claude-sonnet-4-5@20250929',
  params: (url) => ({ api_base: url, api_key: 'express-key', vertex_project: 'p', vertex_location: 'us-east5' }),
  inlines: true,
  complaints: (request) => [
    ...base.complaints(request),
    ...(bodyOf(request).anthropic_version === 'vertex-2023-10-16' ? [] : ['anthropic_version: Field required']),
    ...('model' in bodyOf(request) ? ['model: Extra inputs are not permitted'] : []),
  ],
};

const awsFault = (status: number, type: string, message: string, headers: Fault['headers'] = {}): Fault => ({
  status,
  body: { message },
  headers: { 'x-amzn-errortype': `${type}:http://internal.amazon.com/coral/`, 'x-amzn-requestid': 'aws-2', ...headers },
});

const awsFaults: Readonly<Record<FaultName, Fault>> = {
  key: awsFault(403, 'UnrecognizedClientException', 'The security token included in the request is invalid.'),
  permission: awsFault(
    403,
    'AccessDeniedException',
    'You do not have access to the model with the specified model ID.',
  ),
  model: awsFault(404, 'ResourceNotFoundException', 'Could not resolve the foundation model.'),
  timeout: awsFault(408, 'ModelTimeoutException', 'The request took too long to process.'),
  rate: awsFault(429, 'ThrottlingException', 'Too many requests, please wait before trying again.', retryAfter),
  internal: awsFault(500, 'InternalServerException', 'The service encountered an unexpected error.'),
  overloaded: awsFault(503, 'ServiceUnavailableException', 'Bedrock is unable to process your request.'),
  context: awsFault(400, 'ValidationException', 'Input is too long for requested model.'),
  policy: awsFault(400, 'ValidationException', 'Output blocked by content filtering policy'),
};

const aws = {
  contentType: 'application/vnd.amazon.eventstream',
  isStream: ({ path }: VendorRequest) => /stream$/.test(path),
  params: (url: string) => ({
    api_base: url,
    aws_region_name: 'us-west-2',
    aws_access_key_id: 'AKIDWIRE',
    aws_secret_access_key: 'wire/secret+key',
  }),
  faults: awsFaults,
  inlines: true,
};

export const invoke: Side = {
  ...base,
  ...aws,
  title: 'Bedrock (InvokeModel)',
  group: 'bedrock-invoke',
  model: 'bedrock/invoke/us.anthropic.claude-sonnet-4-5-20250929-v1:0',
  *pieces(truth, request) {
    for (const event of anthropicEvents(truth, bodyOf(request))) yield chunk(dataOf(event));
  },
  complaints: (request) => [
    ...base.complaints(request),
    ...(bodyOf(request).anthropic_version === 'bedrock-2023-05-31' ? [] : ['anthropic_version: Field required']),
    ...['model', 'stream'].flatMap((name) =>
      name in bodyOf(request) ? [`${name}: extraneous key is not permitted`] : [],
    ),
  ],
  broken: frame('modelStreamErrorException', { message: 'The model stumbled.' }, 'exception'),
};

const dataOf = (event: string): Fields => JSON.parse(readEvents(event)[0]?.data ?? '{}') as Fields;

export const converse: Side = {
  ...base,
  ...aws,
  title: 'Bedrock (Converse)',
  group: 'bedrock-converse',
  model: 'bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0',
  whole: (truth, request) => converseWhole(truth, messagesBody(bodyOf(request))),
  pieces: (truth, request) => converseFrames(truth, messagesBody(bodyOf(request))),
  asked: (request): Asked => askedOfAnthropic(messagesBody(bodyOf(request))),
  complaints: (request) =>
    base.complaints({ ...request, json: { max_tokens: 64_000, ...messagesBody(bodyOf(request)) } }),
  broken: frame('internalServerException', { message: 'The service stumbled.' }, 'exception'),
  limits: [
    oneSampler,
    {
      rows: [rows.none],
      why: 'Converse has no choice that forbids tools: those that must not be called are not offered.',
      asked: (found) => ({ ...found, choice: 'auto', tools: [] }),
    },
    {
      rows: reasoningRows,
      why: 'Converse does not count reasoning: its share of the reply is estimated from the text.',
      told: withoutCounts('reasoning'),
    },
  ],
};

/** A body of Converse in the words of the Messages API, which both are made for. */
function messagesBody({ system, messages, toolConfig, inferenceConfig, outputConfig, ...rest }: Fields): Fields {
  const { maxTokens, temperature, topP, stopSequences } = fieldsOf(inferenceConfig ?? {});
  const { tools, toolChoice } = fieldsOf(toolConfig ?? {});
  const { tool_choice: additional, thinking } = fieldsOf(rest.additionalModelRequestFields ?? {});
  const format = fieldsOf(fieldsOf(outputConfig ?? {}).textFormat ?? {});
  const schema = fieldsOf(fieldsOf(format.structure ?? {}).jsonSchema ?? {}).schema;
  const [[type = 'auto', named = {}] = []] = Object.entries(fieldsOf(toolChoice ?? {}));
  const body: Fields = {
    system: withPoints(system),
    messages: listOf(messages).map(({ role, content }) => ({ role, content: withPoints(content) })),
    tools: listOf(tools).map(({ toolSpec }) => {
      const { name, description, inputSchema } = fieldsOf(toolSpec);
      return { name, description, input_schema: fieldsOf(inputSchema).json };
    }),
    tool_choice: additional ?? { type, ...fieldsOf(named) },
    max_tokens: maxTokens,
    temperature,
    top_p: topP,
    stop_sequences: stopSequences,
    thinking,
    ...(schema !== undefined && { output_config: { format: { schema: JSON.parse(String(schema)) } } }),
  };
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

/** A cache point marks the block before it. */
const withPoints = (content: unknown): Fields[] => {
  const blocks: Fields[] = [];
  for (const block of listOf(content)) {
    const last = blocks.at(-1);
    if (block.cachePoint === undefined) blocks.push(messagesBlock(block));
    else if (last !== undefined) blocks[blocks.length - 1] = { ...last, cache_control: block.cachePoint };
  }
  return blocks;
};

const mediaTypes: Readonly<Record<string, string>> = { pdf: 'application/pdf', png: 'image/png', wav: 'audio/wav' };

function messagesBlock({
  text,
  toolUse,
  toolResult,
  image,
  reasoningContent,
  document,
  audio = document,
}: Fields): Fields {
  if (toolUse !== undefined) {
    const { toolUseId: id, name, input } = fieldsOf(toolUse);
    return { type: 'tool_use', id, name, input };
  }
  if (toolResult !== undefined) {
    const { toolUseId: id, content, status } = fieldsOf(toolResult);
    const parts = listOf(content).map(messagesBlock);
    return { type: 'tool_result', tool_use_id: id, content: parts, ...(status === 'error' && { is_error: true }) };
  }
  if (image !== undefined || audio !== undefined) {
    const { format, source } = fieldsOf(image ?? audio);
    const data = fieldsOf(source).bytes;
    return {
      type: image ? 'image' : 'document',
      source: { type: 'base64', media_type: mediaTypes[String(format)], data },
    };
  }
  if (reasoningContent !== undefined) {
    const { reasoningText, redactedContent } = fieldsOf(reasoningContent);
    if (redactedContent !== undefined) return { type: 'redacted_thinking', data: redactedContent };
    const { text: thinking, signature } = fieldsOf(reasoningText);
    return { type: 'thinking', thinking, signature };
  }
  return { type: 'text', text };
}

const stopReasons: Fields = { refusal: 'content_filtered' };
const stopReasonOf = (reason: unknown) => stopReasons[String(reason)] ?? reason;

const usageOf = ({ tokens }: Truth) => ({
  inputTokens: tokens.prompt - tokens.cached,
  outputTokens: tokens.completion,
  totalTokens: tokens.prompt + tokens.completion,
  ...(tokens.cached > 0 && { cacheReadInputTokens: tokens.cached, cacheWriteInputTokens: 0 }),
});

function converseWhole(truth: Truth, body: Fields): Fields {
  const { content, stop_reason: stop } = fieldsOf(anthropicWhole(truth, body));
  const blocks = listOf(content).map(({ type, text, id, name, input, thinking, signature, data }) => {
    if (type === 'redacted_thinking') return { reasoningContent: { redactedContent: data } };
    if (type === 'tool_use') return { toolUse: { toolUseId: id, name, input } };
    return type === 'thinking' ? { reasoningContent: { reasoningText: { text: thinking, signature } } } : { text };
  });
  return {
    output: { message: { role: 'assistant', content: blocks } },
    stopReason: stopReasonOf(stop),
    usage: usageOf(truth),
    metrics: { latencyMs: 321 },
  };
}

function* converseFrames(truth: Truth, body: Fields): Generator<Buffer> {
  for (const text of anthropicEvents(truth, body)) {
    const { type, index: contentBlockIndex, content_block: block, delta } = dataOf(text);
    if (type === 'message_start') yield frame('messageStart', { role: 'assistant' });
    if (type === 'content_block_start' && fieldsOf(block).type === 'tool_use') {
      const { id: toolUseId, name } = fieldsOf(block);
      yield frame('contentBlockStart', { contentBlockIndex, start: { toolUse: { toolUseId, name } } });
    }
    if (type === 'content_block_start' && fieldsOf(block).type === 'redacted_thinking') {
      const delta = { reasoningContent: { redactedContent: fieldsOf(block).data } };
      yield frame('contentBlockDelta', { contentBlockIndex, delta });
    }
    if (type === 'content_block_delta')
      yield frame('contentBlockDelta', { contentBlockIndex, delta: converseDelta(fieldsOf(delta)) });
    if (type === 'content_block_stop') yield frame('contentBlockStop', { contentBlockIndex });
    if (type === 'message_delta') yield frame('messageStop', { stopReason: stopReasonOf(fieldsOf(delta).stop_reason) });
  }
  yield frame('metadata', { usage: usageOf(truth), metrics: { latencyMs: 321 } });
}

function converseDelta({ type, text, thinking, signature, partial_json: input }: Fields): Fields {
  if (type === 'text_delta') return { text };
  if (type === 'input_json_delta') return { toolUse: { input } };
  return { reasoningContent: type === 'thinking_delta' ? { text: thinking } : { signature } };
}
