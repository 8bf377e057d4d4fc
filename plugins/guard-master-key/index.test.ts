import { type Guard, RutterError } from '@rutter/plugin-sdk';
import { assertConforms, checkGuard, credential, fakeHost, secretOf } from '@rutter/plugin-sdk/testing';
import { expect, test } from 'vitest';
import plugin from './index.ts';

const key = 'sk-master-9f2c51';
const request = { method: 'POST', path: '/v1/chat/completions', headers: {} };

const guard = () => plugin.setup(fakeHost(), { master_key: secretOf(key) }) as Guard;

function refusal(...sent: Parameters<typeof credential> | []): RutterError {
  const [text, source] = sent;
  try {
    guard().identify?.(text === undefined ? undefined : credential(text, source), request);
  } catch (error) {
    if (RutterError.is(error)) return error;
  }
  throw new Error('it was not refused');
}

test('conforms to what every guard must hold to', async () => {
  assertConforms(await checkGuard(plugin, { config: { master_key: secretOf(key) }, accepts: [key] }));
});

test('admits the master key as administrator, whichever header it came in', () => {
  for (const source of ['authorization', 'x-api-key', 'api-key', 'query']) {
    expect(guard().identify?.(credential(key, source), request)).toEqual({
      id: 'master',
      kind: 'admin',
      permissions: ['*'],
    });
  }
});

test('refuses a request without a credential in the words clients know', () => {
  expect(refusal()).toMatchObject({
    code: 'ERR_REQUEST_UNAUTHENTICATED',
    status: 401,
    message: 'No api key passed in.',
    headers: { 'www-authenticate': 'Bearer' },
  });
});

test.each(['sk-other', 'no-prefix', '', key.slice(1), `${key} `, key.toUpperCase(), 'a'.repeat(64)])(
  'refuses %j with 401',
  (text) => {
    expect(refusal(text)).toMatchObject({
      code: 'ERR_REQUEST_UNAUTHENTICATED',
      status: 401,
      message: 'Invalid api key passed in.',
    });
  },
);

test('refuses to start with an empty master key', () => {
  for (const empty of [secretOf(''), '']) {
    expect(() => plugin.setup(fakeHost(), { master_key: empty as never })).toThrow(/master_key is empty/);
  }
});

test('refuses a configuration without a key, or with one that is no secret', () => {
  expect(plugin.config.safeParse({}).success).toBe(false);
  expect(plugin.config.safeParse({ master_key: 17 }).success).toBe(false);
});
