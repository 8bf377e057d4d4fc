import type { Guard } from '@rutter/plugin-sdk';
import { assertConforms, candidate, checkGuard, fakeHost, requestContext } from '@rutter/plugin-sdk/testing';
import { expect, test } from 'vitest';
import plugin from './index.ts';

const guard = () => plugin.setup(fakeHost(), {}) as Guard;

test('conforms to what every guard must hold to', async () => {
  assertConforms(await checkGuard(plugin));
});

test('charges a request and its tokens where a deployment has limits', () => {
  const charged = guard().charge?.(requestContext(), candidate('a', {}, { rpm: 3, tpm: 500 }));
  expect(charged?.map(({ measure, limit }) => [measure, limit])).toEqual([
    ['requests', 3],
    ['tokens', 500],
  ]);
  expect(charged?.every(({ key }) => key.startsWith('enforced:a:'))).toBe(true);
});

test('charges nothing where a deployment has none', () => {
  expect(guard().charge?.(requestContext(), candidate('a'))).toEqual([]);
});
