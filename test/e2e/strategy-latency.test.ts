/** latency-based-routing: vendors of known speed, and no rush upon one that is new or has recovered. */
import { describe, expect, it } from 'vitest';
import { openAiDeployment, startGateway, until } from '../support/index.ts';
import { ask, askOften, fleet, tally } from './router-support.ts';

const v = await fleet('fast', 'near', 'slow', 'old', 'fresh', 'steady', 'back', 'whole', 'prompt');
const deployment = (group: string, seat: typeof v.fast, params: Readonly<Record<string, unknown>> = {}) =>
  openAiDeployment(group, seat, params, { id: `${group}-${seat.name}` });
const settings = (args: object) => ({
  routing_strategy: 'latency-based-routing',
  routing_strategy_args: args,
  num_retries: 0,
});
const growing = (withFresh: boolean) => ({
  model_list: [deployment('growing', v.old), ...(withFresh ? [deployment('growing', v.fresh)] : [])],
  router_settings: settings({}),
});
const [gateway, buffered, grown] = await Promise.all([
  startGateway({
    config: {
      model_list: [
        deployment('speeds', v.fast),
        deployment('speeds', v.near),
        deployment('speeds', v.slow),
        deployment('streams', v.whole),
        deployment('streams', v.prompt),
        deployment('cooled', v.steady),
        deployment('cooled', v.back, { cooldown_time: 1 }),
      ],
      router_settings: settings({}),
    },
  }),
  startGateway({
    config: {
      model_list: [deployment('speeds', v.fast), deployment('speeds', v.near), deployment('speeds', v.slow)],
      router_settings: settings({ lowest_latency_buffer: 0.9, exploration: 0 }),
    },
  }),
  startGateway({ config: growing(false) }),
]);
const takes = (seat: typeof v.fast, headMs: number) => seat.plays({ delays: { headMs } });
const burst = (on: typeof gateway, group: string, count: number) =>
  Promise.all(Array.from({ length: count }, () => ask(on, group)));

describe('latency-based-routing', () => {
  it('sends nearly all to the fastest, and now and then one to a slower one', async () => {
    takes(v.fast, 40);
    takes(v.near, 400);
    takes(v.slow, 600);
    await askOften(gateway, 'speeds', 40);
    const counts = tally(await askOften(gateway, 'speeds', 400));
    // One in fifty explores: of 400, more than 36 would happen once in ten million.
    expect(counts.fast).toBeGreaterThan(363);
  });

  it('takes turns within the buffer, and leaves out what is slower', async () => {
    takes(v.fast, 150);
    takes(v.near, 180);
    takes(v.slow, 600);
    await askOften(buffered, 'speeds', 32);
    const counts = tally(await askOften(buffered, 'speeds', 200));
    expect(counts.slow).toBeUndefined();
    expect(Math.min(counts.fast ?? 0, counts.near ?? 0)).toBeGreaterThan(40);
  });

  it('compares streams by their first content, whatever the whole takes', async () => {
    v.whole.plays({ delays: { headMs: 300 }, chunks: ['a', 'b'] });
    v.prompt.plays({ delays: { headMs: 10, betweenMs: 150 }, chunks: ['a', 'b', 'c', 'd'] });
    const body = { stream: true };
    await askOften(gateway, 'streams', 12, { body });
    const counts = tally(await askOften(gateway, 'streams', 60, { body }));
    expect(counts.abcd).toBeGreaterThan(40);
  });

  it('gives a new deployment one call at a time until it has answered', async () => {
    takes(v.old, 100);
    takes(v.fresh, 400);
    await askOften(grown, 'growing', 20);
    await grown.writeConfig(growing(true));
    await until('the new deployment to be asked', async () => {
      await ask(grown, 'growing');
      return v.fresh.calls() > 0;
    });
    await ask(grown, 'growing');
    const before = v.fresh.calls();
    await burst(grown, 'growing', 40);
    expect(v.fresh.calls() - before).toBeLessThanOrEqual(4);
  });

  it('gives one that has recovered one call at a time, although it is the fastest', async () => {
    takes(v.steady, 300);
    takes(v.back, 30);
    await askOften(gateway, 'cooled', 120);
    v.back.plays({ failures: [429] });
    await until('its cooldown', async () => (await ask(gateway, 'cooled')).status === 429);
    takes(v.back, 600);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const before = v.back.calls();
    await burst(gateway, 'cooled', 40);
    expect(v.back.calls() - before).toBeLessThanOrEqual(2);
    expect(v.back.calls() - before).toBeGreaterThan(0);
  });
});
