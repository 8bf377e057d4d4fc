/**
 * A fifth of the speed that the budgets ask for, on any machine: by CPU time, which another process cannot take away,
 * and with the event loop by what each request takes of it.
 */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../support/index.ts';

interface Times {
  readonly wall: { readonly p50: number; readonly p99: number };
  readonly cpu: number;
}
interface Learned {
  readonly budgets: Readonly<Record<string, { readonly p50?: number; readonly p99?: number }>>;
  measureLearned(scale: number): Promise<Readonly<Record<string, Times>>>;
}

const folder = join(root, 'test/perf');
const tolerance = 5;

it('decides and embeds within five times the budget', { timeout: 120_000 }, async () => {
  const { budgets, measureLearned }: Learned = await import(join(folder, 'learned.mjs'));
  const found = await measureLearned(0.1);
  expect(Object.keys(found)).toHaveLength(6);
  for (const [name, { cpu }] of Object.entries(found)) {
    expect(cpu, name).toBeGreaterThan(0);
    expect(cpu, name).toBeLessThan(tolerance * (budgets[name]?.p50 as number));
  }
});

it('leaves the event loop free while it decides on two thousand tokens, two hundred times a second', {
  timeout: 120_000,
}, async () => {
  const { delayUnderLoad } = (await import(join(folder, 'loop-delay.mjs'))) as {
    delayUnderLoad(seconds: number): Promise<Times & { readonly answered: number; readonly count: number }>;
  };
  const isSlow = process.env.RUTTER_TEST_SLOW === '1';
  const { answered, count, cpu } = await delayUnderLoad(isSlow ? 10 : 2);
  expect(answered).toBe(count);
  // At this rate a core has 5 ms for each.
  expect(cpu).toBeLessThan(tolerance * 5);
});
