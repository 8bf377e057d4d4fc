import { expect, it } from 'vitest';
import { isInShare } from './canary-share.ts';

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

it('takes its share of the credentials, in whatever header they come', () => {
  const keys = Array.from({ length: 4000 }, (_, index) => `sk-user-${index}`);
  const chosen = keys.filter((key) => isInShare(bearer(key), undefined, 0.05));
  expect(chosen.length).toBeGreaterThan(140);
  expect(chosen.length).toBeLessThan(260);
  for (const key of chosen) {
    expect(isInShare({ 'x-api-key': key }, undefined, 0.05)).toBe(true);
    expect(isInShare({ 'x-own-key': key }, 'x-own-key', 0.05)).toBe(true);
  }
});

it('keeps whoever is in it when it grows, leaves all out at 0 and nobody at 1', () => {
  const keys = Array.from({ length: 500 }, (_, index) => `sk-user-${index}`);
  for (const key of keys) {
    if (isInShare(bearer(key), undefined, 0.1)) expect(isInShare(bearer(key), undefined, 0.5)).toBe(true);
    expect(isInShare(bearer(key), undefined, 0)).toBe(false);
    expect(isInShare(bearer(key), undefined, 1)).toBe(true);
  }
});

it('is what anybody can compute: the first 32 bits of SHA-256', () => {
  // printf sk-1 | sha256sum begins with 0f2c10bf, which is 0.0593 of 2^32.
  expect(isInShare(bearer('sk-1'), undefined, 0.0594)).toBe(true);
  expect(isInShare(bearer('sk-1'), undefined, 0.0592)).toBe(false);
});

it('leaves out whoever sends no credential', () => {
  expect(isInShare({}, undefined, 1)).toBe(false);
});
