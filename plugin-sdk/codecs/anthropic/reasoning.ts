/** How much a model thinks: the caller's effort or budget in the form the model's version takes. */
import type { ChatRequest } from '../../contract/chat.ts';
import { RutterError } from '../../contract/errors.ts';
import type { Deployment } from '../../contract/request.ts';
import type { Drops } from '../drops.ts';
import { isNumber, isObject, type JsonObject } from '../values.ts';
import { lacksReasoning } from './messages.ts';
import { modelVersion } from './names.ts';

const leastBudget = 1024;
const budgets: Readonly<Record<string, number>> = {
  minimal: 1024,
  low: 1024,
  medium: 2048,
  high: 4096,
  xhigh: 4096,
  max: 4096,
};
const efforts: Readonly<Record<string, string>> = {
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'max',
  max: 'max',
};
const effortBeta = 'effort-2025-11-24';

/** What reasoning adds to the request. `budget` is what the output limit has to exceed. */
export interface Thinking {
  readonly body: JsonObject;
  readonly isThinking: boolean;
  readonly budget: number;
  readonly betas: readonly string[];
}

const off: Thinking = { body: {}, isThinking: false, budget: 0, betas: [] };

export function writeThinking(request: ChatRequest, deployment: Deployment, drops: Drops): Thinking {
  const { raw, effort, budgetTokens } = request.reasoning ?? {};
  const modifies = deployment.params.modify_params === true;
  if (isObject(raw)) {
    const isThinking = raw.type === 'enabled' || raw.type === 'adaptive';
    if (isThinking && modifies && lacksReasoning(request.messages)) {
      drops.dropped.push('thinking');
      return off;
    }
    return {
      body: { thinking: raw },
      isThinking,
      budget: isNumber(raw.budget_tokens) ? raw.budget_tokens : 0,
      betas: [],
    };
  }
  if (budgetTokens === undefined && (effort === undefined || effort === 'none')) return off;
  return fromEffort(request, deployment, drops);
}

function fromEffort(request: ChatRequest, { model }: Deployment, drops: Drops): Thinking {
  const { effort = '', budgetTokens } = request.reasoning ?? {};
  const version = modelVersion(model);
  if (version > 0 && version < 307) {
    drops.drop('reasoning_effort', `${model} does not reason.`);
    return off;
  }
  const isAdaptive = version >= 406 && budgetTokens === undefined;
  if (budgetTokens === undefined && !Object.hasOwn(efforts, effort)) {
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      `reasoning_effort: found ${JSON.stringify(effort)}, expected none, minimal, low, medium, high, xhigh or max.`,
      {
        param: 'reasoning_effort',
      },
    );
  }
  if (isAdaptive)
    return {
      body: { thinking: { type: 'adaptive' }, output_config: { effort: efforts[effort] } },
      isThinking: true,
      budget: 0,
      betas: [],
    };
  // A history from another vendor has no signed reasoning to replay: better an answer without thinking than none.
  if (lacksReasoning(request.messages)) {
    drops.dropped.push('reasoning_effort');
    return off;
  }
  const budget = fittingBudget(budgetTokens ?? budgets[effort] ?? leastBudget, request.maxOutputTokens, drops);
  if (budget === undefined) return off;
  const hasEffort = version === 405 && model.includes('opus') && effort !== '';
  return {
    body: {
      thinking: { type: 'enabled', budget_tokens: budget },
      ...(hasEffort && { output_config: { effort: efforts[effort] === 'max' ? 'high' : efforts[effort] } }),
    },
    isThinking: true,
    budget,
    betas: hasEffort ? [effortBeta] : [],
  };
}

/** The caller's limit counts reasoning too, so the budget yields to it; undefined where no room is left. */
function fittingBudget(wanted: number, limit: number | undefined, drops: Drops): number | undefined {
  const budget = Math.max(leastBudget, wanted);
  if (limit === undefined || limit > budget) return budget;
  if (limit > leastBudget) return limit - 1;
  drops.drop(
    'reasoning_effort',
    `Reasoning takes at least ${leastBudget} tokens and the limit of ${limit} leaves no room for it; raise the limit.`,
  );
  return undefined;
}
