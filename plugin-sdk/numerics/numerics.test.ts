import { describe, expect, it } from 'vitest';
import type { Sparse } from '../learning/words.ts';
import {
  argmax,
  createNetwork,
  createRandom,
  fitRidge,
  forward,
  logits,
  matrix,
  nearest,
  normal,
  predictRidge,
  shuffle,
  sigmoid,
  softmax,
  trainLogistic,
  trainMlp,
} from './index.ts';

describe('the generator', () => {
  it('gives the same numbers for a seed, and others for another', () => {
    const draw = (seed: number | string) => Array.from({ length: 8 }, createRandom(seed));
    expect(draw(7)).toEqual(draw(7));
    expect(draw('a')).toEqual(draw('a'));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it('is even over tenths, and normal numbers have mean 0 and variance 1', () => {
    const random = createRandom(3);
    const tenths = new Array<number>(10).fill(0);
    for (let at = 0; at < 100_000; at++) tenths[Math.floor(random() * 10)]!++;
    for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    const draws = Float64Array.from({ length: 50_000 }, () => normal(random));
    const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(draws.reduce((sum, value) => sum + value * value, 0) / draws.length - 1)).toBeLessThan(0.05);
  });

  it('brings each item to each place alike', () => {
    const random = createRandom(5);
    const first = [0, 0, 0, 0];
    for (let at = 0; at < 20_000; at++) first[shuffle([0, 1, 2, 3], random)[0] as number]!++;
    for (const count of first) expect(Math.abs(count - 5000)).toBeLessThan(400);
  });
});

it('solves least squares as the normal equations say, by hand', () => {
  // y = 2x + 1 over x = 0, 1, 2, 3, and a second output with one point unknown.
  const ridge = fitRidge(Float32Array.of(0, 1, 2, 3), 1, Float32Array.of(1, 5, 3, 4, 5, Number.NaN, 7, 2), 2, 1e-9);
  expect(predictRidge(ridge, [10], 0)).toBeCloseTo(21, 3);
  expect(predictRidge(ridge, [0], 1)).toBeCloseTo(5, 3);
  expect(predictRidge(ridge, [3], 1)).toBeCloseTo(2, 3);
});

it('pulls ridge weights towards zero and leaves the constant alone', () => {
  const strong = fitRidge(Float32Array.of(-1, 1), 1, Float32Array.of(3, 5), 1, 1e6);
  expect(predictRidge(strong, [1], 0)).toBeCloseTo(4, 3);
});

it('finds the nearest rows as sorting all of them would', () => {
  const random = createRandom(11);
  const rows = matrix(
    300,
    6,
    Float32Array.from({ length: 1800 }, () => normal(random)),
  );
  const query = Float32Array.from({ length: 6 }, () => normal(random));
  const all = Array.from({ length: 300 }, (_none, row) => {
    let sum = 0;
    for (let at = 0; at < 6; at++) sum += (rows.values[row * 6 + at] as number) * (query[at] as number);
    return { row, sum };
  }).sort((a, b) => b.sum - a.sum);
  const { places, likeness } = nearest(rows, query, 20);
  expect([...places]).toEqual(all.slice(0, 20).map(({ row }) => row));
  expect(likeness[0]).toBeCloseTo(all[0]!.sum, 4);
  expect(nearest(matrix(2, 6), query, 9).places).toHaveLength(2);
});

/** Cross entropy of one example with soft targets. */
const loss = (z: ArrayLike<number>, targets: readonly number[]) =>
  targets.reduce((sum, target, to) => {
    const p = sigmoid(z[to] as number);
    return sum - target * Math.log(p) - (1 - target) * Math.log(1 - p);
  }, 0);

it('moves a network against the slope that finite differences find', () => {
  const input = Float32Array.of(0.3, -0.7, 0.5);
  const targets = [0.9, 0.1];
  const options = { seed: 4, hidden: [5], epochs: 1, batch: 1, rate: 1e-4, decay: 0, dropout: 0 };
  const start = createNetwork([3, 5, 2], createRandom(4));
  const before = start.map((layer) => ({ weights: layer.weights.slice(), bias: layer.bias.slice() }));
  const trained = trainMlp(input, 3, Float32Array.from(targets), 2, options);
  // The first step of Adam is its rate against the sign of the slope, whatever its size.
  start.forEach((layer, index) => {
    for (const part of ['weights', 'bias'] as const) {
      for (let at = 0; at < layer[part].length; at++) {
        const own = before[index]![part][at] as number;
        layer[part][at] = own + 1e-3;
        const up = loss(forward(start, input), targets);
        layer[part][at] = own - 1e-3;
        const down = loss(forward(start, input), targets);
        layer[part][at] = own;
        const slope = (up - down) / 2e-3;
        const moved = (trained[index]![part][at] as number) - own;
        if (Math.abs(slope) > 1e-4) expect(Math.sign(moved)).toBe(-Math.sign(slope));
        else expect(Math.abs(moved)).toBeLessThan(1.1e-4);
      }
    }
  });
});

it('moves a network of one label against the slope of the softmax that finite differences find', () => {
  const input = Float32Array.of(0.3, -0.7, 0.5);
  const options = { seed: 4, hidden: [5], epochs: 1, batch: 1, rate: 1e-4, decay: 0, dropout: 0, isOneOf: true };
  const start = createNetwork([3, 5, 3], createRandom(4));
  const before = start.map((layer) => layer.weights.slice());
  const trained = trainMlp(input, 3, Float32Array.of(0, 1, 0), 3, options);
  const lost = () => -Math.log(softmax(forward(start, input))[1] as number);
  let seen = 0;
  start.forEach((layer, index) => {
    for (let at = 0; at < layer.weights.length; at++) {
      const own = before[index]![at] as number;
      layer.weights[at] = own + 1e-3;
      const up = lost();
      layer.weights[at] = own - 1e-3;
      const slope = (up - lost()) / 2e-3;
      layer.weights[at] = own;
      if (Math.abs(slope) < 1e-3) continue;
      seen++;
      expect(Math.sign((trained[index]!.weights[at] as number) - own)).toBe(-Math.sign(slope));
    }
  });
  expect(seen).toBeGreaterThan(10);
});

it('learns exclusive or, which no line can', () => {
  const inputs = Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1);
  const network = trainMlp(inputs, 2, Float32Array.of(0, 1, 1, 0), 1, {
    ...{ seed: 9, hidden: [8], epochs: 1500, batch: 4, rate: 0.01, decay: 0, dropout: 0 },
  });
  const answers = [0, 1, 2, 3].map((row) =>
    sigmoid(forward(network, inputs.subarray(row * 2, row * 2 + 2))[0] as number),
  );
  expect(answers.map((answer) => Math.round(answer))).toEqual([0, 1, 1, 0]);
});

it('learns words that tell outputs apart, and nothing from what is unknown', () => {
  const word = (place: number): Sparse => ({ places: Int32Array.of(place), values: Float32Array.of(1) });
  const sparse = Array.from({ length: 200 }, (_none, row) => word(row % 2));
  const targets = Float32Array.from({ length: 400 }, (_none, at) =>
    at % 2 === 1 ? Number.NaN : Math.floor(at / 2) % 2,
  );
  const weights = trainLogistic({ dense: new Float32Array(200), width: 1, sparse, places: 4 }, targets, 2, {
    ...{ seed: 1, epochs: 20, rate: 0.2, decay: 0 },
  });
  const of = (place: number) => logits(weights, [0], word(place), new Float64Array(2));
  expect(sigmoid(of(0)[0] as number)).toBeLessThan(0.1);
  expect(sigmoid(of(1)[0] as number)).toBeGreaterThan(0.9);
  expect(of(1)[1]).toBe(0);
});

it('takes the first of equals, and nothing of nothing', () => {
  expect([argmax([1, 3, 3]), argmax([Number.NaN, 2]), argmax([])]).toEqual([1, 1, -1]);
});
