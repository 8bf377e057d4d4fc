/** Every parameter of a chat request, and what becomes of it on the way to a vendor. */
import { isDeepStrictEqual } from 'node:util';
import OpenAI from 'openai';
import { expect } from 'vitest';
import { openAiClient } from '../support/index.ts';
import { type Bench, lenient, sayingAnyway } from './bench-of-sides.ts';
import { type Chat, user } from './client.ts';
import { clock, tokens, weather } from './scenarios.ts';
import type { Side } from './sides/side.ts';
import type { Fields } from './truth.ts';

export interface Parameter {
  readonly name: string;
  /** Tells it apart from the same parameter with another value. */
  readonly which?: string;
  readonly value: unknown;
  /** Fields it makes no sense without. */
  readonly beside?: Fields;
}

export const parameters: readonly Parameter[] = [
  { name: 'temperature', value: 0.3 },
  { name: 'top_p', value: 0.8 },
  { name: 'top_k', value: 20 },
  { name: 'max_tokens', value: 77 },
  { name: 'max_completion_tokens', value: 78 },
  { name: 'stop', value: ['END'] },
  { name: 'stop', which: 'of white space', value: ['\n'] },
  { name: 'n', value: 2 },
  { name: 'seed', value: 7 },
  { name: 'presence_penalty', value: 0.5 },
  { name: 'frequency_penalty', value: -0.5 },
  { name: 'logit_bias', value: { 50256: -100 } },
  { name: 'logprobs', value: true },
  { name: 'top_logprobs', value: 3 },
  { name: 'tools', value: [weather] },
  { name: 'tool_choice', value: 'required', beside: { tools: [weather] } },
  { name: 'parallel_tool_calls', value: false, beside: { tools: [weather, clock] } },
  { name: 'functions', value: [weather.function] },
  { name: 'response_format', value: { type: 'json_object' } },
  { name: 'reasoning_effort', value: 'low' },
  { name: 'thinking', value: { type: 'enabled', budget_tokens: 2048 } },
  { name: 'verbosity', value: 'low' },
  { name: 'modalities', value: ['text', 'audio'] },
  { name: 'audio', value: { voice: 'alloy', format: 'wav' } },
  { name: 'prediction', value: { type: 'content', content: 'x' } },
  { name: 'web_search_options', value: { search_context_size: 'low' } },
  { name: 'temperature', which: 'of a model that reasons', value: 0.3, beside: { reasoning_effort: 'low' } },
  { name: 'service_tier', value: 'flex' },
  { name: 'store', value: true },
  { name: 'prompt_cache_key', value: 'a-key' },
  { name: 'safety_identifier', value: 'someone' },
  { name: 'user', value: 'user-17' },
  { name: 'user', which: 'that is an address', value: 'somebody@example.org' },
  { name: 'metadata', value: { purpose: 'test' } },
  { name: 'a_field_of_tomorrow', value: { deep: [1] } },
];

/** Values by which nothing is asked for: no reason to refuse a request. */
export const harmless: Fields = {
  n: 1,
  seed: null,
  presence_penalty: 0,
  frequency_penalty: 0,
  logprobs: false,
  top_logprobs: 0,
  logit_bias: null,
  modalities: ['text'],
  response_format: { type: 'text' },
  service_tier: 'auto',
  functions: null,
  stop: null,
  max_tokens: null,
};

export const titleOf = ({ name, which }: Parameter): string =>
  which === undefined ? `\`${name}\`` : `\`${name}\` ${which}`;

/** What becomes of a parameter, as the table says it. */
export const outcomes = {
  passed: 'passed',
  translated: 'translated',
  told: 'told',
  refused: '400',
  silent: 'left out',
} as const;

interface Sent {
  /** With what stands in headers of the vendor's own. */
  readonly body: Fields;
  readonly translation: string;
}

/** `group` is one of the side's two. */
export async function send(bench: Bench, side: Side, group: string, fields: Fields): Promise<Sent> {
  const vendor = bench.vendors.get(side)!;
  vendor.use(sayingAnyway(side, { text: '{"well":true}', finish: 'stop', tokens }));
  const chat = { messages: [user('Hello.')], ...fields } as Chat;
  const { response } = await openAiClient(bench.gateway)
    .chat.completions.create({ ...chat, model: group })
    .withResponse();
  const { json, headers } = vendor.requests.at(-1)!;
  const own = Object.entries(headers).filter(([name]) => name.startsWith('x-amzn-'));
  return {
    body: { ...json, ...Object.fromEntries(own) },
    translation: response.headers.get('x-rutter-translation') ?? '',
  };
}

/** What becomes of one parameter, as the vendor saw it. */
export async function outcomeOf(bench: Bench, side: Side, { name, value, beside = {} }: Parameter): Promise<string> {
  const without = await send(bench, side, side.group, beside);
  try {
    const { body, translation } = await send(bench, side, side.group, { ...beside, [name]: value });
    if (isDeepStrictEqual(body[name], value)) return outcomes.passed;
    if (translation.split(/[ ,]+/).includes(name)) return outcomes.told;
    return isDeepStrictEqual(body, without.body) ? outcomes.silent : outcomes.translated;
  } catch (error) {
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ param: name, code: '400', message: expect.stringContaining('drop_params: true') });
  }
  const { body, translation } = await send(bench, side, lenient(side), { ...beside, [name]: value });
  expect(body).toEqual(without.body);
  expect(translation).toBe(`dropped ${name}`);
  return outcomes.refused;
}
