import type { PrincipalRouting } from '@rutter/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { routingFault } from './routing-fault.ts';

const fault = (routing: unknown) => routingFault(routing as PrincipalRouting);

describe('routingFault', () => {
  it('takes every setting, absent ones too', () => {
    const routing = {
      numRetries: 0,
      retryPolicy: { TimeoutError: 100 },
      timeoutMs: 0.5,
      streamTimeoutMs: undefined,
      fallbacks: { a: ['b', { model: 'c' }], '*': [] },
      contextWindowFallbacks: {},
      contentPolicyFallbacks: {},
      disableFallbacks: false,
    };
    expect(fault(routing)).toBeUndefined();
    expect(fault(routing)).toBeUndefined();
    expect(fault({})).toBeUndefined();
  });

  it.each([
    [null, 'found routing null, expected settings by name.'],
    [[], 'found routing [], expected settings by name.'],
    [{ numRetries: 101 }, 'found routing.numRetries 101, expected a whole number from 0 to 100.'],
    [{ numRetries: -1 }, 'found routing.numRetries -1, expected'],
    [{ numRetries: '2' }, 'found routing.numRetries "2", expected'],
    [{ timeoutMs: 0 }, 'found routing.timeoutMs 0, expected a number of milliseconds above 0.'],
    [{ streamTimeoutMs: Number.POSITIVE_INFINITY }, 'found routing.streamTimeoutMs null, expected'],
    [{ retryPolicy: { TimeoutError: 1.5 } }, 'found routing.retryPolicy {"TimeoutError":1.5}, expected'],
    [{ retryPolicy: { Timeouts: 1 } }, 'found routing.retryPolicy {"Timeouts":1}, expected'],
    [{ fallbacks: [{ a: ['b'] }] }, 'found routing.fallbacks [{"a":["b"]}], expected lists of model groups by model'],
    [{ contextWindowFallbacks: { a: 'b' } }, 'found routing.contextWindowFallbacks {"a":"b"}, expected'],
    [{ contentPolicyFallbacks: { a: [1] } }, 'found routing.contentPolicyFallbacks {"a":[1]}, expected'],
    [{ disableFallbacks: 'no' }, 'found routing.disableFallbacks "no", expected true or false.'],
    [{ toString: 1 }, 'found routing.toString, expected one of numRetries, retryPolicy,'],
  ])('tells of %j what was found and expected', (routing, words) => {
    expect(fault(routing)).toContain(words);
  });
});
