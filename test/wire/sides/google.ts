/** Gemini at the Gemini API and at Vertex AI. */
import type { VendorRequest } from '../../support/index.ts';
import { calledBy, contentsOf, faultsOf, geminiEvents, geminiWhole, googleError, spelled } from '../gemini-side.ts';
import {
  type Asked,
  emptyTurn,
  type Fields,
  fieldsOf,
  joined,
  listOf,
  type Truth,
  type Turn,
  thought,
} from '../truth.ts';
import {
  bodyOf,
  eventOf,
  type Fault,
  type FaultName,
  type Limit,
  rows,
  type Side,
  sse,
  unmarked,
  unsealed,
} from './side.ts';

const fault = (code: number, status: string, message: string, details?: readonly object[]): Fault => ({
  status: code,
  body: googleError(code, status, message, details),
});
const info = (type: string, more: object) => [{ '@type': `type.googleapis.com/google.rpc.${type}`, ...more }];

const faults: Readonly<Partial<Record<FaultName, Fault>>> = {
  key: fault(
    400,
    'INVALID_ARGUMENT',
    'API key not valid. Please pass a valid API key.',
    info('ErrorInfo', { reason: 'API_KEY_INVALID' }),
  ),
  permission: fault(403, 'PERMISSION_DENIED', 'The caller does not have permission'),
  model: fault(404, 'NOT_FOUND', 'models/gemini-99 is not found for API version v1beta.'),
  timeout: fault(504, 'DEADLINE_EXCEEDED', 'Deadline expired before operation could complete.'),
  rate: fault(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota.', info('RetryInfo', { retryDelay: '7s' })),
  internal: fault(500, 'INTERNAL', 'An internal error has occurred.'),
  overloaded: fault(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.'),
  context: fault(
    400,
    'INVALID_ARGUMENT',
    'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
  ),
};

const modelOf = ({ path }: VendorRequest) => calledBy(path).model;

const declared = (body: Fields) =>
  listOf(body.tools)
    .map(spelled)
    .flatMap(({ functionDeclarations: list }) => listOf(list));
const choiceOf = (body: Fields) => spelled(spelled(spelled(body).toolConfig).functionCallingConfig);

function askedOf(request: VendorRequest): Asked {
  const body = spelled(bodyOf(request));
  const { mode = 'AUTO', ...choice } = choiceOf(body);
  const allowed = (choice.allowedFunctionNames ?? []) as unknown[];
  const config = spelled(body.generationConfig);
  const words: Fields = { AUTO: 'auto', ANY: 'required', NONE: 'none' };
  const schema = config.responseJsonSchema ?? config.responseSchema;
  const isJson = config.responseMimeType === 'application/json';
  return {
    system: listOf(fieldsOf(body.systemInstruction ?? {}).parts)
      .map(({ text }) => text)
      .join('|'),
    turns: turnsOf(body),
    tools: declared(body).map(({ name, description, parameters }) => ({
      name: String(name),
      ...(description !== undefined && { description: String(description) }),
      schema: parameters ?? { type: 'object', properties: {} },
    })),
    choice: allowed.length > 0 ? `tool ${allowed[0]}` : String(words[String(mode)]),
    isParallel: true,
    ...(schema !== undefined && { schema }),
    ...(schema === undefined && isJson && { schema: { type: 'object', additionalProperties: true, properties: {} } }),
    ...(config.temperature !== undefined && { temperature: config.temperature }),
    ...(config.topP !== undefined && { topP: config.topP }),
    stop: [config.stopSequences ?? []].flat(),
    limit: config.maxOutputTokens,
  };
}

/** Of a call that Gemini did not make. https://ai.google.dev/gemini-api/docs/thought-signatures */
const standIn = 'skip_thought_signature_validator';

/** Google knows no ids: calls are counted, and answers are to them in their order. */
function turnsOf(body: Fields): Turn[] {
  let calls = 0;
  let answers = 0;
  return joined(
    contentsOf(body).map(({ role, parts }) => ({
      ...emptyTurn,
      role: role === 'model' ? 'assistant' : 'user',
      text: parts.flatMap(({ text, thought: isThought }) => (text && isThought !== true ? [text] : [])).join(''),
      thoughts: parts.flatMap(({ thoughtSignature: signature }) =>
        signature && signature !== standIn ? [thought('', signature)] : [],
      ),
      images: parts.flatMap(mediaOf),
      calls: parts.flatMap(({ functionCall: call }) =>
        call ? [{ id: `call-${calls++}`, name: String(fieldsOf(call).name), input: fieldsOf(call).args }] : [],
      ),
      results: parts.flatMap(({ functionResponse: found }) =>
        found ? [resultOf(fieldsOf(found), `call-${answers++}`)] : [],
      ),
    })),
  );
}

function resultOf({ response }: Fields, id: string): Turn['results'][number] {
  const { output, error } = fieldsOf(response);
  return error === undefined ? { id, text: String(output) } : { id, text: String(error), isError: true };
}

function mediaOf({ inlineData: data, fileData: file }: Fields): string[] {
  if (data) return [`${spelled(data).mimeType},${spelled(data).data}`];
  return file ? [String(spelled(file).fileUri)] : [];
}

const limits: readonly Limit[] = [
  unmarked,
  unsealed,
  {
    rows: [rows.single],
    why: 'Gemini cannot be kept from calling several tools at once.',
    refuses: 'parallel_tool_calls',
  },
];

const base = {
  contentType: sse,
  isStream: ({ path }: VendorRequest) => path.includes(':streamGenerateContent?alt=sse'),
  whole: (truth: Truth, request: VendorRequest) => geminiWhole(truth, modelOf(request)),
  pieces: (truth: Truth, request: VendorRequest) => geminiEvents(truth, modelOf(request)),
  asked: askedOf,
  complaints: (request: VendorRequest) => faultsOf(bodyOf(request), modelOf(request)),
  faults,
  blocked: {
    promptFeedback: { blockReason: 'PROHIBITED_CONTENT' },
    usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 },
  },
  broken: eventOf(googleError(503, 'UNAVAILABLE', 'The model is overloaded.')),
  thoughts: 'signature' as const,
  ids: 'made' as const,
  inlines: true,
  limits,
};

export const gemini: Side = {
  ...base,
  title: 'Gemini',
  group: 'gemini',
  model: 'gemini/gemini-3-pro-preview',
  params: (url) => ({ api_base: url, api_key: 'AIzaSyVendorKeyOfTheTests0123456789' }),
};

export const vertexGemini: Side = {
  ...base,
  title: 'Vertex AI (Gemini)',
  group: 'vertex-gemini',
  model: 'vertex_ai/gemini-2.5-flash',
  params: (url) => ({ api_base: url, api_key: 'express-key', vertex_project: 'p', vertex_location: 'us-central1' }),
  faults: { ...faults, key: fault(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.') },
};
