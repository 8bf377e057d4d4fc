import { describe, expect, it } from 'vitest';
import { createRandom, normal } from '../../numerics/index.ts';
import { factorCount, factorSlope } from './factors.ts';

/** The largest difference between a slope and what small steps of each parameter say of it. */
function slopeError(parameters: Float32Array, loss: (gradient: Float64Array) => number): number {
  const gradient = new Float64Array(parameters.length);
  loss(gradient);
  let worst = 0;
  for (let at = 0; at < parameters.length; at++) {
    const kept = parameters[at]!;
    const nothing = new Float64Array(parameters.length);
    parameters[at] = kept + 1e-2;
    const [above, up] = [loss(nothing), parameters[at]!];
    parameters[at] = kept - 1e-2;
    const [below, down] = [loss(nothing), parameters[at]!];
    parameters[at] = kept;
    worst = Math.max(worst, Math.abs((above - below) / (up - down) - gradient[at]!));
  }
  return worst;
}

const random = createRandom(4);
const noise = (size: number) => new Float32Array(size).map(() => 0.6 * normal(random));

describe('matrix factorisation', () => {
  const shape = { width: 5, dim: 3, models: 4 };
  const parameters = noise(factorCount(shape));
  const input = noise(5);

  it('descends along the slope of its loss', () => {
    const quality = [1, 0.5, Number.NaN, 0];
    const loss = (gradient: Float64Array) => factorSlope(shape, parameters, input, quality, { gradient, share: 1 });
    expect(slopeError(parameters, loss)).toBeLessThan(1e-4);
  });

  it('learns nothing from equals', () => {
    const gradient = new Float64Array(parameters.length);
    expect(factorSlope(shape, parameters, input, [1, 1, 1, 1], { gradient, share: 1 })).toBe(0);
    expect(gradient.every((one) => one === 0)).toBe(true);
  });
});
