import { describe, expect, it } from 'vitest';
import { averageGapRecovered, averageImprovement, callShareFor, hullOf, pairedInterval } from './metrics.ts';

const point = (cost: number, quality: number) => ({ cost, quality });

describe('the hull', () => {
  it('leaves out what costs more and gives less, and what lies below a line of others', () => {
    const points = [point(0, 0.2), point(1, 0.1), point(2, 0.3), point(4, 0.8), point(5, 0.7)];
    expect(hullOf(points)).toEqual([point(0, 0.2), point(4, 0.8)]);
  });

  it('has, from 0 to 4, the area under its line and what is flat beyond', () => {
    expect(averageImprovement([point(0, 0.2), point(2, 0.6)], 0, 4)).toBeCloseTo((0.4 * 2 + 0.6 * 2) / 4, 6);
    expect(averageImprovement([point(2, 0.6)], 0, 4)).toBeCloseTo(0.3, 6);
  });
});

describe('two models', () => {
  const weak = [0, 0, 1, 1];
  const strong = [1, 1, 1, 1];

  it('recover the whole gap early where the scores put the right questions first', () => {
    expect(callShareFor([9, 8, 1, 0], weak, strong, 1)).toBe(0.5);
    expect(callShareFor([0, 1, 8, 9], weak, strong, 1)).toBe(1);
    expect(averageGapRecovered([9, 8, 1, 0], weak, strong)).toBeGreaterThan(0.7);
    expect(averageGapRecovered([0, 1, 8, 9], weak, strong)).toBeLessThan(0.3);
  });

  it('recover half of it by chance', () => {
    const many = 4000;
    const low = Array.from({ length: many }, (_none, at) => (at % 3 === 0 ? 0 : 1));
    const scores = Array.from({ length: many }, (_none, at) => (at * 7919) % many);
    expect(
      averageGapRecovered(
        scores,
        low,
        low.map(() => 1),
      ),
    ).toBeCloseTo(0.5, 1);
  });

  it('tell no share that is never reached', () => {
    expect(callShareFor([1, 2], [1, 1], [1, 1], 0.5)).toBeNaN();
  });
});

it('puts the mean difference inside its interval, and an interval without width about equals', () => {
  const left = Array.from({ length: 500 }, (_none, at) => at % 2);
  const right = Array.from({ length: 500 }, (_none, at) => (at % 4 === 1 ? 1 : 0));
  const { mean, low, high } = pairedInterval(left, right);
  expect(mean).toBeCloseTo(0.25, 6);
  expect(low).toBeGreaterThan(0.2);
  expect(high).toBeLessThan(0.3);
  expect(pairedInterval(left, left)).toEqual({ mean: 0, low: 0, high: 0 });
});
