import { expect, it } from 'vitest';
import { RetryBudget } from './retry-budget.ts';

function budget(share?: number) {
  const clock = { now: 5_000_000 };
  const retries = new RetryBudget(() => clock.now);
  if (share !== undefined) retries.share = share;
  const taken = (most: number) => {
    let count = 0;
    while (count < most && retries.take()) count++;
    return count;
  };
  return { clock, retries, taken };
}

it('allows ten retries in ten seconds whatever the share says', () => {
  expect(budget(0).taken(100)).toBe(10);
});

it('allows a fifth of the first tries where they are many', () => {
  const { retries, taken } = budget();
  for (let count = 0; count < 100; count++) retries.firstTry();
  expect(taken(100)).toBe(20);
});

it('allows what the configuration says in place of a fifth', () => {
  const { retries, taken } = budget(2);
  for (let count = 0; count < 50; count++) retries.firstTry();
  expect(taken(1000)).toBe(100);
});

it('forgets retries after ten seconds, each in its own second', () => {
  const { clock, taken } = budget(0);
  expect(taken(4)).toBe(4);
  clock.now += 5000;
  expect(taken(100)).toBe(6);
  clock.now += 4000;
  expect(taken(100)).toBe(0);
  clock.now += 1000;
  expect(taken(100)).toBe(4);
  clock.now += 5000;
  expect(taken(100)).toBe(6);
});

it('forgets everything after a long silence', () => {
  const { clock, retries, taken } = budget();
  for (let count = 0; count < 1000; count++) retries.firstTry();
  expect(taken(150)).toBe(150);
  clock.now += 3_600_000;
  expect(taken(100)).toBe(10);
});

it('keeps counting when the clock is set back', () => {
  const { clock, taken } = budget(0);
  expect(taken(10)).toBe(10);
  clock.now -= 30_000;
  expect(taken(10)).toBe(0);
});
