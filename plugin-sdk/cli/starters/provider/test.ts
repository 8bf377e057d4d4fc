import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertConforms, chatRequest, checkProvider, deployment, fakeHost } from '@rutter/plugin-sdk/testing';
import plugin from './index.ts';

const provider = await plugin.setup(fakeHost(), plugin.config.parse({}));

test('conforms to what every provider must hold to', async () => {
  assertConforms(await checkProvider(plugin));
});

test('asks for the model by the name its vendor knows', () => {
  const asked = provider.chat?.request({ ...chatRequest(), deployment: deployment({ model: 'small-8b' }) });
  assert.equal(asked?.path, '/chat/completions');
  const { model, messages } = asked.body as { model: string; messages: unknown };
  assert.equal(model, 'small-8b');
  assert.deepEqual(messages, [{ role: 'user', content: 'Why is the sky blue?' }]);
});

test('sends a request on to another deployment while a model is being loaded', () => {
  assert.equal(provider.failure?.(503, '{"error":"loading model"}', {}), 'ERR_PROVIDER_OVERLOADED');
});
