/** Rules of learners against sums done by hand, and against slopes told by small steps. */
import { describe, expect, it } from 'vitest';
import { createRandom, normal, sigmoid, softmax } from '../../numerics/index.ts';
import { OutcomeTable, pick } from '../outcomes.ts';
import {
  type ContrastShape,
  contrastCount,
  contrastSlope,
  contrastsOf,
  likenessSlope,
  upstreamContrastsOf,
} from './contrast.ts';
import { type GraphShape, gather, graphCount, graphSlope } from './graph.ts';
import { keepingThreshold } from './ladder.ts';
import { shrunkMeans } from './tasks.ts';
import { isOnFront, valued, worthOf } from './value.ts';

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

const random = createRandom(11);
const noise = (size: number, spread = 0.6) => new Float32Array(size).map(() => spread * normal(random));

function table(rows: readonly (readonly number[])[]) {
  const made = new OutcomeTable();
  rows.forEach((row, at) => {
    row.forEach((performance, model) => {
      made.add({ query_id: `q${at}`, query: `${at}`, model: `m${model}`, performance, cost: model + 1 });
    });
  });
  return made.finish();
}

describe('dual contrastive learning', () => {
  const shape: ContrastShape = { width: 4, dim: 3, models: 4, temperature: 0.5 };
  const parameters = noise(contrastCount(shape));

  it('descends along the slope of its loss between questions and models', () => {
    const input = noise(4);
    const contrasts = contrastsOf([1, 0.5, 0, Number.NaN], 3);
    const loss = (gradient: Float64Array) => contrastSlope(shape, parameters, input, contrasts, { gradient, share: 1 });
    expect(slopeError(parameters, loss)).toBeLessThan(2e-3);
  });

  it('descends along the slope of its loss between questions', () => {
    const inputs = [noise(4), noise(4), noise(4), noise(4)];
    const loss = (gradient: Float64Array) => likenessSlope(shape, parameters, inputs, { gradient, share: 1 });
    expect(slopeError(parameters, loss)).toBeLessThan(2e-3);
  });

  it('gives by hand what two models and one dimension give', () => {
    const small: ContrastShape = { width: 1, dim: 1, models: 2, temperature: 1 };
    // The projection turns 1 to 2; one model looks the same way, the other away: cosines 1 and -1, biases 0.
    const own = Float32Array.of(2, 3, -4, 0, 0);
    const gradient = new Float64Array(5);
    const loss = contrastSlope(small, own, [1], contrastsOf([1, 0], 3), { gradient, share: 1 });
    expect(loss).toBeCloseTo(-Math.log(Math.E / (Math.E + 1 / Math.E)), 10);
    expect(gradient[3]).toBeCloseTo(Math.E / (Math.E + 1 / Math.E) - 1, 10);
  });

  it('draws nobody among equals, and by the lead elsewhere', () => {
    expect(contrastsOf([1, 1, 1], 3)).toEqual([]);
    expect(contrastsOf([0.5, 1, 0], 3)).toEqual([
      { drawn: 1, weight: 0.75, pushed: [0, 2] },
      { drawn: 0, weight: 0.5, pushed: [2] },
    ]);
  });

  it('strikes out of the worst those above a half, as RouterDC does, and draws nobody that was wrong', () => {
    expect(upstreamContrastsOf([0.9, 0, 0.6, 0.2], 3, 3)).toEqual([
      { drawn: 0, weight: 1, pushed: [3, 1] },
      { drawn: 2, weight: 1, pushed: [3, 1] },
      { drawn: 3, weight: 1, pushed: [1] },
    ]);
    expect(upstreamContrastsOf([0, 0], 3, 3)).toEqual([]);
  });
});

