/**
 * Which of OpenAI's parameters a deployment takes. Its codec is asked: a parameter is taken where a request with it
 * could be sent, and nothing of it were left out. Nothing is sent.
 */
import type { RequestContext } from '@rutter/plugin-sdk';
import { prepare } from '../attempts/prepare.ts';
import type { Target } from '../pipeline/models.ts';
import { unresolvedCall } from './sample-call.ts';

type Fields = Readonly<Record<string, unknown>>;

const tool = { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } };
const schema = { type: 'object', properties: {}, required: [], additionalProperties: false };

/** Each with the least that asks for something, and what it cannot stand without. */
const chatSamples: Readonly<Record<string, Fields>> = {
  temperature: { temperature: 0.5 },
  top_p: { top_p: 0.5 },
  n: { n: 2 },
  stop: { stop: ['END'] },
  seed: { seed: 1 },
  max_tokens: { max_tokens: 100 },
  max_completion_tokens: { max_completion_tokens: 100 },
  presence_penalty: { presence_penalty: 0.5 },
  frequency_penalty: { frequency_penalty: 0.5 },
  logit_bias: { logit_bias: { '1': 1 } },
  logprobs: { logprobs: true },
  top_logprobs: { logprobs: true, top_logprobs: 2 },
  user: { user: 'somebody' },
  response_format: { response_format: { type: 'json_schema', json_schema: { name: 'a', schema, strict: true } } },
  tools: { tools: [tool] },
  tool_choice: { tools: [tool], tool_choice: 'required' },
  parallel_tool_calls: { tools: [tool], parallel_tool_calls: false },
  reasoning_effort: { reasoning_effort: 'low', max_completion_tokens: 8000 },
  stream: { stream: true },
  stream_options: { stream: true, stream_options: { include_usage: true } },
  service_tier: { service_tier: 'flex' },
  web_search_options: { web_search_options: {} },
  modalities: { modalities: ['text', 'audio'], audio: { voice: 'alloy', format: 'wav' } },
  prediction: { prediction: { type: 'content', content: 'a' } },
  verbosity: { verbosity: 'low' },
  store: { store: true },
};

const embeddingSamples: Readonly<Record<string, Fields>> = {
  dimensions: { dimensions: 64 },
  encoding_format: { encoding_format: 'base64' },
  user: { user: 'somebody' },
};

const kinds: Readonly<
  Record<string, { readonly operation: string; readonly base: Fields; readonly samples: typeof chatSamples }>
> = {
  chat: { operation: 'chat', base: { messages: [{ role: 'user', content: 'a' }] }, samples: chatSamples },
  embedding: { operation: 'embeddings', base: { input: 'a' }, samples: embeddingSamples },
};

/** A target is as old as its generation, and its codec never changes its mind. */
const known = new WeakMap<Target, Promise<readonly string[] | undefined>>();

/** Names in the order of the table; undefined where the deployment does neither chats nor embeddings. */
export function supportedParameters(context: RequestContext, target: Target): Promise<readonly string[] | undefined> {
  let found = known.get(target);
  if (!found) {
    found = ask(context, target);
    known.set(target, found);
  }
  return found;
}

async function ask(context: RequestContext, target: Target): Promise<readonly string[] | undefined> {
  const kind = kinds[String(target.deployment.info.mode ?? 'chat')];
  if (!kind) return undefined;
  const takes = (name: string, fields: Fields) => isTaken(context, target, { ...kind, name, fields });
  if (!(await takes('', {}))) return undefined;
  const names: string[] = [];
  for (const [name, fields] of Object.entries(kind.samples)) if (await takes(name, fields)) names.push(name);
  return names;
}

interface Asked {
  readonly operation: string;
  readonly base: Fields;
  readonly name: string;
  readonly fields: Fields;
}

async function isTaken(
  context: RequestContext,
  target: Target,
  { operation, base, name, fields }: Asked,
): Promise<boolean> {
  try {
    const call = await unresolvedCall(context, operation, { model: target.deployment.id, ...base, ...fields }, false);
    const { dropped } = await prepare(call, target, undefined);
    return !dropped.includes(name);
  } catch {
    return false;
  }
}
