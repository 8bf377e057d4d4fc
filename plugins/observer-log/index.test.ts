import { type Observer, type Outcome, RutterError } from '@rutter/plugin-sdk';
import { deployment, fakeHost, outcome, principal, requestContext } from '@rutter/plugin-sdk/testing';
import { expect, test } from 'vitest';
import plugin from './index.ts';

function lines(outcomes: readonly Outcome[], config: object = {}) {
  const host = fakeHost();
  const observer = plugin.setup(host, plugin.config.parse(config)) as Observer;
  for (const each of outcomes) observer.settled?.(each);
  return host.logged;
}

const failed = (change: Partial<Outcome> = {}) =>
  outcome({
    status: 504,
    ending: 'error',
    error: new RutterError('ERR_PROVIDER_TIMEOUT', 'gave up on "my secret question"'),
    ...change,
  });

test('writes one line a request with what was decided, what it took and how it ended', () => {
  const [line, ...others] = lines([
    outcome({
      context: requestContext({ id: 'r-1', principal: principal({ id: 'key-7', team: 'blue' }) }),
      deployment: deployment({ id: 'a', provider: 'openai', model: 'gpt' }),
      route: 'a: first of 2 by least-busy',
      usage: { input: 10, output: 20, cachedInput: 5, cacheWrite: 1, cacheWriteLong: 2, reasoning: 4, estimated: true },
      firstTokenMs: 12.3456,
    }),
  ]);
  expect(others).toEqual([]);
  expect(line).toMatchObject({ level: 'info', message: 'request served' });
  expect(line?.fields).toMatchObject({
    request: 'r-1',
    principal: 'key-7',
    team: 'blue',
    status: 200,
    ending: 'complete',
    deployment: 'a',
    provider: 'openai',
    vendorModel: 'gpt',
    route: 'a: first of 2 by least-busy',
    attempts: 1,
    inputTokens: 10,
    cachedInputTokens: 5,
    cacheWriteTokens: 3,
    outputTokens: 20,
    reasoningTokens: 4,
    tokensEstimated: true,
    costNanoUsd: 1_300,
    durationMs: 402,
    firstTokenMs: 12.35,
    overheadMs: 2,
  });
  expect(line?.fields.tries).toBeUndefined();
});

test('holds nothing but flat values', () => {
  const [line] = lines([failed()]);
  for (const value of Object.values(line?.fields ?? {}))
    expect(['string', 'number', 'boolean', 'undefined']).toContain(typeof value);
});

test('tells every attempt when there were several, by code and time', () => {
  const attempt = { provider: 'p', model: 'm', group: 'g' };
  const [line] = lines([
    outcome({
      attempts: [
        {
          ...attempt,
          deployment: 'a',
          startedMs: 1,
          endedMs: 31,
          error: { code: 'ERR_PROVIDER_TIMEOUT', message: 'content' },
        },
        { ...attempt, deployment: 'b', startedMs: 31, endedMs: 40.5, status: 200 },
        { ...attempt, deployment: 'c', startedMs: 41, endedMs: 42 },
      ],
    }),
  ]);
  expect(line?.fields).toMatchObject({
    attempts: 3,
    tries: 'a ERR_PROVIDER_TIMEOUT 30ms, b 200 9.5ms, c no status 1ms',
  });
});

test('tells an error by its code and never by its message', () => {
  const all = lines([failed(), failed({ ending: 'broke', status: 200 })]);
  expect(all.map(({ fields }) => fields.error)).toEqual(['ERR_PROVIDER_TIMEOUT', 'ERR_PROVIDER_TIMEOUT']);
  expect(JSON.stringify(all)).not.toContain('secret');
});

test('chooses the level by how the request ended', () => {
  const all = lines(
    [
      outcome(),
      outcome({ status: 429, ending: 'error' }),
      outcome({ durationMs: 1_000 }),
      failed(),
      outcome({ ending: 'broke' }),
      outcome({ status: 499, ending: 'client' }),
    ],
    { slowMs: 1_000 },
  );
  expect(all.map(({ level, message }) => `${level}: ${message}`)).toEqual([
    'info: request served',
    'info: request refused',
    'warn: request was slow',
    'error: request failed',
    'error: request failed',
    'info: request refused',
  ]);
});

test('can be quiet about what went well', () => {
  expect(lines([outcome(), outcome({ status: 400, ending: 'error' }), failed()], { successes: false })).toHaveLength(2);
  expect(lines([outcome()], { level: 'debug' })[0]?.level).toBe('debug');
});

test('logs a request that nobody served', () => {
  const [line] = lines([
    { ...failed({ attempts: [], usage: undefined, costNanoUsd: undefined }), deployment: undefined },
  ]);
  expect(line?.fields).toMatchObject({ attempts: 0, error: 'ERR_PROVIDER_TIMEOUT' });
  expect(line?.fields.deployment).toBeUndefined();
});
