/** How much a model thinks: the caller's effort or budget, in the form its maker gave it. */
import type { ChatRequest, Deployment } from '@rutter/plugin-sdk';
import {
  type ClaudeThinking,
  type Drops,
  isString,
  type JsonObject,
  writeClaudeThinking,
} from '@rutter/plugin-sdk/codecs';
import { isClaude, isNova, isOpaque, type Model } from './model.ts';

export interface Thinking {
  /** Additional fields of the request. */
  readonly fields: JsonObject;
  /** Whether it thinks under Claude's rules: no forced tool, no temperature of its own. */
  readonly isThinking: boolean;
}

const off: Thinking = { fields: {}, isThinking: false };
const threeEfforts: Readonly<Record<string, string>> = {
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
};
const leastBudget = 1024;

export function writeThinking(
  request: ChatRequest,
  to: { deployment: Deployment; model: Model; drops: Drops },
): Thinking {
  const { reasoning } = request;
  const { model, drops } = to;
  if (reasoning === undefined) return off;
  if (isClaude(model) || isOpaque(model)) {
    return claude(writeClaudeThinking(request, { ...to.deployment, model: model.name }, drops));
  }
  const { effort = '', raw, budgetTokens } = reasoning;
  if (effort === 'none' && raw === undefined) return off;
  const level = Object.hasOwn(threeEfforts, effort) ? threeEfforts[effort] : undefined;
  if (isNova(model) && level !== undefined)
    return { fields: { reasoningConfig: { type: 'enabled', maxReasoningEffort: level } }, isThinking: false };
  if (model.vendor === 'openai' && level !== undefined)
    return { fields: { reasoning_effort: level }, isThinking: false };
  const isNative = raw !== undefined || budgetTokens !== undefined;
  drops.drop(isNative ? 'thinking' : 'reasoning_effort', `${model.id} cannot be told how much to think.`);
  return off;
}

function claude({ body, isThinking, betas }: ClaudeThinking): Thinking {
  return {
    fields: { ...withLeastBudget(body), ...(betas.length > 0 && { anthropic_beta: betas }) },
    isThinking,
  };
}

/** Bedrock refuses a smaller budget than this, where callers may have meant as little as possible. */
function withLeastBudget(body: JsonObject): JsonObject {
  const { thinking } = body as { thinking?: JsonObject };
  const budget = thinking?.budget_tokens;
  if (typeof budget !== 'number' || budget >= leastBudget) return body;
  return { ...body, thinking: { ...thinking, budget_tokens: leastBudget } };
}

/** Betas named by the caller and by the codec, each once. */
export const joinBetas = (...lists: readonly unknown[]): string[] => [
  ...new Set(
    lists.flatMap((list) => (Array.isArray(list) ? list.filter(isString) : isString(list) ? list.split(',') : [])),
  ),
];
