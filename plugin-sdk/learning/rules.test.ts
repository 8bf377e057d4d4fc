/** Rules of whole learners on outcomes small enough to be done by hand. */
import { describe, expect, it } from 'vitest';
import { marginFor } from './guard.ts';
import {
  inSpace,
  type Learner,
  learnSpace,
  neighboursLearner,
  networkLearner,
  OutcomeTable,
  pick,
  rawFeatures,
  readArtefact,
  restorePredictor,
  trainArtefact,
} from './index.ts';

function table(rows: readonly (readonly number[])[], names: readonly string[]) {
  const made = new OutcomeTable();
  rows.forEach((row, at) => {
    row.forEach((performance, model) => {
      made.add({ query_id: `q${at}`, query: `${at}`, model: names[model] as string, performance });
    });
  });
  return made.finish();
}

/** Directions in the plane, in degrees. */
const directions = [0, 5, 10, 20, 170, 180, 190];
const raw = directions.map((degrees) => {
  const angle = (degrees * Math.PI) / 180;
  return rawFeatures('same', Float32Array.of(Math.cos(angle), Math.sin(angle)));
});
const space = learnSpace('plane', raw);
const features = raw.map((one) => inSpace(space, one));
const at = (degrees: number) => {
  const angle = (degrees * Math.PI) / 180;
  return inSpace(space, rawFeatures('same', Float32Array.of(Math.cos(angle), Math.sin(angle))));
};

function neighbours(rows: readonly (readonly number[])[], names: readonly string[], settings: object) {
  const train = { outcomes: table(rows, names), features };
  const learner = neighboursLearner as Learner;
  const learnt = learner.train({ train, validation: train, seed: 1 }, learner.options.parse(settings));
  return learner.restore(learnt, names.length).quality;
}

describe('the nearest', () => {
  const rows = [
    [1, 0],
    [1, 0],
    [0, 1],
    [1, 0],
    [0, 1],
    [0, 1],
    [0, 1],
  ];

  it('count by likeness and are drawn to the mean, by hand', () => {
    const quality = neighbours(rows, ['a', 'b'], { k: 2, sharpness: 0, shrink: 2, traits: 0 })(at(2));
    // The two nearest are right with a; the mean of a is 3/7 and weighs as two.
    expect(quality[0]).toBeCloseTo((2 + (2 * 3) / 7) / 4, 6);
    expect(quality[1]).toBeCloseTo((0 + (2 * 4) / 7) / 4, 6);
  });

  it('vote where LLMRouter is followed: three of the five nearest have a', () => {
    const quality = neighbours(rows, ['a', 'b'], { upstream: 'faithful' })(at(2));
    expect(quality[0]).toBeCloseTo(3 / 5, 5);
    expect(quality[1]).toBeCloseTo(2 / 5, 5);
  });

  it('let the first by name win a tied vote, whatever the order of models', () => {
    const tied = neighbours(rows, ['zeta', 'alpha'], { upstream: 'faithful', n_neighbors: 2 })(at(7.6));
    expect(tied[1]).toBeGreaterThan(tied[0] as number);
    expect(tied[1]).toBeCloseTo(tied[0] as number, 4);
  });

  it('give the label to the first of several best models, as LLMRouter does', () => {
    const both = directions.map(() => [1, 1]);
    const quality = neighbours(both, ['a', 'b'], { upstream: 'faithful' })(at(2));
    expect(quality[0]).toBeCloseTo(1, 5);
    expect(quality[1]).toBeCloseTo(0, 5);
  });
});

describe('what is learnt of labels', () => {
  it('is chances that sum to 1 where a network follows LLMRouter', () => {
    const outcomes = table(
      Array.from({ length: 40 }, (_none, row) => (row % 2 === 0 ? [1, 0, 1] : [0, 1, 1])),
      ['a', 'b', 'c'],
    );
    const texts = outcomes.questions.map((_one, row) => rawFeatures('same', Float32Array.of(row % 2, 1 - (row % 2))));
    const bytes = trainArtefact(networkLearner as Learner, outcomes, texts, {
      ...{ seed: 1, validationShare: 0.2, embedder: 'plane', dataHash: '' },
      settings: { upstream: 'faithful', rate: 0.05, epochs: 60, hidden: [8] },
    });
    const artefact = readArtefact(bytes, 'it');
    const { predictor } = restorePredictor(networkLearner as Learner, artefact);
    const quality = predictor.quality(inSpace(artefact.space, texts[0]!));
    expect(quality.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 6);
    // The third is always right, and never the first that is.
    expect(quality[0]).toBeGreaterThan(0.5);
    expect(quality[2]).toBeLessThan(0.2);
    expect(predictor.preferred).toBeUndefined();
  });
});

describe('the guard of the best single model', () => {
  const outcomes = table(
    Array.from({ length: 60 }, (_none, row) => (row % 3 === 0 ? [0, 1] : [1, 0])),
    ['best', 'other'],
  );
  const set = { outcomes, features: outcomes.questions.map(() => features[0]!) };
  const says = (lead: (row: number) => number) =>
    outcomes.questions.map((_one, row) => Float64Array.of(0.5, 0.5 + lead(row)));

  it('lets a learner leave it that is right to', () => {
    const margin = marginFor(
      set,
      says((row) => (row % 3 === 0 ? 0.1 : -0.1)),
      0,
    );
    expect(margin).toBeLessThan(0.1);
  });

  it('asks for the margin from which leaving pays', () => {
    // Where it leaves by little it errs, where by much it is right.
    const margin = marginFor(
      set,
      says((row) => (row % 3 === 0 ? 0.25 : 0.1)),
      0,
    );
    expect(margin).toBeGreaterThan(0.1);
    expect(margin).toBeLessThan(0.25);
  });

  it('never lets one leave it that errs as often as not', () => {
    const half = { outcomes: pick(outcomes, [0, 1, 3, 4, 6, 7]), features: set.features.slice(0, 6) };
    expect(
      marginFor(
        half,
        half.features.map(() => Float64Array.of(0.1, 0.9)),
        0,
      ),
    ).toBe(0.5);
  });
});
