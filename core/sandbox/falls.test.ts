import { expect, it } from 'vitest';
import { Falls } from './falls.ts';

it('three falls within a minute are too many, until they are forgiven', () => {
  let now = 0;
  const falls = new Falls(() => now);
  expect([falls.add(), falls.add()]).toEqual([false, false]);
  now = 60_000;
  expect(falls.add()).toBe(false);
  now = 61_000;
  expect(falls.isQuarantined).toBe(false);
  expect(falls.add()).toBe(false);
  expect(falls.add()).toBe(true);
  expect(falls.add()).toBe(false);
  expect(falls).toMatchObject({ isQuarantined: true, total: 6 });
  falls.forgive();
  expect(falls.isQuarantined).toBe(false);
  expect(falls.add()).toBe(false);
});
