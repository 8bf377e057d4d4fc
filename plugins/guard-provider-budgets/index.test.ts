import type { Candidate, Deployment, Guard } from '@rutter/plugin-sdk';
import {
  assertConforms,
  candidate,
  checkGuard,
  deployment,
  fakeHost,
  outcome,
  requestContext,
} from '@rutter/plugin-sdk/testing';
import { expect, test } from 'vitest';
import plugin from './index.ts';
import { windowMs, windowPattern } from './window.ts';

const day = 86_400_000;
const startMs = Date.UTC(2030, 0, 31, 12);
const setUp = (config: object = {}) => {
  const host = fakeHost({ startMs });
  const guard = plugin.setup(host, plugin.config.parse(config)) as Guard & { observer: { settled(o: unknown): void } };
  return { host, guard };
};
const asking = (input: number, output?: number, tags: readonly string[] = []) => {
  const numbers: Readonly<Record<string, number | undefined>> = { 'input-tokens': input, 'output-limit': output };
  return requestContext({ tags, features: { get: (name) => numbers[name], want: async (name) => numbers[name] } });
};
/** A dollar for a million tokens read, four for a million written. */
const prices = { input: 1_000_000n, output: 4_000_000n };
const one = (change: Partial<Deployment> = {}): Candidate =>
  candidate('d', {}, { provider: 'openai', prices, ...change });
const openai = { openai: { budget_limit: 1, time_period: '1d' } };

test('conforms to what every guard must hold to', async () => {
  assertConforms(await checkGuard(plugin));
});

test('charges a provider what the prompt and the longest reply cost', () => {
  const { guard } = setUp({ providers: openai });
  expect(guard.charge?.(asking(1000, 500), one())).toEqual([
    {
      key: 'budget:provider openai:1d',
      amount: 1_000_000 + 2_000_000,
      limit: 1e9,
      windowMs: day,
      measure: 'nano-usd',
      label: 'crossed budget for provider openai in 1d',
    },
  ]);
  expect(guard.charge?.(asking(1, 1), one({ provider: 'azure' }))).toEqual([]);
});

test('expects replies as long as they were where the caller allows any', () => {
  const { guard } = setUp({ providers: openai });
  for (let count = 0; count < 100; count++)
    guard.observer.settled(
      outcome({ deployment: deployment({ id: 'd' }), usage: { input: 1, output: 100 }, ending: 'complete' }),
    );
  expect(guard.charge?.(asking(0), one())[0]?.amount).toBe(400_000);
});

test('charges a deployment by its own budget, which needs both of its keys', () => {
  const { guard } = setUp();
  const own = one({ params: { max_budget: 0.5, budget_duration: '1h' } });
  expect(guard.charge?.(asking(10, 0), own)).toMatchObject([
    { key: 'budget:deployment d:1h', limit: 5e8, windowMs: 3_600_000, amount: 10_000 },
  ]);
  expect(guard.charge?.(asking(10, 0), one({ params: { max_budget: 0.5 } }))).toEqual([]);
});

test('charges every tag that has a budget', () => {
  const { guard } = setUp({
    tags: { a: { max_budget: '1e-3', budget_duration: '30d' }, b: { budget_limit: 2, time_period: 60 } },
  });
  const charged = guard.charge?.(asking(10, 0, ['b', 'none', 'a', 'toString']), one());
  expect(charged?.map(({ key, limit, windowMs: ms }) => [key, limit, ms])).toEqual([
    ['budget:tag b:60s', 2e9, 60_000],
    ['budget:tag a:30d', 1e6, 30 * day],
  ]);
});

test('lets one call take the whole of a budget that is smaller than it', () => {
  const { guard } = setUp({ providers: { openai: { budget_limit: 0.000001, time_period: '1d' } } });
  expect(guard.charge?.(asking(1_000_000, 1), one())).toMatchObject([{ amount: 1000, limit: 1000 }]);
});

test('charges nothing where no price is known, and tells that once', () => {
  const { guard, host } = setUp({ providers: openai });
  const unknown = candidate('free', {}, { provider: 'openai' });
  for (let count = 0; count < 3; count++)
    expect(guard.charge?.(asking(10, 10), unknown)).toMatchObject([{ amount: 0 }]);
  expect(host.logged.map(({ level, fields }) => [level, fields.deployment])).toEqual([['warn', 'free']]);
});

test('refuses budgets that say half of it, or no length', () => {
  for (const wrong of [
    { budget_limit: 1 },
    { time_period: '1d' },
    { budget_limit: 1, time_period: 'soon' },
    { budget_limit: -1, time_period: '1d' },
  ])
    expect(plugin.config.safeParse({ providers: { openai: wrong } }).success).toBe(false);
});

test('reads lengths as LiteLLM writes them', () => {
  const now = startMs;
  expect(['30s', '30m', '2h', '7d', '2w'].map((text) => windowMs(text, now))).toEqual([
    30_000,
    1_800_000,
    7_200_000,
    7 * day,
    14 * day,
  ]);
  expect(['0s', '1', 'd', '1y', '', '1.5h', '-1d'].filter((text) => windowPattern.test(text))).toEqual([]);
});

test('ends months on the same day, or on the last of a shorter month', () => {
  expect(windowMs('1mo', startMs)).toBe(Date.UTC(2030, 1, 28, 12) - startMs);
  expect(windowMs('2mo', startMs)).toBe(Date.UTC(2030, 2, 31, 12) - startMs);
  expect(windowMs('12mo', startMs)).toBe(Date.UTC(2031, 0, 31, 12) - startMs);
});
