import { expect, it } from 'vitest';
import { plainCallId, signCallId, splitCallId } from './signed-call.ts';

const signatures = ['c2ln', 'c2lnbg==', 'a+/b', 'a+/=', 'not base64 — 日本', 'sig_1-2', 'x', '=', '__thought__'];

it.each(signatures)('an id carries the signature %j there and back', (signature) => {
  const id = signCallId('call_1', signature);
  expect(id).toMatch(/^[\w-]+$/);
  expect(splitCallId(id)).toEqual({ id: 'call_1', signature });
  expect(plainCallId(id)).toBe('call_1');
});

it('reads the ids that other gateways sign so', () => {
  expect(splitCallId('call_1__thought__a+/b==')).toEqual({ id: 'call_1', signature: 'a+/b' });
});

it.each(['call_1', '', 'call__thoughtful', 'call_1__thought__', 'call_1__thought__ä'])(
  '%j is signed by nobody',
  (id) => {
    expect(splitCallId(id).signature).toBeUndefined();
  },
);
