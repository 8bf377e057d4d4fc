import { describe, expect, it } from 'vitest';
import { createRandom } from '../numerics/index.ts';
import {
  autoLearner,
  contrastLearner,
  eloLearner,
  factorsLearner,
  graphLearner,
  inSpace,
  kindsLearner,
  type Learner,
  ladderLearner,
  linearLearner,
  machinesLearner,
  neighboursLearner,
  networkLearner,
  OutcomeTable,
  rankModels,
  rawFeatures,
  readArtefact,
  readOutcomes,
  restorePredictor,
  tasksLearner,
  trainArtefact,
} from './index.ts';
import { blend, logitOf } from './learners/blend.ts';

const subjects = [
  ['compute', 'the sum', 'of', '17', 'and', '25'],
  ['translate', 'the poem', 'into', 'French', 'with', 'rhyme'],
];
const fillers = ['please', 'kindly', 'now', 'today', 'quickly', 'again', 'carefully', 'once'];

/** Questions of two kinds: one model is right about the first, the other about the second; both cost alike. */
function world(count: number, seed = 1) {
  const random = createRandom(seed);
  const table = new OutcomeTable();
  for (let at = 0; at < count; at++) {
    const kind = at % 2;
    const filler = () => fillers[Math.floor(random() * fillers.length)];
    const query = [filler(), ...subjects[kind]!, filler(), filler()].join(' ');
    for (const [index, model] of ['counter', 'poet'].entries())
      table.add({
        query_id: `q${at}`,
        query: `${query} ${at}`,
        model,
        performance: random() < (index === kind ? 0.95 : 0.15) ? 1 : 0,
        cost: index === 0 ? 0.001 : 0.004,
      });
  }
  return table.finish();
}

/** A vector that says little: the learners have words and traits as well. */
const embed = (text: string) => Float32Array.of(text.length % 2, 1 - (text.length % 2));
const rawOf = (outcomes: ReturnType<typeof world>) =>
  outcomes.questions.map(({ text }) => rawFeatures(text, embed(text)));

const outcomes = world(600);
const trained = (learner: Learner, seed = 3) =>
  trainArtefact(learner, outcomes, rawOf(outcomes), {
    ...{ seed, validationShare: 0.2, embedder: 'test-2', dataHash: 'abc' },
  });

const readers = [
  linearLearner,
  networkLearner,
  neighboursLearner,
  autoLearner,
  machinesLearner,
  factorsLearner,
  ladderLearner,
  contrastLearner,
  graphLearner,
  tasksLearner,
] as readonly Learner[];

describe.each(readers)('the learner $name', (learner) => {
  const bytes = trained(learner);
  const artefact = readArtefact(bytes, 'it');
  const { header, space } = artefact;
  const { predictor, costUnit } = restorePredictor(learner, artefact);
  const choose = (text: string, costWeight = 0) =>
    rankModels(predictor, inSpace(space, rawFeatures(text, embed(text))), { costWeight, costUnit })[0]!;

  it('moves to the cheaper model once cost weighs enough', () => {
    const poem = 'please translate the poem into French with rhyme now once 8';
    expect(choose(poem).model).toBe(1);
    expect(choose(poem, 0.001).costUsd).toBeCloseTo(0.004, 3);
    expect(choose(poem, 5).model).toBe(0);
  });

  it('sends each kind of new question to the model that is right about it', () => {
    const fresh = world(200, 9);
    let right = 0;
    fresh.questions.forEach(({ text }, at) => {
      if (choose(text).model === at % 2) right++;
    });
    expect(right / 200).toBeGreaterThan(0.9);
  });

  // A ladder judges whether a rung is enough, not how good it is.
  it.skipIf(learner.name === ladderLearner.name)('says how likely an answer is right, about as often as it is', () => {
    const sure = choose('please compute the sum of 17 and 25 now once 4').quality;
    expect(sure).toBeGreaterThan(0.7);
    expect(sure).toBeLessThanOrEqual(1);
  });

  it('gives the same bytes for the same seed and outcomes', { timeout: 180_000 }, () => {
    expect(trained(learner).equals(bytes)).toBe(true);
    expect(header).toMatchObject({ strategy: learner.name, models: ['counter', 'poet'], dataHash: 'abc' });
  });
});

