import { RutterError } from '@rutter/plugin-sdk';
import { expect, it } from 'vitest';
import { createSecret } from '../upstream/secret.ts';
import { Scrubber } from './scrub.ts';

const scrubber = new Scrubber({
  apiKey: createSecret('the-key-of-a-vendor'),
  secrets: { aws_secret_access_key: createSecret('another/secret+value'), short: createSecret('ab') },
  extraHeaders: { Authorization: 'Bearer extra-token-123', 'x-beta': 'prompt-caching-2024' },
});

it('takes every secret of a deployment out of an error and leaves the rest as it was', () => {
  const found = scrubber.error(
    new RutterError('ERR_PROVIDER_AUTHENTICATION', 'the-key-of-a-vendor and extra-token-123 are wrong', {
      retryAfterMs: 5,
      param: 'key',
      vendor: { message: 'another/secret+value', nested: [{ key: 'the-key-of-a-vendor' }], status: 401 },
    }),
  );
  expect(found.message).toBe('[redacted] and [redacted] are wrong');
  expect(found.vendor).toEqual({ message: '[redacted]', nested: [{ key: '[redacted]' }], status: 401 });
  expect(found).toMatchObject({
    code: 'ERR_PROVIDER_AUTHENTICATION',
    status: 401,
    retry: 'next',
    retryAfterMs: 5,
    param: 'key',
  });
});

it('gives back the very error in which there is none, common words included', () => {
  const error = new RutterError('ERR_PROVIDER_BAD_REQUEST', 'about prompt-caching-2024', { vendor: { type: 'ab' } });
  expect(scrubber.error(error)).toBe(error);
});

it('drops the headers that repeat a secret, those of the connection and cookies', () => {
  expect(
    scrubber.headers({
      'x-a': '1',
      'x-echo': 'Bearer the-key-of-a-vendor',
      connection: 'keep-alive',
      'content-length': '5',
      'set-cookie': 'session=1',
    }),
  ).toEqual({ 'x-a': '1' });
});
