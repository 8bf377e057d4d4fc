import { describe, expect, it } from 'vitest';
import { createRandom, fitPlatt, fitRatings, kMeans, nearestCentre, normal, sigmoid, trainSvm } from './index.ts';

/** Two clouds that overlap a little, and their likenesses. */
function clouds(count: number, apart: number) {
  const random = createRandom(5);
  const labels = Int8Array.from({ length: count }, (_none, at) => (at % 2 === 0 ? 1 : -1));
  const points = Array.from(labels, (label) => [label * apart + normal(random), normal(random)] as const);
  const kernel = new Float32Array(count * count);
  points.forEach(([a, b], i) => {
    points.forEach(([c, d], j) => {
      kernel[i * count + j] = Math.exp(-0.5 * ((a - c) ** 2 + (b - d) ** 2));
    });
  });
  return { labels, kernel };
}

describe('a support vector machine', () => {
  const count = 120;
  const { labels, kernel } = clouds(count, 0.8);
  const limits = Float64Array.from(labels, (_none, at) => (at % 5 === 0 ? 0.3 : 1));
  const tolerance = 1e-5;
  const machine = trainSvm(kernel, labels, { limits, tolerance, mostSteps: 100_000 });
  const decided = (row: number) =>
    machine.weights.reduce((sum, weight, at) => sum + weight * kernel[row * count + at]!, machine.bias);

  it('meets the conditions of Karush, Kuhn and Tucker on every example', () => {
    let free = 0;
    labels.forEach((label, row) => {
      const alpha = machine.weights[row]! * label;
      const margin = label * decided(row);
      expect(alpha).toBeGreaterThanOrEqual(0);
      expect(alpha).toBeLessThanOrEqual(limits[row]!);
      if (alpha === 0) expect(margin).toBeGreaterThanOrEqual(1 - 1e-3);
      else if (alpha === limits[row]) expect(margin).toBeLessThanOrEqual(1 + 1e-3);
      else {
        expect(margin).toBeCloseTo(1, 3);
        free++;
      }
    });
    expect(free).toBeGreaterThan(0);
    expect(machine.weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(0, 6);
  });

  it('cannot be bettered by moving weight between any two examples', () => {
    const dual = (weights: Float64Array) => {
      let value = 0;
      weights.forEach((weight, i) => {
        value += Math.abs(weight);
        weights.forEach((other, j) => {
          value -= 0.5 * weight * other * kernel[i * count + j]!;
        });
      });
      return value;
    };
    const best = dual(machine.weights);
    const random = createRandom(3);
    for (let trial = 0; trial < 200; trial++) {
      const [i, j] = [Math.floor(random() * count), Math.floor(random() * count)];
      const moved = machine.weights.slice();
      const step = (random() - 0.5) * 0.1;
      moved[i] = moved[i]! + step;
      moved[j] = moved[j]! - step;
      const isAllowed = [i, j].every((at) => moved[at]! * labels[at]! >= 0 && Math.abs(moved[at]!) <= limits[at]!);
      if (i !== j && isAllowed) expect(dual(moved)).toBeLessThanOrEqual(best + 1e-6);
    }
  });

  it('leaves out what counts nothing, and decides for the only side there is', () => {
    const without = trainSvm(kernel, labels, {
      limits: limits.map((limit, at) => (at < 60 ? 0 : limit)),
      tolerance,
      mostSteps: 100_000,
    });
    expect(without.weights.subarray(0, 60).every((weight) => weight === 0)).toBe(true);
    expect(without.weights.subarray(60).some((weight) => weight !== 0)).toBe(true);
    for (const side of [1, -1]) {
      const { weights, bias, steps } = trainSvm(Float32Array.of(1, 0, 0, 1), Int8Array.of(side, side), {
        ...{ limits: Float64Array.of(1, 1), tolerance, mostSteps: 10 },
      });
      expect([...weights, bias, steps]).toEqual([0, 0, side, 0].map((value) => expect.closeTo(value, 12)));
    }
  });
});

describe('ratings', () => {
  /** The penalised likelihood that the ratings should maximise. */
  const likelihood = (ratings: readonly number[], wins: Float64Array, prior: number) => {
    let sum = 0;
    ratings.forEach((own, i) => {
      sum -= (prior / 2) * own * own;
      ratings.forEach((other, j) => {
        if (i !== j) sum += wins[i * 3 + j]! * Math.log(sigmoid(own - other));
      });
    });
    return sum;
  };

  it('are the likeliest on a grid of all ratings', () => {
    // The first never loses: without the prior its rating has no end.
    const wins = Float64Array.of(0, 6, 9, 0, 0, 4.5, 0, 2.5, 0);
    const found = [...fitRatings(wins, 3, 0.5)];
    const best = likelihood(found, wins, 0.5);
    let nearest = Number.NEGATIVE_INFINITY;
    for (let a = -4; a <= 4; a += 0.1)
      for (let b = -4; b <= 4; b += 0.1)
        for (let c = -4; c <= 4; c += 0.1) nearest = Math.max(nearest, likelihood([a, b, c], wins, 0.5));
    expect(best).toBeGreaterThanOrEqual(nearest);
    expect(best - nearest).toBeLessThan(0.05);
    expect(found[0]!).toBeGreaterThan(found[1]!);
    expect(found[1]!).toBeGreaterThan(found[2]!);
    expect(found.reduce((sum, rating) => sum + rating, 0)).toBeCloseTo(0, 8);
  });

  it('are equal for who ties always, and the odds of wins for two', () => {
    expect([...fitRatings(Float64Array.of(0, 5, 5, 0), 2, 0.1)]).toEqual([0, 0]);
    const [first, second] = fitRatings(Float64Array.of(0, 30, 10, 0), 2, 1e-9) as unknown as [number, number];
    expect(first - second).toBeCloseTo(Math.log(3), 6);
  });
});

describe('scores as chances', () => {
  it('are the chances that made the outcomes', () => {
    const random = createRandom(8);
    const scores = Float64Array.from({ length: 20_000 }, () => 3 * normal(random));
    const outcomes = scores.map((score) => (random() < sigmoid(0.7 * score - 1) ? 1 : 0));
    const { slope, offset } = fitPlatt(scores, outcomes);
    expect(slope).toBeCloseTo(0.7, 1);
    expect(offset).toBeCloseTo(-1, 1);
  });

  it('stay finite where scores tell perfectly, and leave out what is unknown', () => {
    const perfect = fitPlatt([-2, -1, 1, 2], [0, 0, 1, 1]);
    expect(Number.isFinite(perfect.slope)).toBe(true);
    expect(perfect.slope).toBeGreaterThan(2);
    expect(fitPlatt([-2, -1, 1, 2, 50], [0, 0, 1, 1, Number.NaN])).toEqual(perfect);
  });
});

describe('clusters', () => {
  const random = createRandom(6);
  const homes = [
    [0, 0],
    [10, 0],
    [0, 10],
  ] as const;
  const rows = Float32Array.from(
    { length: 600 },
    (_none, at) => homes[Math.floor(at / 2) % 3]![at % 2]! + normal(random),
  );

  it('find the places that points come from, each of them once', () => {
    const centres = kMeans(rows, 2, { seed: 1, clusters: 3, passes: 50 });
    const found = homes.map((home) => nearestCentre(centres, 2, Float32Array.from(home)));
    expect(new Set(found).size).toBe(3);
    homes.forEach(([x, y], at) => {
      expect(centres[found[at]! * 2]!).toBeCloseTo(x, 0);
      expect(centres[found[at]! * 2 + 1]!).toBeCloseTo(y, 0);
    });
    expect(kMeans(rows, 2, { seed: 1, clusters: 3, passes: 50 })).toEqual(centres);
  });

  it('serve where all points are one', () => {
    expect([...kMeans(new Float32Array(8).fill(2), 2, { seed: 1, clusters: 2, passes: 5 })]).toEqual([2, 2, 2, 2]);
  });
});
