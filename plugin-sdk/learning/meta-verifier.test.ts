import { describe, expect, it } from 'vitest';
import { createRandom } from '../numerics/random.ts';
import { binOf, families, learnMetaVerifier, liftOf, statesOf, tablesOf, type VerifiedRow } from './meta-verifier.ts';

const row = (verified: number, small: number, large: number): VerifiedRow => ({ verified, small, large });
const costs = { small: 1, large: 50, verifier: 1 };
const text = (actions: readonly boolean[]) => actions.map(Number).join('');

/** What the small model knows: unsure answers are wrong, and half of the surest too. */
const rows: readonly VerifiedRow[] = [
  // Hopeless where it is quite sure that it is wrong: nobody knows.
  ...Array.from({ length: 20 }, () => row(0, 0, 0)),
  ...Array.from({ length: 20 }, () => row(0.5, 0, 1)),
  ...Array.from({ length: 20 }, () => row(1, 1, 1)),
];

describe('bins', () => {
  it('are the nearest marks, halves going up', () => {
    expect([0, 0.0624, 0.0625, 0.5, 0.94, 1, 7, -1].map((verified) => binOf(verified, 8))).toEqual([
      0, 0, 1, 4, 8, 8, 8, 0,
    ]);
  });
});

describe('lift', () => {
  it('is the hand-computed benefit for each unit of cost over that of the large model', () => {
    // Small 1/3 right, large 2/3; asking a third of the questions at 0.5 wins 1/3 for 1 + 50/3.
    const always = (2 / 3 - 1 / 3) / 49;
    const own = 1 / 3 / (1 + 50 / 3);
    expect(liftOf(rows, [false, true, false], costs)).toBeCloseTo(own / always - 1, 12);
  });

  it('is -1 where nobody is asked: what was spent on checks has won nothing', () => {
    expect(liftOf(rows, [false, false, false], costs)).toBe(-1);
  });

  it('is below zero where everyone is asked: the checks are paid on top', () => {
    expect(liftOf(rows, [true, true, true], costs)).toBeCloseTo(1 / 3 / 51 / (1 / 3 / 49) - 1, 12);
  });

  it('tells the plain difference where the large model is no better', () => {
    expect(liftOf([row(0, 1, 0), row(1, 1, 1)], [true, false], costs)).toBeCloseTo(-0.5, 12);
  });
});

describe('states', () => {
  it('are needy, good and hopeless by how both models did', () => {
    expect(statesOf([row(0, 0, 1), row(0, 1, 1), row(0, 0, 0), row(0, 1, 0)])).toEqual([
      'needy',
      'good',
      'hopeless',
      'good',
    ]);
  });
});

describe('tables', () => {
  it('of a threshold ask up to each mark, of two between each pair below the last', () => {
    expect(tablesOf('threshold', rows, 3).map(text)).toEqual(['1000', '1100', '1110', '1111']);
    expect(tablesOf('double', rows, 3).map(text)).toEqual(['1100', '1110', '0110']);
  });

  it('of the greedy rule grow by the bin where asking wins most', () => {
    const two = [row(0, 0, 1), row(1, 1, 1)];
    expect(tablesOf('greedy', two, 8).map(text)[0]?.[0]).toBe('1');
    const tables = tablesOf('greedy', rows, 8).map(text);
    expect(tables).toHaveLength(9);
    expect(tables.map((table) => [...table].filter((action) => action === '1').length)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
  });

  it('of the POMDP do in each bin what loses least by the belief, as trying every reward by hand finds', () => {
    const random = createRandom(7);
    const seen = Array.from({ length: 300 }, () => {
      const verified = Math.floor(random() * 9) / 8;
      return row(verified, random() < 0.2 + 0.6 * verified ? 1 : 0, random() < 0.7 ? 1 : 0);
    });
    const states = statesOf(seen);
    const expected = new Set<string>();
    for (let reward = 0; reward < 5000; reward++) {
      let table = '';
      for (let bin = 0; bin <= 8; bin++) {
        // The loss of each action summed over the questions themselves, not over shares.
        let [keep, ask] = [0, 0];
        seen.forEach(({ verified }, index) => {
          if (Math.round(verified * 8) !== bin) return;
          const state = states[index];
          keep += state === 'needy' ? reward : state === 'hopeless' ? reward + 1 : 0;
          ask += state === 'hopeless' ? reward + 100 : 100;
        });
        table += ask < keep ? '1' : '0';
      }
      expected.add(table);
    }
    const found = tablesOf('pomdp', seen, 8).map(text);
    // Sums and shares may round apart at a tie of one reward.
    expect(found.filter((table) => !expected.has(table)).length).toBeLessThanOrEqual(1);
    expect(found.length).toBeGreaterThan(5);
  });
});

describe('a meta-verifier', () => {
  const options = { bins: 8, costs, families, seed: 1 };

  it('asks where it wins and not where all is lost, as the best of all tables does', () => {
    const brute = Array.from({ length: 2 ** 9 }, (_none, bits) =>
      Array.from({ length: 9 }, (_zero, bin) => (bits & (1 << bin)) !== 0),
    );
    const best = Math.max(...brute.map((actions) => liftOf(rows, actions, costs)));
    const learnt = learnMetaVerifier(rows, { ...options, folds: 1 });
    expect(learnt?.lift).toBeCloseTo(best, 9);
    expect([0, 4, 8].map((bin) => learnt?.actions[bin])).toEqual([false, true, false]);
  });

  it('is chosen by rows that its table has not seen, where folds are made', () => {
    const learnt = learnMetaVerifier(rows, { ...options, folds: 5 });
    expect(learnt?.actions[4]).toBe(true);
    expect(learnt?.lift).toBeGreaterThan(1);
    expect(learnMetaVerifier([], { ...options, folds: 5 })).toBeUndefined();
  });

  it('of one family is of that family', () => {
    for (const family of families)
      expect(learnMetaVerifier(rows, { ...options, folds: 1, families: [family] })?.family).toBe(family);
  });
});
