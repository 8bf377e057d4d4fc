import { poolOf } from '@rutter/plugin-sdk/rounds';
import { assertConforms, candidate, checkStrategy } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import plugin from './index.ts';
import { labelPrompt, labelsOf } from './prompt.ts';
import { scoreLabels } from './score.ts';

it('conforms to what every strategy must hold to, with a fine-tuned model and without', async () => {
  assertConforms(await checkStrategy(plugin));
  assertConforms(await checkStrategy(plugin, { config: { router_model: 'tuned' } }));
});

const token = (text: string, p: number, top: Readonly<Record<string, number>> = {}) => ({
  token: text,
  logprob: Math.log(p),
  top_logprobs: Object.entries(top).map(([name, share]) => ({ token: name, logprob: Math.log(share) })),
});
const scored = (content: unknown, text = '') => scoreLabels({ text, logprobs: { content } }, ['A', 'B', 'C']);

describe('scores', () => {
  it('are shares of what the labels weigh together, their spellings summed', () => {
    // By hand: A = 0.3 + 0.1, B = 0.1, C = 0 of 0.5.
    const scores = scored([token('A', 0.3, { A: 0.3, ' A': 0.1, '"B"': 0.1, the: 0.4, a: 0.1 })]);
    expect(scores?.shares.map((share) => Number(share.toFixed(6)))).toEqual([0.8, 0.2, 0]);
    expect(scores?.mass).toBeCloseTo(0.5, 9);
  });

  it('pass over white space ahead of the label, and count a token outside its own list', () => {
    expect(scored([token('\n', 0.9, { '\n': 0.9 }), token(' B', 0.5, { A: 0.25 })])?.shares).toEqual([
      expect.closeTo(1 / 3, 9),
      expect.closeTo(2 / 3, 9),
      0,
    ]);
  });

  it('are the label that was written, where no probabilities are told', () => {
    expect(scoreLabels({ text: ' (B). ' }, ['A', 'B'])).toEqual({ shares: [0, 1], mass: 1 });
    expect(scoreLabels({ text: 'Be' }, ['A', 'B'])).toBeUndefined();
  });

  it.each([
    ['no list', 'x'],
    ['nothing', []],
    ['other things', [null, 3, { token: 4 }]],
    ['probabilities that are no numbers', [{ token: 'A', logprob: 'high' }]],
    ['no label at all', [token('the', 1, { the: 1 })]],
  ])('are none where the vendor tells %s', (_what, content) => {
    expect(scored(content)).toBeUndefined();
  });

  it('never weigh more than certainty, whatever a vendor says', () => {
    expect(scored([{ token: 'A', logprob: 5 }])?.mass).toBe(1);
  });
});

describe('labels', () => {
  const pool = poolOf(['zeta', 'alpha'].map((model) => candidate(model, {}, { model })));

  it('follow the order of names, whatever the order of the list', () => {
    expect(labelsOf(pool, undefined).map(({ label, model }) => [label, model.name])).toEqual([
      ['A', 'alpha'],
      ['B', 'zeta'],
    ]);
  });

  it('are those of the training where they are given; models that are not there have none', () => {
    const labels = labelsOf(pool, { '1': 'gone', '2': 'zeta' });
    expect(labels.map(({ label, model }) => [label, model.name])).toEqual([['2', 'zeta']]);
    expect(labelPrompt(labels, 'why?')[0]?.content).toContain('2: zeta');
  });
});
