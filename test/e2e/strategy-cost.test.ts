/** cost-based-routing: what this call is expected to cost, by its own prompt and reply. */
import { describe, expect, it } from 'vitest';
import { openAiDeployment, startGateway } from '../support/index.ts';
import { ask, askOften, fleet, tally } from './router-support.ts';

const v = await fleet('reader', 'writer', 'unknown', 'dear', 'limited');
const priced = (
  group: string,
  seat: typeof v.dear,
  prices: readonly [number, number] | undefined,
  more: Readonly<Record<string, unknown>> = {},
) =>
  openAiDeployment(
    group,
    seat,
    {
      ...(prices
        ? { input_cost_per_token: prices[0], output_cost_per_token: prices[1] }
        : { model: 'openai/in-no-price-table' }),
      ...more,
    },
    { id: `${group}-${seat.name}` },
  );
const gateway = await startGateway({
  config: {
    model_list: [
      priced('mix', v.dear, [9e-6, 9e-6]),
      priced('mix', v.unknown, undefined),
      priced('mix', v.writer, [4e-6, 4e-6]),
      priced('mix', v.reader, [1e-6, 8e-6]),
      priced('last', v.unknown, undefined),
      priced('last', v.dear, [1e-3, 1e-3], { rpm: 2 }),
    ],
    router_settings: { routing_strategy: 'cost-based-routing', num_retries: 0 },
  },
});

describe('cost-based-routing', () => {
  it('sends a long prompt with a short reply to whoever reads cheaply', async () => {
    const body = { max_tokens: 10, messages: [{ role: 'user', content: 'word '.repeat(800) }] };
    expect(tally(await askOften(gateway, 'mix', 40, { body }))).toEqual({ reader: 40 });
  });

  it('sends a short prompt with a long reply to whoever writes cheaply', async () => {
    for (const seat of [v.reader, v.writer, v.dear])
      seat.plays({ usage: { prompt_tokens: 2, completion_tokens: 400 } });
    // It learns how long their replies have become, and that the writer can be trusted with many at once.
    await askOften(gateway, 'mix', 150);
    expect(tally(await askOften(gateway, 'mix', 40))).toEqual({ writer: 40 });
  });

  it('asks a deployment whose price is not known only when the limits of the others are used up', async () => {
    const said = [];
    for (let call = 0; call < 4; call++) said.push((await ask(gateway, 'last')).said);
    expect(said.slice(0, 2)).toEqual(['dear', 'dear']);
    expect(said).toContain('unknown');
  });
});