describe('the graph of questions and models', () => {
  const shape: GraphShape = { width: 3, dim: 2, models: 3 };
  const parameters = noise(graphCount(shape));
  const gathered = { questions: noise(9), outcomes: noise(3) };

  it('descends along the slope of its loss, through both layers and the edges', () => {
    const batch = {
      inputs: [noise(3), noise(3)],
      targets: [
        [1, 0, 0.5],
        [0, Number.NaN, 1],
      ],
    };
    const loss = (gradient: Float64Array) => graphSlope(shape, parameters, gathered, batch, gradient);
    expect(slopeError(parameters, loss)).toBeLessThan(2e-3);
  });

  it('gathers questions by how much better than its fellows a model did on them', () => {
    const outcomes = table([
      [1, 0],
      [1, 1],
    ]);
    const values = Float32Array.of(2, 4, 6, 8);
    const { questions } = gather(values, 2, outcomes, { rows: [0, 1], isFaithful: false });
    expect([...questions]).toEqual([0.5, 1, -0.5, -1]);
  });

  it('adds outcomes to plain means of questions where it is to follow LLMRouter', () => {
    const outcomes = table([
      [1, 0],
      [1, 1],
    ]);
    const found = gather(Float32Array.of(2, 4, 6, 8), 2, outcomes, { rows: [0, 1], isFaithful: true });
    expect([...found.questions]).toEqual([4, 6, 4, 6]);
    expect([...found.outcomes]).toEqual([1, 0.5]);
  });
});

describe('the threshold of a ladder', () => {
  const outcomes = table([
    [1, 1],
    [1, 0],
    [0, 1],
    [0, 1],
  ]);
  const features = outcomes.questions.map(() => ({}) as never);

  it('gives the last model the fewest questions that keep its quality', () => {
    const chances = [0.9, 0.8, 0.6, 0.1].map((chance) => Float64Array.of(chance));
    // By hand: three go down and lift +1 -1, the fourth would cost one more.
    expect(keepingThreshold({ outcomes, features }, chances, [0, 1])).toBeCloseTo(0.6);
  });

  it('leaves all to the last model where nothing can be kept', () => {
    const wrong = pick(outcomes, [2, 3]);
    const chances = [Float64Array.of(0.9), Float64Array.of(0.5)];
    expect(keepingThreshold({ outcomes: wrong, features }, chances, [0, 1])).toBe(1);
  });
});

describe('the best value', () => {
  it('is on the front of quality and cost, which a brute search agrees with', () => {
    const draw = createRandom(5);
    const all = Array.from({ length: 40 }, () => ({
      quality: Math.round(draw() * 8) / 8,
      cost: Math.round(draw() * 8) / 8,
    }));
    const best = (weight: number) => Math.max(...all.map((one) => worthOf(one, weight)));
    for (const weight of [0.1, 0.3, 0.5, 0.7, 0.9]) {
      const onFront = all.filter((one) => isOnFront(one, all));
      expect(Math.max(...onFront.map((one) => worthOf(one, weight)))).toBeCloseTo(best(weight), 12);
    }
  });

  it('goes by quality and cost together among the good enough alone', () => {
    const rule = { best: 0, slack: 0.1, costWeight: 0.7, costs: [1, 0.2, 0] };
    // By hand: 0.3 × 0.8 = 0.24 against 0.3 × 0.75 + 0.7 × 0.8 = 0.785; the third is too bad, however cheap.
    const scores = valued(Float64Array.of(0.8, 0.75, 0.5), rule);
    expect(scores[1]).toBeGreaterThan(scores[0]!);
    expect(scores[0]).toBeGreaterThan(scores[2]!);
    const strict = valued(Float64Array.of(0.8, 0.75, 0.5), { ...rule, slack: 0 });
    expect(strict[0]).toBeGreaterThan(strict[1]!);
  });
});

describe('means by cell', () => {
  it('are drawn to what is known beyond the cell by as many questions as told', () => {
    const outcomes = table([
      [1, 0],
      [1, 0],
      [0, 1],
    ]);
    const means = shrunkMeans({ outcomes }, { groups: 2, of: [0, 0, 1], shrink: 2 }, () => 0.5);
    expect([...means]).toEqual([0.75, 0.25, 1 / 3, 2 / 3].map((value) => Math.fround(value)));
  });
});

it('makes chances of logits that sum to 1, of two as the sigmoid has it', () => {
  const chances = softmax(Float64Array.of(3, 1));
  expect(chances[0]).toBeCloseTo(sigmoid(2), 12);
  expect(chances[0]! + chances[1]!).toBeCloseTo(1, 12);
});
