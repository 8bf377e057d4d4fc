/**
 * How much a model thinks: the caller's effort or budget in the form the
 * model's version takes. https://ai.google.dev/gemini-api/docs/thinking
 */
import type { ChatRequest } from '../../contract/chat.ts';
import { RutterError } from '../../contract/errors.ts';
import type { Drops } from '../drops.ts';
import { isObject, type JsonObject } from '../values.ts';
import { modelVersion } from './names.ts';

// The smallest budget that every 2.5 model takes is 512, the largest 24,576.
const budgets: Readonly<Record<string, number>> = {
  minimal: 512,
  low: 1024,
  medium: 2048,
  high: 4096,
  xhigh: 8192,
  max: 24_576,
};
/** Of 2.5 Pro, which cannot be kept from thinking. */
const leastOfPro = 128;

const known = [...Object.keys(budgets), 'none'];

/** `thinkingConfig` of the generation config; undefined where the caller left it to the model. */
export function writeThinking({ reasoning }: ChatRequest, model: string, drops: Drops): JsonObject | undefined {
  if (reasoning === undefined) return undefined;
  const version = modelVersion(model);
  const { raw, budgetTokens } = reasoning;
  const effort = isObject(raw) && raw.type === 'disabled' ? 'none' : reasoning.effort;
  const isAsked = budgetTokens !== undefined || effort !== undefined || isObject(raw);
  if (!isAsked) return undefined;
  if ((version !== undefined && version < 205) || /^gemma/.test(model)) {
    if (effort !== 'none') drops.drop(isObject(raw) ? 'thinking' : 'reasoning_effort', `${model} does not reason.`);
    return undefined;
  }
  if (budgetTokens !== undefined && effort !== 'none')
    return { thinkingBudget: budgetTokens, includeThoughts: budgetTokens !== 0 };
  if (effort === undefined) {
    // `thinking: {type: adaptive}`: as much as the model sees fit.
    const isEnabled = isObject(raw) && (raw.type === 'adaptive' || raw.type === 'enabled');
    return isEnabled ? { includeThoughts: true } : undefined;
  }
  if (!known.includes(effort)) {
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      `reasoning_effort: found ${JSON.stringify(effort)}, expected none, minimal, low, medium, high, xhigh or max.`,
      { param: 'reasoning_effort' },
    );
  }
  const includeThoughts = effort !== 'none';
  if (version !== undefined && version >= 300)
    return { thinkingLevel: levelOf(effort, model, version), includeThoughts };
  return { thinkingBudget: effort === 'none' ? leastBudget(model) : budgets[effort], includeThoughts };
}

const leastBudget = (model: string): number => (/2\.5-pro/.test(model) ? leastOfPro : 0);

/** Gemini 3 cannot be kept from thinking: the lowest level stands for none. Pro has no `minimal`, and 3.0 Pro no `medium`. */
function levelOf(effort: string, model: string, version: number): string {
  const isPro = /-pro(?:-|$)/.test(model) && !/image/.test(model);
  if (effort === 'none' || effort === 'minimal') return isPro ? 'low' : 'minimal';
  if (effort === 'medium') return isPro && version === 300 ? 'high' : 'medium';
  return effort === 'low' ? 'low' : 'high';
}
