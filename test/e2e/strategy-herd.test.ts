/** Whatever the strategy, nobody rushes upon a deployment that has recovered or is new, however good it looks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openAiDeployment, startGateway, until } from '../support/index.ts';
import { ask, askOften, fleet } from './router-support.ts';

/** Most of forty calls at once: those that judge begin with one; the others share as ever. */
const strategies: readonly (readonly [strategy: string, most: number])[] = [
  ['latency-based-routing', 4],
  ['usage-based-routing-v2', 4],
  ['cost-based-routing', 4],
  ['least-busy', 20],
  ['simple-shuffle', 34],
];
const burst = 40;

describe.each(strategies)('%s', async (strategy, most) => {
  const v = await fleet('steady', 'back', 'fresh');
  const deployment = (seat: typeof v.back, inputPrice: number) =>
    openAiDeployment(
      'g',
      seat,
      { input_cost_per_token: inputPrice, output_cost_per_token: inputPrice, cooldown_time: 1 },
      { id: seat.name },
    );
  const config = (isGrown: boolean) => ({
    model_list: [deployment(v.steady, 9e-6), deployment(v.back, 1e-6), ...(isGrown ? [deployment(v.fresh, 1e-7)] : [])],
    router_settings: { routing_strategy: strategy, num_retries: 0 },
  });
  const gateway = await startGateway({ config: config(false) });
  const rush = async (seat: typeof v.back) => {
    for (const one of [v.steady, v.back, v.fresh]) one.plays({ delays: { headMs: 500 } });
    const before = seat.calls();
    await Promise.all(Array.from({ length: burst }, () => ask(gateway, 'g')));
    return seat.calls() - before;
  };

  it('sends a deployment that has recovered no rush of calls', async () => {
    // The slower one by far: which of two equals looks better is chance.
    v.steady.plays({ delays: { headMs: 20 } });
    await askOften(gateway, 'g', 60);
    v.back.plays({ failures: [429] });
    await until('its cooldown', async () => (await ask(gateway, 'g')).status === 429);
    await askOften(gateway, 'g', 40);
    await sleep(1100);
    const count = await rush(v.back);
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThanOrEqual(most);
  });

  it('sends a new deployment no rush of calls', async () => {
    for (const one of [v.steady, v.back]) one.plays({});
    await askOften(gateway, 'g', 40);
    await gateway.writeConfig(config(true));
    await gateway.waitForLog(({ msg, generation }) => String(msg).includes('in force') && generation === 2);
    expect(await rush(v.fresh)).toBeLessThanOrEqual(most);
  });
});
