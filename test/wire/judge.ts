/** Has the simulated provider say what a scenario's model says, and tells what the client read. */
import { openAiClient } from '../support/index.ts';
import { askStream, askWhole, type Chat } from './client.ts';
import type { Scenario } from './scenarios.ts';
import { type Told, type Truth, toldBy } from './truth.ts';

export type Mode = 'whole' | 'streamed';
export const modes: readonly Mode[] = ['whole', 'streamed'];

const ask = { whole: askWhole, streamed: askStream };

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