describe('kinds of questions', () => {
  const labelledWorld = (count: number) => ({
    ...world(count),
    questions: world(count).questions.map((question, at) => ({ ...question, task: at % 2 === 0 ? 'sums' : 'poems' })),
  });

  it('are the tasks that outcomes name, or clusters where they name none, and order models either way', () => {
    const fresh = world(200, 9);
    for (const known of [labelledWorld(600), world(600)]) {
      const bytes = trainArtefact(kindsLearner as Learner, known, rawOf(known), {
        ...{ seed: 2, validationShare: 0.2, embedder: 'test-2', dataHash: '' },
      });
      const { learnt, space } = readArtefact(bytes, 'it');
      const { quality } = kindsLearner.restore(learnt, 2);
      const right = fresh.questions.filter(({ text }, at) => {
        const [counter, poet] = quality(inSpace(space, rawFeatures(text, embed(text))));
        return counter! > poet! === (at % 2 === 0);
      });
      expect(right.length / 200).toBeGreaterThan(0.9);
    }
  });

  it('are learnt from at training alone: a new question is judged by its words, whatever its label', () => {
    const known = labelledWorld(600);
    const swapped = {
      ...known,
      questions: known.questions.map((question) => ({
        ...question,
        task: question.task === 'sums' ? 'poems' : 'sums',
      })),
    };
    const judged = (outcomesOf: typeof known) => {
      const bytes = trainArtefact(kindsLearner as Learner, outcomesOf, rawOf(outcomesOf), {
        ...{ seed: 2, validationShare: 0.2, embedder: 'test-2', dataHash: '' },
      });
      const { learnt, space } = readArtefact(bytes, 'it');
      return kindsLearner
        .restore(learnt, 2)
        .quality(inSpace(space, rawFeatures('compute the sum of 1 and 2', embed(''))));
    };
    // The names of kinds are exchangeable.
    expect(judged(swapped)[0]).toBeCloseTo(judged(known)[0]!, 6);
  });
});

describe('a blend', () => {
  const one = Float64Array.of(1, -1);
  const other = Float64Array.of(-1, 2);

  it('is as hard as all say, and tells models apart as its share says', () => {
    const logit = (p: number) => Math.log(p / (1 - p));
    const [a, b] = blend([one, other], 1) as unknown as [number, number];
    // Common: the mean of 0 and 0.5; apart: the first alone.
    expect(logit(a)).toBeCloseTo(0.25 + 1, 9);
    expect(logit(b)).toBeCloseTo(0.25 - 1, 9);
    const [c, d] = blend([one, other], 0.5) as unknown as [number, number];
    expect(logit(c)).toBeCloseTo(0.25 + 0.5 - 0.75, 9);
    expect(logit(d)).toBeCloseTo(0.25 - 0.5 + 0.75, 9);
  });

  it('takes certainty for 99 %', () => {
    expect(blend([Float64Array.of(logitOf(1), logitOf(0))], 1)[0]).toBeCloseTo(0.99, 9);
  });
});

describe('rutter-auto', () => {
  it('never leaves the best single model where nothing can be learnt', () => {
    const random = createRandom(2);
    const table = new OutcomeTable();
    for (let at = 0; at < 400; at++)
      for (const [model, chance] of [
        ['good', 0.7],
        ['bad', 0.3],
      ] as const)
        table.add({
          query_id: `q${at}`,
          query: `question ${Math.floor(random() * 1e9)}`,
          model,
          performance: random() < chance ? 1 : 0,
        });
    const chance = table.finish();
    const bytes = trainArtefact(autoLearner as Learner, chance, rawOf(chance), {
      ...{ seed: 1, validationShare: 0.2, embedder: 'test-2', dataHash: '' },
    });
    const read = readArtefact(bytes, 'it');
    const predictor = autoLearner.restore(read.learnt, 2);
    const picks = chance.questions.map(
      ({ text: asked }) =>
        rankModels(predictor, inSpace(read.space, rawFeatures(asked, embed(asked))), { costWeight: 0, costUnit: 1 })[0]!
          .model,
    );
    expect(picks.filter((model) => model !== 0).length / picks.length).toBeLessThan(0.05);
  });
});

describe('llmrouter-elo', () => {
  const read = (settings: object) =>
    readArtefact(
      trainArtefact(eloLearner as Learner, outcomes, rawOf(outcomes), {
        ...{ seed: 3, validationShare: 0.2, embedder: 'test-2', dataHash: 'abc', settings },
      }),
      'it',
    );
  const nothing = inSpace(read({}).space, rawFeatures('', embed('')));

  it('gives every question the same order, by who wins more comparisons', () => {
    const table = new OutcomeTable();
    for (let at = 0; at < 100; at++)
      for (const [model, rights] of Object.entries({ fair: 50, good: 80, poor: 20 }))
        table.add({ query_id: `q${at}`, query: `${at}`, model, performance: (at * 37) % 100 < rights ? 1 : 0 });
    const three = table.finish();
    const bytes = trainArtefact(eloLearner as Learner, three, rawOf(three), {
      ...{ seed: 1, validationShare: 0.1, embedder: 'test-2', dataHash: '' },
    });
    const { learnt, header } = readArtefact(bytes, 'it');
    const order = rankModels(eloLearner.restore(learnt, 3), nothing, { costWeight: 0, costUnit: 1 });
    expect(order.map(({ model }) => three.models[model])).toEqual(['good', 'fair', 'poor']);
    const { elo } = header.facts as { elo: Record<string, number> };
    expect(elo.good! - elo.fair!).toBeGreaterThan(50);
  });

  it('counts only the first of equals as a winner where it is to follow LLMRouter', () => {
    const lead = (settings: object) => {
      const { counter, poet } = (read(settings).header.facts as { elo: { counter: number; poet: number } }).elo;
      return counter - poet;
    };
    expect(Math.abs(lead({}))).toBeLessThan(30);
    expect(lead({ upstream: 'faithful' })).toBeGreaterThan(lead({}));
  });
});

