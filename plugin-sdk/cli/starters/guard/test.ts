import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertConforms, call, checkGuard, fakeHost, requestContext } from '@rutter/plugin-sdk/testing';
import plugin from './index.ts';

const guard = await plugin.setup(fakeHost(), plugin.config.parse({ phrases: ['Open Sesame'] }));
const ask = (content: string) =>
  guard.checkRequest?.(requestContext(), call({ messages: [{ role: 'user', content }] }));

test('conforms to what every guard must hold to', async () => {
  assertConforms(await checkGuard(plugin));
});

test('refuses a request that holds a forbidden phrase, and tells which', () => {
  assert.throws(() => ask('Please: OPEN sesame!'), { code: 'ERR_REQUEST_REFUSED', message: /open sesame/ });
});

test('lets any other request pass untouched', () => {
  assert.equal(ask('Open the door, please.'), undefined);
});
