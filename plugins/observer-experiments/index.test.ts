import { RutterError } from '@rutter/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { liftOf, noSample, quantile, type Sample, withScore } from './lift.ts';
import { type Steered, steeringOf, stepped, steppedBack, untouched } from './steered.ts';

const sample = (...scores: readonly number[]): Sample => scores.reduce(withScore, noSample);

describe('a lift', () => {
  it('is the difference of means, once both have marks enough', () => {
    const options = { least: 4, confidence: 0.9 };
    expect(liftOf(sample(1, 1, 1), sample(0, 0, 0, 0), options)).toBeUndefined();
    expect(liftOf(sample(1, 1, 1, 1), sample(0, 0, 0), options)).toBeUndefined();
    expect(liftOf(sample(1, 1, 1, 1), sample(0, 0, 0, 0), options)?.lift).toBe(1);
  });

  it('is bounded as by hand', () => {
    // Means 0.25 and 0.75, variances 0.25 each by n - 1, standard error √(0.25/4 + 0.25/4), quantile 1.2816.
    const measured = liftOf(sample(0, 0, 0, 1), sample(1, 1, 1, 0), { least: 2, confidence: 0.9 });
    expect(measured?.lift).toBeCloseTo(-0.5, 12);
    expect(measured?.atMost).toBeCloseTo(-0.5 + 1.2816 * Math.sqrt(0.125), 3);
  });

  it.each([
    [0.5, 0],
    [0.8, 0.8416],
    [0.9, 1.2816],
    [0.975, 1.96],
    [0.999, 3.0902],
  ])('takes the normal quantile at %d', (confidence, expected) => {
    expect(Math.abs(quantile(confidence) - expected)).toBeLessThan(5e-4);
  });
});

describe('what stands over an experiment', () => {
  const off = { b: { reason: 'worse', atMs: 1 } };

  it('goes back step by step to what is configured, and no further', () => {
    const first = stepped(untouched('x'), { weights: { a: 1 }, off: {} });
    const second = stepped(first, { weights: { a: 2 }, off });
    expect(steeringOf(second)).toEqual({ weights: { a: 2 }, off: { b: 'worse' } });
    expect(steeringOf(steppedBack(second))).toEqual({ weights: { a: 1 }, off: {} });
    const start = steppedBack(steppedBack(second));
    expect(steeringOf(start)).toEqual({ off: {} });
    expect(() => steppedBack(start)).toThrow(RutterError);
  });

  it('remembers the last ten steps', () => {
    let steered: Steered = untouched('x');
    for (let step = 0; step < 30; step++) steered = stepped(steered, { weights: { a: step }, off: {} });
    expect(steered.history.map(({ weights }) => weights?.a)).toEqual([19, 20, 21, 22, 23, 24, 25, 26, 27, 28]);
  });
});
