/**
 * Which deployments of several models can do what a request asks for: its kind
 * of work, its images, tools and formats, the length of its prompt.
 *
 * What is known of a model decides. Where some are known to have an ability,
 * they alone stay; where none is, those that are not known to lack it.
 */
import { type ChatRequest, type Message, RutterError } from '@rutter/plugin-sdk';
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Group, Target } from '../pipeline/models.ts';
import { estimatedTokens } from '../pricing/usage.ts';

/** `mode` of models that serve an operation; others serve what they say. */
const modes: Readonly<Record<string, readonly string[]>> = {
  chat: ['chat', 'responses'],
  completions: ['completion', 'chat'],
  embeddings: ['embedding'],
};

interface Need {
  readonly ability: string;
  /** What has to be left out for it, in words. */
  readonly words: string;
}

/** Throws ERR_ROUTE_UNSUPPORTED or ERR_PROVIDER_CONTEXT_WINDOW where nobody is left. */
export function capable(call: ModelCall, group: Group, targets: readonly Target[]): readonly Target[] {
  const wanted = modes[call.operation];
  let left = targets;
  if (wanted)
    left = kept(group, left, `${call.operation} requests`, ({ mode }) =>
      known(mode, (said) => wanted.includes(String(said))),
    );
  for (const { ability, words } of call.wire.chat ? needsOf(call.chat()) : [])
    left = kept(group, left, words, (info) => known(info[ability], (said) => said !== false));
  const tokens = estimatedTokens(call.text().length);
  const fitting = left.filter(({ deployment: { info } }) => !(Number(info.max_input_tokens) < tokens));
  if (fitting.length > 0 || left.length === 0) return fitting;
  const most = Math.max(...left.map(({ deployment }) => Number(deployment.info.max_input_tokens)));
  throw new RutterError(
    'ERR_PROVIDER_CONTEXT_WINDOW',
    `The prompt of about ${tokens} tokens exceeds the context window of every model behind ${group.name}; the longest takes ${most}.`,
  );
}

const known = (value: unknown, test: (value: unknown) => boolean) =>
  value === undefined || value === null ? undefined : test(value);

function kept(
  group: Group,
  targets: readonly Target[],
  words: string,
  can: (info: Target['deployment']['info']) => boolean | undefined,
): readonly Target[] {
  if (targets.length === 0) return targets;
  const able = targets.filter(({ deployment }) => can(deployment.info) === true);
  if (able.length > 0) return able;
  const possible = targets.filter(({ deployment }) => can(deployment.info) !== false);
  if (possible.length > 0) return possible;
  throw new RutterError(
    'ERR_ROUTE_UNSUPPORTED',
    `None of the models behind ${group.name} that are free takes ${words}.`,
  );
}

function needsOf({ messages, tools, responseFormat }: ChatRequest): readonly Need[] {
  const needs: Need[] = [];
  const types = new Set(messages.flatMap(partTypes));
  if (types.has('image')) needs.push({ ability: 'supports_vision', words: 'images' });
  if (types.has('audio')) needs.push({ ability: 'supports_audio_input', words: 'audio' });
  if (types.has('file')) needs.push({ ability: 'supports_pdf_input', words: 'files' });
  if (tools && tools.length > 0) needs.push({ ability: 'supports_function_calling', words: 'tools' });
  if (responseFormat?.type === 'json-schema')
    needs.push({ ability: 'supports_response_schema', words: 'a JSON Schema' });
  return needs;
}

const partTypes = ({ content }: Message): readonly string[] =>
  typeof content === 'string' ? [] : content.map(({ type }) => type);
