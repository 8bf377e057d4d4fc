import type { Charging, Reservation, ReserveResult, State } from '@rutter/plugin-sdk';
import { candidate, call as plainCall } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Target } from '../pipeline/models.ts';
import { allRefused, Charge, charge } from './charges.ts';

const limit = (key: string, amount = 1): Reservation => ({ key, amount, limit: 10, windowMs: 1000, measure: 'tokens' });
const target = candidate('d') as Target;

interface Scene {
  readonly guards?: readonly Charging[];
  readonly strategies?: readonly Charging[];
  reserve?(asked: readonly Reservation[]): Promise<ReserveResult>;
}

function scene({ guards = [], strategies = [], reserve }: Scene) {
  const settled: (readonly [string, readonly number[]])[] = [];
  const faults: unknown[] = [];
  const held = (value: Charging) => ({ instance: { name: 'limits' }, value });
  const granted = async (asked: readonly Reservation[]): Promise<ReserveResult> => ({
    granted: true,
    id: 'r1',
    remaining: asked.map(({ limit: most, amount }) => most - amount),
  });
  const state = {
    reserve: reserve ?? granted,
    settle: async (id: string, actual: readonly number[]) => void settled.push([id, actual]),
  } as unknown as State;
  const path = {
    chargers: guards.map(held),
    experiments: [],
    selector: () => ({ chargers: strategies.map(held) }),
    state,
    services: { onFault: (_instance: unknown, error: unknown) => void faults.push(error) },
  };
  const call = { ...plainCall(), group: 'g', facts: {}, path, costOf: () => 700 } as unknown as ModelCall;
  return { call, settled, faults };
}

const heard = (reservations: readonly Reservation[]) => {
  const said: unknown[] = [];
  const charging: Charging = {
    charge: () => reservations,
    charged: (_candidate, own, result) => void said.push([own === reservations, result]),
    discharged: (_candidate, _own, actual) => void said.push(actual),
  };
  return { charging, said };
};

describe('a charge', () => {
  it('is none where nobody has limits, and nothing is waited for', () => {
    expect(charge(scene({}).call, target)).toBeUndefined();
    expect(charge(scene({ guards: [{ charge: () => [] }] }).call, target)).toBeUndefined();
  });

  it('reserves all in one step, tells each its own part, and is settled once', async () => {
    const [guard, strategy] = [heard([limit('a', 2), limit('b', 3)]), heard([limit('c', 4)])];
    const { call, settled } = scene({ guards: [guard.charging], strategies: [strategy.charging] });
    const made = (await charge(call, target)) as Charge;
    expect(made).toBeInstanceOf(Charge);
    made.settle({ input: 5, output: 6 }, true);
    made.settle(undefined, false);
    expect(settled).toEqual([['r1', [11, 11, 11]]]);
    expect(guard.said).toEqual([
      [true, { granted: true, id: 'r1', remaining: [8, 7] }],
      [11, 11],
    ]);
    expect(strategy.said).toEqual([[true, { granted: true, id: 'r1', remaining: [6] }], [11]]);
  });

  it('settles by measure: a request that was sent counts, its cost as it was billed, a slot is given back', async () => {
    const each = (['requests', 'tokens', 'nano-usd', 'parallel'] as const).map(
      (measure): Reservation => ({ ...limit(measure, 9), measure }),
    );
    for (const [isSent, expected] of [
      [true, [9, 3, 700, 0]],
      [false, [0, 3, 700, 0]],
    ] as const) {
      const { call, settled } = scene({ guards: [heard(each).charging] });
      ((await charge(call, target)) as Charge).settle({ input: 1, output: 2 }, isSent);
      expect(settled).toEqual([['r1', expected]]);
    }
  });

  it('is refused with the limit that is used up, counted from the beginning of its own part', async () => {
    const [guard, strategy] = [heard([limit('a')]), heard([limit('b'), limit('c')])];
    const { call } = scene({
      guards: [guard.charging],
      strategies: [strategy.charging],
      reserve: async () => ({ granted: false, index: 2, current: 10, retryAfterMs: 500 }),
    });
    expect(await charge(call, target)).toMatchObject({ reservation: { key: 'c' }, current: 10, retryAfterMs: 500 });
    expect(guard.said).toEqual([[true, undefined]]);
    expect(strategy.said).toEqual([[true, { granted: false, index: 1, current: 10, retryAfterMs: 500 }]]);
  });

  it("lets a call pass under a strategy's limits when the state is away, and refuses it under a guard's", async () => {
    const reserve = () => Promise.reject(new Error('gone'));
    const strategy = scene({ strategies: [heard([limit('a')]).charging], reserve });
    expect(await charge(strategy.call, target)).toBeUndefined();
    expect(strategy.faults).toHaveLength(1);
    const guard = scene({ guards: [heard([limit('a')]).charging], reserve });
    await expect(charge(guard.call, target)).rejects.toMatchObject({ code: 'ERR_PLUGIN_DOWN' });
  });

  it('goes without a strategy that throws, and fails with a guard that does', () => {
    const broken: Charging = {
      charge() {
        throw new Error('broken');
      },
    };
    const { call, faults } = scene({ strategies: [broken] });
    expect(charge(call, target)).toBeUndefined();
    expect(faults).toHaveLength(1);
    expect(() => charge(scene({ guards: [broken] }).call, target)).toThrow('Guard limits failed');
  });
});

it('tells all limits that refused, and the soonest time, in full seconds', () => {
  const refusal = (key: string, retryAfterMs: number) => ({ reservation: limit(key, 4), current: 8, retryAfterMs });
  const error = allRefused('chat', [refusal('a', 7300), refusal('b', 2100)]);
  expect(error).toMatchObject({ code: 'ERR_ROUTE_NO_DEPLOYMENT', status: 429, retryAfterMs: 3000 });
  expect(error.message).toContain('Try again in 3 seconds. Passed model=chat.');
  expect(error.message).toContain('a: limit 10, used 8, needed 4; b: limit 10, used 8, needed 4.');
  const money = { ...limit('m', 1_500_000_000), measure: 'nano-usd' as const, limit: 20_000_000 };
  expect(allRefused('g', [{ reservation: money, current: 0, retryAfterMs: 1 }]).message).toContain(
    'limit $0.02, used $0, needed $1.5',
  );
});
