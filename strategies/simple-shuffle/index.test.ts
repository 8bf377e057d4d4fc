import type { Candidate, Deployment, Strategy } from '@rutter/plugin-sdk';
import {
  assertConforms,
  candidate,
  checkStrategy,
  countFirst,
  fakeHost,
  requestContext,
} from '@rutter/plugin-sdk/testing';
import { expect, test } from 'vitest';
import plugin from './index.ts';

const draws = 20_000;
/** Chi-square that chance alone passes once in a thousand times, by degrees of freedom. */
const critical = [0, 10.83, 13.82, 16.27];

const strategy = (seed = 1) => plugin.setup(fakeHost({ seed }), {}) as Strategy;
const group = (settings: Partial<Deployment>[]) => settings.map((change, index) => candidate(`d${index}`, {}, change));

function chiSquare(counts: ReadonlyMap<string, number>, shares: readonly number[]): number {
  const total = shares.reduce((sum, share) => sum + share, 0);
  const found = [...counts.values()];
  return shares.reduce((sum, share, index) => {
    const expected = (share / total) * draws;
    return sum + ((found[index] ?? 0) - expected) ** 2 / expected;
  }, 0);
}

function expectShares(candidates: readonly Candidate[], shares: readonly number[]): void {
  const counts = countFirst(strategy(), candidates, draws);
  expect(chiSquare(counts, shares)).toBeLessThan(critical[shares.length - 1] ?? 0);
}

test('conforms to what every strategy must hold to', async () => {
  assertConforms(await checkStrategy(plugin));
});

test('draws in proportion to weight', () => {
  expectShares(group([{ weight: 1 }, { weight: 2 }, { weight: 7 }]), [1, 2, 7]);
});

test('draws in proportion to rpm where nothing has a weight', () => {
  expectShares(group([{ rpm: 900 }, { rpm: 100, tpm: 1_000_000 }]), [9, 1]);
});

test('draws in proportion to tpm where nothing has a weight or rpm', () => {
  expectShares(group([{ tpm: 10_000 }, { tpm: 30_000 }]), [1, 3]);
});

test('draws evenly where nothing is given', () => {
  expectShares(group([{}, {}, {}, {}]), [1, 1, 1, 1]);
});

test('prefers weight to rpm and tpm', () => {
  expectShares(
    group([
      { weight: 1, rpm: 1_000, tpm: 5 },
      { weight: 3, rpm: 1, tpm: 50_000 },
    ]),
    [1, 3],
  );
});

test('reads a weight wherever it stands, not only on the first candidate', () => {
  const counts = countFirst(strategy(), group([{}, { weight: 1 }, { weight: 1 }]), 2_000);
  expect(counts.get('d0')).toBe(0);
  expect(counts.get('d1')).toBeGreaterThan(800);
});

test('draws by the next measure when every weight is zero', () => {
  expectShares(
    group([
      { weight: 0, rpm: 10 },
      { weight: 0, rpm: 30 },
    ]),
    [1, 3],
  );
});

test('draws evenly when every measure is zero', () => {
  expectShares(
    group([
      { weight: 0, rpm: 0 },
      { weight: 0, rpm: 0 },
    ]),
    [1, 1],
  );
});

test('keeps what counts zero as the last resort', () => {
  const candidates = group([{ weight: 0 }, { weight: 5 }, {}]);
  for (let seed = 0; seed < 50; seed++) {
    const ranking = strategy(seed).select(requestContext(), candidates) as Candidate[];
    expect(ranking[0]?.deployment.id).toBe('d1');
    expect(ranking).toHaveLength(3);
  }
});

test('draws the second place fairly among those left', () => {
  const candidates = group([{ weight: 6 }, { weight: 3 }, { weight: 1 }]);
  const drawing = strategy();
  let seconds = 0;
  let fromThree = 0;
  for (let draw = 0; draw < draws; draw++) {
    const [first, second] = drawing.select(requestContext(), candidates) as Candidate[];
    if (first?.deployment.id !== 'd0') continue;
    seconds++;
    if (second?.deployment.id === 'd1') fromThree++;
  }
  const expected = seconds * 0.75;
  const spread = (fromThree - expected) ** 2 / expected + (fromThree - expected) ** 2 / (seconds - expected);
  expect(spread).toBeLessThan(critical[1] ?? 0);
});
