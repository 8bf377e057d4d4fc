import type { Candidate, Strategy } from '@rutter/plugin-sdk';
import {
  assertConforms,
  candidate,
  checkStrategy,
  fakeHost,
  principal,
  requestContext,
} from '@rutter/plugin-sdk/testing';
import { expect, test } from 'vitest';
import plugin from './index.ts';

const setUp = (...checks: string[]) =>
  plugin.setup(fakeHost(), plugin.config.parse(checks.length > 0 ? { checks } : {})) as Strategy;
const group = (...ids: string[]) => ids.map((id) => candidate(id));
const session = (id: string) => requestContext({ headers: { 'x-litellm-session-id': id } });
const first = (strategy: Strategy, context: ReturnType<typeof session>, candidates: readonly Candidate[]) =>
  (strategy.select(context, candidates) as Candidate[] | undefined)?.[0]?.deployment.id;

test('conforms to what every strategy must hold to', async () => {
  assertConforms(await checkStrategy(plugin));
});

test('sends a session to one deployment, in whatever order and process', () => {
  for (let id = 0; id < 50; id++) {
    const chosen = first(setUp(), session(`s${id}`), group('a', 'b', 'c'));
    expect(first(setUp(), session(`s${id}`), group('c', 'a', 'b'))).toBe(chosen);
  }
});

test('spreads sessions evenly', () => {
  const strategy = setUp();
  const counts: Record<string, number> = { 'deployment-1': 0, 'deployment-2': 0, 'deployment-3': 0 };
  for (let id = 0; id < 3000; id++) {
    const chosen = first(strategy, session(`session-${id}`), group(...Object.keys(counts))) ?? '';
    counts[chosen] = (counts[chosen] ?? 0) + 1;
  }
  for (const count of Object.values(counts)) expect(Math.abs(count - 1000)).toBeLessThan(150);
});

test('moves only the sessions of a deployment that goes', () => {
  const strategy = setUp();
  for (let id = 0; id < 300; id++) {
    const before = first(strategy, session(`s${id}`), group('a', 'b', 'c'));
    if (before !== 'c') expect(first(strategy, session(`s${id}`), group('a', 'b'))).toBe(before);
  }
});

test('goes by the caller where there is no session', () => {
  const by = (id: string) => requestContext({ principal: principal({ id }) });
  const candidates = group('a', 'b', 'c', 'd');
  const chosen = ['k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7', 'k8'].map((id) => first(setUp(), by(id), candidates));
  expect(new Set(chosen).size).toBeGreaterThan(1);
  expect(first(setUp(), by('k1'), candidates)).toBe(chosen[0]);
});

test('leaves it to the next strategy where nothing belongs together', () => {
  const nobody = requestContext({ principal: principal({ kind: 'anonymous' }) });
  expect(setUp().select(nobody, group('a', 'b'))).toBeUndefined();
  expect(setUp('deployment_affinity').select({ ...nobody, headers: session('s').headers }, group('a'))).toBeUndefined();
  expect(setUp('session_affinity').select(requestContext(), group('a'))).toBeUndefined();
});
