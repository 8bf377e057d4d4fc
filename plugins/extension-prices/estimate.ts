/** Routes that say what a call would cost, or did, without making one. */
import {
  type Cost,
  type HandlerRoute,
  type Models,
  type PricedDeployment,
  type RequestContext,
  RutterError,
  type Usage,
} from '@rutter/plugin-sdk';
import { readOpenAiUsage } from '@rutter/plugin-sdk/codecs';
import { asNumbers } from './info.ts';

type Body = Readonly<Record<string, unknown>>;

const mostTokens = 1_000_000_000;
const nanoPerUsd = 1e9;
const charactersPerToken = 4;

const invalid = (param: string, found: unknown, expected: string) =>
  new RutterError(
    'ERR_REQUEST_INVALID',
    `Found ${(JSON.stringify(found) ?? 'nothing').slice(0, 60)} as "${param}", expected ${expected}.`,
    { param },
  );

function bodyOf(json: unknown): Body {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Body;
  throw new RutterError('ERR_REQUEST_INVALID', 'The body is not a JSON object.');
}

function wholeNumber(body: Body, name: string): number | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= mostTokens) return value;
  throw invalid(name, value, `a whole number from 0 to ${mostTokens}`);
}

function modelOf(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw invalid('model', value, 'the name of a model');
}

interface Priced {
  readonly one: PricedDeployment;
  readonly cost: Cost;
}

/** At the first deployment whose price is known. */
function priced(models: Models, context: RequestContext, name: string, usage: Usage): Priced {
  const deployments = models.deployments(context, name);
  if (deployments.length === 0)
    throw new RutterError(
      'ERR_REQUEST_UNKNOWN_MODEL',
      `There is no model ${JSON.stringify(name.slice(0, 100))} that this key may call.`,
      { param: 'model' },
    );
  for (const one of deployments) {
    const cost = models.cost(context, one.deployment.id, usage);
    if (cost) return { one, cost };
  }
  throw new RutterError(
    'ERR_REQUEST_NOT_FOUND',
    `No price is known for ${JSON.stringify(name.slice(0, 100))}; its deployment may be given prices, or a base_model.`,
    { param: 'model' },
  );
}

function estimate(models: Models, context: RequestContext, body: Body): Body {
  const name = modelOf(body.model);
  const input = wholeNumber(body, 'input_tokens') ?? 0;
  const output = wholeNumber(body, 'output_tokens') ?? 0;
  const perDay = wholeNumber(body, 'num_requests_per_day');
  const perMonth = wholeNumber(body, 'num_requests_per_month');
  const { one, cost } = priced(models, context, name, { input, output });
  const { originalNanoUsd: inputNano = 0 } = models.cost(context, one.deployment.id, { input, output: 0 }) ?? {};
  const parts = {
    cost: cost.nanoUsd,
    input_cost: inputNano,
    output_cost: cost.originalNanoUsd - inputNano,
    margin_cost: cost.marginNanoUsd,
    discount_cost: cost.discountNanoUsd,
  };
  const times = (count: number | undefined, spell: (part: string) => string) =>
    Object.fromEntries(
      Object.entries(parts).map(([part, nano]) => [
        spell(part),
        count === undefined ? null : (nano * count) / nanoPerUsd,
      ]),
    );
  const { input_cost_per_token = null, output_cost_per_token = null } = asNumbers(one.prices);
  return {
    model: name,
    input_tokens: input,
    output_tokens: output,
    num_requests_per_day: perDay ?? null,
    num_requests_per_month: perMonth ?? null,
    ...times(1, (part) => `${part}_per_request`),
    ...times(perDay, (part) => `daily_${part}`),
    ...times(perMonth, (part) => `monthly_${part}`),
    input_cost_per_token,
    output_cost_per_token,
    provider: one.deployment.provider,
    price_source: one.priceSource ?? null,
  };
}

/** Of a reply by its usage; of messages by their length, which says nothing of the reply. */
function calculate(models: Models, context: RequestContext, body: Body): Body {
  const { completion_response: reply, messages } = body;
  if (reply !== undefined && reply !== null) {
    const { model, usage: found, service_tier: tier } = bodyOf(reply);
    const usage = readOpenAiUsage(found, tier);
    if (!usage) throw invalid('completion_response.usage', found, 'counts of tokens such as prompt_tokens');
    return { cost: priced(models, context, modelOf(body.model ?? model), usage).cost.nanoUsd / nanoPerUsd };
  }
  if (!Array.isArray(messages)) throw invalid('messages', messages, 'a list of messages, or "completion_response"');
  const input = Math.ceil(textLength(messages) / charactersPerToken);
  return { cost: priced(models, context, modelOf(body.model), { input, output: 0 }).cost.nanoUsd / nanoPerUsd };
}

/** Characters of all contents, parts of text among them. */
function textLength(messages: readonly unknown[]): number {
  let length = 0;
  for (const message of messages) {
    const { content } = bodyOf(message);
    if (typeof content === 'string') length += content.length;
    else if (Array.isArray(content))
      for (const part of content) if (typeof part?.text === 'string') length += part.text.length;
  }
  return length;
}

export function estimateRoutes(models: Models): readonly HandlerRoute[] {
  const route = (path: string, answer: typeof estimate): HandlerRoute => ({
    method: 'POST',
    mode: 'json',
    path,
    permission: 'model.read',
    handler: ({ context, json }) => ({ body: answer(models, context, bodyOf(json)) }),
  });
  return [route('/cost/estimate', estimate), route('/spend/calculate', calculate)];
}
