import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chatReply, fakeHost } from '@rutter/plugin-sdk/testing';
import plugin from './index.ts';

const { dialects = [], routes } = await plugin.setup(fakeHost(), plugin.config.parse({ instructions: 'Be brief.' }));
const dialect = dialects[0];
const read = (fields: object) => dialect?.read({ fields: { ...fields }, params: {}, headers: {} });

test('takes questions at its path', () => {
  assert.deepEqual(
    routes.map(({ path, mode }) => [path, mode]),
    [['/ask', 'model']],
  );
});

test('reads a question into messages and writes the answer', () => {
  const fields = { model: 'chat', question: 'Why?' };
  assert.equal(read(fields)?.model, 'chat');
  assert.deepEqual(dialect?.chat?.(fields).messages, [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Why?' },
  ]);
  const context = { requestId: 'r', model: 'chat', created: 0, includeUsage: false, fields };
  assert.deepEqual(dialect?.reply?.(chatReply({ text: 'So.' }), context), { answer: 'So.', complete: true });
});

test('refuses a body without a question, naming the field', () => {
  assert.throws(() => read({ model: 'chat' }), { code: 'ERR_REQUEST_INVALID', param: 'question' });
});
