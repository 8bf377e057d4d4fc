/** Pre-call checks of regions and formats, strategies by routing group, and bounds that hold for a whole group. */
import { describe, expect, it } from 'vitest';
import { openAiDeployment, startGateway, startRefused } from '../support/index.ts';
import { ask, askOften, fleet, tally } from './router-support.ts';

const v = await fleet('paris', 'ohio', 'nowhere', 'strict', 'loose', 'fast', 'slow', 'even', 'odd', 'one');
const deployment = (
  group: string,
  seat: typeof v.paris,
  params: Readonly<Record<string, unknown>> = {},
  info: Readonly<Record<string, unknown>> = {},
) => openAiDeployment(group, seat, params, { id: `${group}-${seat.name}`, ...info });

const [checked, grouped] = await Promise.all([
  startGateway({
    config: {
      model_list: [
        deployment('world', v.paris, { region_name: 'francecentral' }),
        deployment('world', v.ohio, { aws_region_name: 'us-east-2' }),
        deployment('world', v.nowhere),
        deployment('formats', v.strict),
        deployment('formats', v.loose, {}, { supports_response_schema: false }),
        deployment('loose', v.loose, {}, { supports_response_schema: false }),
      ],
      router_settings: { num_retries: 0, enable_pre_call_checks: true },
    },
  }),
  startGateway({
    config: {
      model_list: [
        deployment('quick', v.fast),
        deployment('quick', v.slow),
        deployment('plain', v.even),
        deployment('plain', v.odd),
        deployment('one', v.one),
      ],
      router_settings: {
        num_retries: 0,
        default_max_parallel_requests: 2,
        routing_groups: [
          {
            group_name: 'by-speed',
            models: ['quick'],
            routing_strategy: 'latency-based-routing',
            routing_strategy_args: { exploration: 0 },
          },
        ],
      },
    },
  }),
]);

describe('regions', () => {
  const within = (region: unknown) => ({ body: { allowed_model_region: region } });

  it('leave out deployments that are elsewhere or say nothing of where they are', async () => {
    expect(tally(await askOften(checked, 'world', 9, within('eu')))).toEqual({ paris: 9 });
    expect(tally(await askOften(checked, 'world', 9, within('us')))).toEqual({ ohio: 9 });
    expect(tally(await askOften(checked, 'world', 9, within(['us-east-2', 'eu-west-1'])))).toEqual({ ohio: 9 });
    expect(v.ohio.requests.at(-1)?.json).not.toHaveProperty('allowed_model_region');
  });

  it('refuse with 429 where nobody is there, and with 400 what is no region', async () => {
    const refused = await ask(checked, 'world', within('ap-south-1'));
    expect([refused.status, refused.error?.message.includes('ap-south-1')]).toEqual([429, true]);
    expect((await ask(checked, 'world', within(7))).status).toBe(400);
  });
});

describe('formats', () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'string' } },
    required: ['a'],
    additionalProperties: false,
  };
  const body = { response_format: { type: 'json_schema', json_schema: { name: 'a', schema, strict: true } } };

  it('go to those that take them, where there is one', async () => {
    expect(tally(await askOften(checked, 'formats', 12, { body }))).toEqual({ strict: 12 });
    expect(Object.keys(tally(await askOften(checked, 'formats', 30))).toSorted()).toEqual(['loose', 'strict']);
  });
});

describe('routing_groups', () => {
  it('give some model groups a strategy and options of their own', async () => {
    v.fast.plays({ delays: { headMs: 10 } });
    v.slow.plays({ delays: { headMs: 200 } });
    for (let call = 0; call < 6; call++) await ask(grouped, 'quick');
    const answers = [];
    for (let call = 0; call < 12; call++) answers.push(await ask(grouped, 'quick'));
    expect(tally(answers)).toEqual({ fast: 12 });
    expect(answers[0]?.headers.get('x-rutter-route')).toContain('latency-based-routing-by-speed');
  });

  it('leave the others to the general one', async () => {
    const answer = await ask(grouped, 'plain');
    expect(answer.headers.get('x-rutter-route')).toContain('simple-shuffle');
  });

  it('refuse to start with what cannot be meant', async () => {
    const group = { group_name: 'g', models: ['one'], routing_strategy: 'simple-shuffle' };
    const start = (routing_groups: readonly object[]) =>
      startRefused({ config: { model_list: [deployment('one', v.one)], router_settings: { routing_groups } } });
    expect((await start([group, { ...group, group_name: 'h' }])).output).toContain('stands in two routing groups');
    expect((await start([{ ...group, routing_strategy: 'simple-shufle' }])).output).toMatch(
      /routing_groups\[0\]\.routing_strategy.*|simple-shuffle/,
    );
    expect((await start([{ ...group, models: [] }])).output).toContain('a list of model groups');
  });
});

describe('default_max_parallel_requests', () => {
  it('bounds the calls at once of every deployment that names no number', async () => {
    v.one.plays({ delays: { headMs: 500 } });
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask(grouped, 'one')));
    expect(tally(answers)).toEqual({ one: 2, 429: 3 });
  });
});

describe('optional_pre_call_checks', async () => {
  const seats = await fleet('s1', 's2', 's3', 'bounded');
  const gateway = await startGateway({
    config: {
      model_list: [
        ...[seats.s1, seats.s2, seats.s3].map((seat) => deployment('sessions', seat)),
        deployment('bounded', seats.bounded, { rpm: 3 }),
      ],
      router_settings: {
        num_retries: 0,
        optional_pre_call_checks: [
          'session_affinity',
          'enforce_model_rate_limits',
          'sesion_afinity',
          'forward_client_headers_by_model_group',
        ],
      },
    },
  });

  it('send a session to one deployment, and sessions to all', async () => {
    const chosen = new Set<string | undefined>();
    for (let session = 0; session < 24; session++) {
      const headers = { 'x-litellm-session-id': `session-${session}` };
      const counts = tally(await askOften(gateway, 'sessions', 3, { headers }));
      expect(Object.values(counts)).toEqual([3]);
      chosen.add(Object.keys(counts)[0]);
    }
    expect(chosen.size).toBe(3);
  });

  it('are told of where nothing answers to the name, with the one that may have been meant', () => {
    const warned = gateway.output();
    expect(warned).toMatch(/sesion_afinity.*session_affinity/);
    expect(warned).toContain('forward_client_headers_by_model_group');
    expect(warned).toContain('optional_pre_call_checks[3]');
    expect(warned).not.toMatch(/answers to ."enforce_model_rate_limits/);
  });

  it('keep the rpm of a deployment under any strategy', async () => {
    const second = (Date.now() / 1000) % 60;
    if (second > 55) await new Promise((resolve) => setTimeout(resolve, (60.1 - second) * 1000));
    const answers = await Promise.all(Array.from({ length: 9 }, () => ask(gateway, 'bounded')));
    expect(tally(answers)).toEqual({ bounded: 3, 429: 6 });
    expect(seats.bounded.calls()).toBe(3);
  });
});
