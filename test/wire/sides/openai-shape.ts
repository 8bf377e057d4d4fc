/** What the vendors that speak OpenAI’s chat have in common. */
import type { VendorRequest } from '../../support/index.ts';
import { askedOfOpenAi, openAiEvents, openAiWhole } from '../openai-side.ts';
import { type Fields, listOf, type Truth } from '../truth.ts';
import { includesUsage } from '../vendors.ts';
import {
  asksForStream,
  bodyOf,
  eventOf,
  type Fault,
  type FaultName,
  type Limit,
  retryAfter,
  rows,
  type Side,
  sse,
  strangers,
  withoutResultFlags,
} from './side.ts';

export const fault = (
  status: number,
  message: string,
  code: string | null = null,
  type = 'invalid_request_error',
): Fault => ({
  status,
  body: { error: { message, type, param: null, code } },
  ...(status === 429 && { headers: retryAfter }),
});

export const faults: Readonly<Record<FaultName, Fault>> = {
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

export const chatFields =
  'model messages stream stream_options temperature top_p max_tokens max_completion_tokens stop tools tool_choice ' +
  'parallel_tool_calls response_format reasoning_effort';
export const messageFields = 'role content name tool_calls tool_call_id refusal';

export const sound = (request: VendorRequest, body: string, message: string): string[] => [
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
export const wrapped = (truth: Truth, { messages }: Fields): Truth =>
  truth.text?.startsWith('[') && JSON.stringify(messages).includes('{\\"values\\":')
    ? { ...truth, text: `{"values":${truth.text}}` }
    : truth;

export const base = {
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

export const params =
  (base = '') =>
  (url: string) => ({ api_base: url + base, api_key: 'sk-vendor-key' });

export const noErrorFlag: Limit = {
  rows: [rows.failed],
  why: 'The vendor has no mark for a tool that failed: the words of the answer say so.',
  asked: withoutResultFlags,
};
export const noImages = (vendor: string): Limit => ({
  rows: [rows.image, rows.address],
  why: `${vendor} takes no images.`,
  refuses: /^messages\[0\]\.content/,
});
export const noDocuments = (vendor: string): Limit => ({
  rows: [rows.document, rows.audio],
  why: `${vendor} takes neither documents nor sound.`,
  refuses: /^messages\[0\]\.content/,
});
export const noFilter = (vendor: string): Limit => ({
  rows: [rows.refusal],
  why: `${vendor} has no finish reason for a refusal.`,
  isMissing: true,
});
