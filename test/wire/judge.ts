/** Runs one scenario against one vendor, and tells what the client read and the vendor was asked. */
import { openAiClient } from '../support/index.ts';
import { askedOfAnthropic } from './anthropic-side.ts';
import { askStream, askWhole, type Chat } from './client.ts';
import { askedOfOpenAi } from './openai-side.ts';
import type { Scenario } from './scenarios.ts';
import { type Asked, type Told, type Truth, toldBy } from './truth.ts';
import type { Wire } from './vendors.ts';

export type Mode = 'whole' | 'streamed';
export const modes: readonly Mode[] = ['whole', 'streamed'];

const ask = { whole: askWhole, streamed: askStream };

const sides = {
  openAi: { prefix: 'oa', read: askedOfOpenAi },
  anthropic: { prefix: 'an', read: askedOfAnthropic },
} as const;

export interface Found {
  readonly told: Told;
  /** The limit stands apart: Anthropic wants one also where the client set none. */
  readonly asked: Omit<Asked, 'limit'>;
  readonly limit: unknown;
}

/** `model` is the vendor's name of the model that tells the scenario's truth. */
export async function viaVendor(
  wire: Wire,
  vendor: keyof typeof sides,
  { scenario, model, mode }: { readonly scenario: Scenario; readonly model: string; readonly mode: Mode },
): Promise<Found> {
  const { prefix, read } = sides[vendor];
  const told = await ask[mode](openAiClient(wire.gateway), `${prefix}/${model}`, scenario.chat);
  const request = wire[vendor].requests.findLast(({ json }) => json?.model === model);
  const { limit, ...asked } = read(request?.json ?? {});
  return { told, asked, limit };
}

/** The script that makes the simulated provider tell a truth. */
function scriptFor({ text, calls, reasoning, finish, tokens }: Truth): object {
  const { prompt, completion, cached, reasoning: thought } = tokens;
  return {
    ...(text !== undefined && calls === undefined && { reply: text }),
    ...(reasoning !== undefined && { reasoning }),
    ...(calls && { toolCalls: calls.map(({ name, input }) => ({ name, arguments: input })) }),
    ...(finish !== 'tool_calls' && { finish }),
    usage: { input: prompt - cached, cachedInput: cached, output: completion - thought, reasoning: thought },
  };
}

/** The simulated provider says nothing beside its calls, and makes their ids: both are left out of what is told. */
const comparable = ({ text, calls, ...rest }: Told): Told => ({
  ...rest,
  text: calls.length > 0 ? '' : text,
  calls: calls.map(({ name, input }) => ({ id: '', name, input })),
});

export async function viaSimulated(
  gateway: { readonly url: string },
  { chat, truth }: Scenario,
  mode: Mode,
): Promise<{ readonly told: Told; readonly expected: Told; readonly ids: readonly string[] }> {
  // The script makes the whole reply: neither limit nor stop word may cut it again.
  const { max_tokens: _, max_completion_tokens: _limit, stop: _stop, ...rest } = chat;
  const scripted = { ...rest, simulate: scriptFor(truth) } as unknown as Chat;
  const told = await ask[mode](openAiClient(gateway), 'any-name', scripted);
  return { told: comparable(told), expected: comparable(toldBy(truth)), ids: told.calls.map(({ id }) => id) };
}
