/** What steers a Claude's sampling, which the versions of the model take more or less of. */
import type { ChatRequest } from '../../contract/chat.ts';
import type { Deployment } from '../../contract/request.ts';
import { type Drops, lacking } from '../drops.ts';
import { defined, isNumber, type JsonObject } from '../values.ts';
import { modelVersion } from './names.ts';
import type { Thinking } from './reasoning.ts';

/** From 4.7 on models take nothing that steers sampling, from 4.1 on not both of the first two. */
const firstUnsteered = 407;
const firstOfOne = 401;

interface Asked {
  readonly thinking: Pick<Thinking, 'isThinking'>;
  readonly deployment: Deployment;
  readonly drops: Drops;
}

/** What of `temperature`, `top_p` and `top_k` goes to the model; what it cannot take is refused or dropped. */
export function writeSampling(
  { temperature, topP, topK }: Pick<ChatRequest, 'temperature' | 'topP' | 'topK'>,
  { thinking, deployment, drops }: Asked,
): JsonObject {
  const fields = defined({ temperature, top_p: topP, top_k: topK });
  const { model } = deployment;
  const version = modelVersion(model);
  const allows = { deployment, drops };
  if (version >= firstUnsteered) return without(fields, lacking(fields, { vendor: model, lacks: samplers }, allows));
  if (thinking.isThinking) return thinkingSampling(fields, drops);
  if (version < firstOfOne || temperature === undefined || topP === undefined) return fields;
  const lacks = { vendor: `${model} takes temperature or top_p; beside the one it`, lacks: ['top_p'] };
  return without(fields, lacking(fields, lacks, allows));
}

const samplers = ['temperature', 'top_p', 'top_k'];

const without = (fields: JsonObject, names: readonly string[]): JsonObject =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));

const leastThinkingTopP = 0.95;

// While a model thinks, the API takes no temperature but 1, hardly any top_p, and no top_k.
function thinkingSampling({ temperature, top_p: topP, top_k: topK }: JsonObject, { dropped }: Drops): JsonObject {
  const isForced = temperature !== undefined && temperature !== 1;
  const isNarrow = isNumber(topP) && topP < leastThinkingTopP;
  if (isForced) dropped.push('temperature');
  if (isNarrow) dropped.push('top_p');
  if (topK !== undefined) dropped.push('top_k');
  return { temperature: isForced ? 1 : temperature, top_p: isNarrow ? undefined : topP };
}