describe('learning as LLMRouter does', () => {
  it.each([
    machinesLearner,
    factorsLearner,
    networkLearner,
    contrastLearner,
    graphLearner,
  ] as unknown as readonly Learner[])(
    'still sends $name’s questions to the model of their kind, by labels alone',
    { timeout: 180_000 },
    (learner) => {
      const bytes = trainArtefact(learner, outcomes, rawOf(outcomes), {
        ...{ seed: 3, validationShare: 0.2, embedder: 'test-2', dataHash: 'abc', settings: { upstream: 'faithful' } },
      });
      const { learnt, space } = readArtefact(bytes, 'it');
      const predictor = learner.restore(learnt, 2);
      const fresh = world(200, 9);
      const right = fresh.questions.filter(({ text }, at) => {
        const features = inSpace(space, rawFeatures(text, embed(text)));
        return rankModels(predictor, features, { costWeight: 0, costUnit: 1 })[0]!.model === at % 2;
      });
      expect(right.length / 200).toBeGreaterThan(0.85);
      expect(trained(learner).equals(bytes)).toBe(false);
    },
  );
});

describe('llmrouter-hybrid', () => {
  const ladder = (settings: object) => {
    const bytes = trainArtefact(ladderLearner as Learner, outcomes, rawOf(outcomes), {
      ...{ seed: 3, validationShare: 0.2, embedder: 'test-2', dataHash: 'abc', settings },
    });
    const { learnt, space } = readArtefact(bytes, 'it');
    const predictor = ladderLearner.restore(learnt, 2);
    const picks = outcomes.questions.map(({ text }) => {
      const features = inSpace(space, rawFeatures(text, embed(text)));
      return rankModels(predictor, features, { costWeight: 0, costUnit: 1 })[0]!.model;
    });
    return picks.reduce((sum, model) => sum + model, 0) / picks.length;
  };

  it('gives the last model the share it was told, and all or none where that is told', () => {
    const named = ['counter', 'poet'];
    expect(ladder({ ladder: named, strong_share: 0.5 })).toBeCloseTo(0.5, 1);
    expect(ladder({ ladder: named, strong_share: 0 })).toBe(0);
    expect(ladder({ ladder: named, strong_share: 1 })).toBe(1);
    expect(ladder({ ladder: named, router_threshold: 0, router_mode: 'deterministic' })).toBe(0);
  });

  it('refuses a ladder of models that nobody tried', () => {
    expect(() => ladder({ ladder: ['counter', 'sage'] })).toThrow('ladder names sage; expected of counter, poet');
  });
});

describe('an artefact', () => {
  const bytes = trained(networkLearner as Learner);
  const changed = (at: number, value: number) => {
    const copy = Buffer.from(bytes);
    copy[at] = value;
    return copy;
  };

  it.each([
    ['is something else', Buffer.from('pickle'), 'expected "RRA1"'],
    ['lacks its end', bytes.subarray(0, -4), 'bytes of numbers'],
    ['has other numbers', changed(bytes.length - 2, (bytes.at(-2) as number) ^ 1), 'SHA-256'],
    ['has a header that is not JSON', changed(8, 0x5b), 'header'],
    ['has a header longer than itself', changed(7, 0x7f), 'header of'],
  ])('is refused where it %s', (_what, content, message) => {
    expect(() => readArtefact(content, 'router.rra')).toThrow(message);
    expect(() => readArtefact(content, 'router.rra')).toThrow('router.rra is no router artefact');
  });
});

describe('outcomes in a file', () => {
  it('are read in our form and in LLMRouter\u2019s, models by name whatever the order of lines', () => {
    const { outcomes: read } = readOutcomes(
      [
        '{"query_id":"1","query":"a","model":"x","performance":1,"cost":0.5}',
        '{"query_id":"1","query":"a","model":"y","performance":0}',
        '',
        '{"query":"b","task_name":"t","model_name":"y","performance":0.25,"prompt_tokens":3}',
      ].join('\n'),
      'f',
    );
    expect(read.models).toEqual(['x', 'y']);
    expect(read.questions).toEqual([
      { id: '1', text: 'a', task: '' },
      { id: 'b', text: 'b', task: 't' },
    ]);
    expect([...read.quality]).toEqual([1, 0, Number.NaN, 0.25]);
    expect(read.cost[0]).toBe(0.5);
    expect(read.inputTokens[3]).toBe(3);
  });

  it.each([
    ['{"query":"a","model":"x","performance":2}', 'f, line 1: performance is 2; expected a number from 0 to 1'],
    ['{"query":"a","performance":1}', 'f, line 1: model is missing'],
    ['{"model":"a","performance":1}', 'f, line 1: query is missing'],
    ['{"query"', 'f, line 1: found what is not JSON'],
    ['\n\n', 'f holds no outcomes'],
  ])('are refused as %j', (text, message) => {
    expect(() => readOutcomes(text, 'f')).toThrow(message);
  });
});
