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
  const isAsked = isObject(raw) ? raw.type === 'enabled' || raw.type === 'adaptive' : true;
  if (isAsked && isForced(request) && (raw !== undefined || budgetTokens !== undefined || isEffort(effort))) {
    // The API refuses both together, and a tool that must be called is the stronger wish.
    const param = raw === undefined ? 'reasoning_effort' : 'thinking';
    if (raw === undefined) drops.dropped.push(param);
    else drops.drop(param, 'A model cannot think where tool_choice makes it call a tool.');
    return off;
  }
  if (isObject(raw) && raw.type === 'enabled' && modelVersion(deployment.model) >= firstAdaptiveOnly)
    return adaptive(deployment.model, effortOf(raw.budget_tokens));
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
  if (budgetTokens === undefined && !isEffort(effort)) return off;
  return fromEffort(request, deployment, drops);
}

const isForced = ({ toolChoice, tools = [] }: ChatRequest): boolean =>
  tools.length > 0 && (toolChoice === 'required' || isObject(toolChoice));

const isEffort = (effort: string | undefined): effort is string => effort !== undefined && effort !== 'none';

/** From here on budgets are refused, thoughts hidden unless asked for, and one effort more is known. */
const firstAdaptiveOnly = 407;

/** The effort that a budget stands for, by the budgets of the efforts. */
function effortOf(budget: unknown): string {
  if (!isNumber(budget) || budget <= budgets.low!) return 'low';
  return budget <= budgets.medium! ? 'medium' : 'high';
}

function adaptive(model: string, effort: string): Thinking {
  const isOnly = modelVersion(model) >= firstAdaptiveOnly;
  const level = isOnly && effort === 'xhigh' ? effort : efforts[effort];
  return {
    body: {
      thinking: { type: 'adaptive', ...(isOnly && { display: 'summarized' }) },
      output_config: { effort: level },
    },
    isThinking: true,
    budget: 0,
    betas: [],
  };
}

function fromEffort(request: ChatRequest, { model }: Deployment, drops: Drops): Thinking {
  const { effort = '', budgetTokens } = request.reasoning ?? {};
  const version = modelVersion(model);
  if (version > 0 && version < 307) {
    drops.drop('reasoning_effort', `${model} does not reason.`);
    return off;
  }
  const isAdaptive = version >= firstAdaptiveOnly || (version >= 406 && budgetTokens === undefined);
  if (budgetTokens === undefined && !Object.hasOwn(efforts, effort)) {
    throw new RutterError(
      'ERR_REQUEST_INVALID',
      `reasoning_effort: found ${JSON.stringify(effort)}, expected none, minimal, low, medium, high, xhigh or max.`,
      {
        param: 'reasoning_effort',
      },
    );
  }
  if (isAdaptive) return adaptive(model, budgetTokens === undefined ? effort : effortOf(budgetTokens));
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
