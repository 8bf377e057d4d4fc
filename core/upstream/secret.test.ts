import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createCredential, createSecret, isSecret, revealSecret } from './secret.ts';

const value = 'sk-canary-5f2c';

describe('a secret', () => {
  it.each([
    ['string conversion', (secret: unknown) => String(secret)],
    ['a template', (secret: unknown) => `${secret}`],
    ['a joined list', (secret: unknown) => [secret, ''].join('')],
    ['JSON', (secret: unknown) => JSON.stringify({ secret })],
    ['util.inspect with hidden properties', (secret: unknown) => inspect(secret, { showHidden: true, depth: 9 })],
    ['util.format', (secret: unknown) => format('%s %o %O %j', secret, secret, secret, secret)],
    ['its own keys', (secret: unknown) => inspect(Object.getOwnPropertyDescriptors(secret as object))],
    [
      'a structured clone',
      (secret: unknown) => inspect(structuredClone({ ...(secret as object) }), { showHidden: true }),
    ],
    ['an error', (secret: unknown) => inspect(new Error(`for ${secret}`, { cause: secret }))],
  ])('does not show in %s', (_way, show) => {
    expect(show(createSecret(value))).not.toContain('canary');
    expect(show(createCredential(value, 'authorization'))).not.toContain('canary');
  });

  it('reads [secret] wherever it is printed', () => {
    expect(`${createSecret(value)}`).toBe('[secret]');
    expect(JSON.stringify([createSecret(value)])).toBe('["[secret]"]');
    expect(inspect(createSecret(value))).toBe('[secret]');
  });

  it('compares with secrets and texts', () => {
    const secret = createSecret(value);
    expect(secret.equals(value)).toBe(true);
    expect(secret.equals(createCredential(value, 'query'))).toBe(true);
    expect(secret.equals(`${value}x`)).toBe(false);
    expect(secret.equals('[secret]')).toBe(false);
    expect(secret.equals({ toString: () => value } as never)).toBe(false);
  });

  it('has the SHA-256 of its text as digest', () => {
    expect(createSecret('abc').digest()).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('is revealed to the kernel alone, and only when the kernel made it', () => {
    expect(revealSecret(createSecret(value))).toBe(value);
    const forged = { equals: () => true, digest: () => '', toString: () => value, toJSON: () => value };
    expect(() => revealSecret(forged)).toThrow(expect.objectContaining({ code: 'ERR_KERNEL_INTERNAL' }));
    expect(isSecret(createSecret(''))).toBe(true);
    expect(isSecret(forged)).toBe(false);
    expect(isSecret(undefined)).toBe(false);
  });

  it('cannot be changed', () => {
    const credential = createCredential(value, 'x-api-key');
    expect(() => Object.assign(credential, { source: 'query' })).toThrow(TypeError);
    expect(credential.source).toBe('x-api-key');
  });
});

describe('a credential', () => {
  it('tells whether it begins with a public prefix, and refuses longer ones', () => {
    const credential = createCredential(value, 'authorization');
    expect(credential.startsWith('sk-')).toBe(true);
    expect(credential.startsWith('pk-')).toBe(false);
    expect(() => credential.startsWith('x'.repeat(17))).toThrow(
      expect.objectContaining({ code: 'ERR_PLUGIN_INVALID' }),
    );
  });
});
