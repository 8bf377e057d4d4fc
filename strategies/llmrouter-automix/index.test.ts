import { assertConforms, checkStrategy } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import plugin from './index.ts';
import { isDecided, readVerdict, shareOf, tally } from './verdict.ts';

it('conforms to what every strategy must hold to, whatever it does with what cannot be checked', async () => {
  assertConforms(await checkStrategy(plugin));
  assertConforms(await checkStrategy(plugin, { config: { on_unknown: 'keep', upstream: 'faithful' } }));
});

describe('a verdict', () => {
  it.each([
    ['Verdict: Correct', true],
    ['Verdict: Incorrect', false],
    ['verdict: INCORRECT.', false],
    ['One may think it incorrect, yet: Correct', true],
    ['It seems correct at first. The answer is Incorrect', false],
    ['not correct', false],
    ['un-correct', false],
    ['This is correctly said', true],
    ['Corrected and corrections', undefined],
    ['I cannot tell', undefined],
    ['', undefined],
  ])('is read from %j as %s', (text, verdict) => {
    expect(readVerdict(text)).toBe(verdict);
  });

  it('counts among those that can be read', () => {
    const counted = tally([true, false, undefined, true]);
    expect(counted).toEqual({ correct: 2, read: 3 });
    expect(shareOf(counted)).toBeCloseTo(2 / 3, 12);
    expect(shareOf(tally([undefined]))).toBeUndefined();
  });
});

describe('checks', () => {
  const half = (share: number) => share <= 0.5;

  it('have decided where the others cannot change it', () => {
    expect(isDecided({ correct: 0, read: 2 }, 2, half)).toBe(true);
    // 2 of 2, then 2 of 4 at the worst: at the threshold it is asked.
    expect(isDecided({ correct: 2, read: 2 }, 2, half)).toBe(false);
    expect(isDecided({ correct: 2, read: 2 }, 1, half)).toBe(true);
    expect(isDecided({ correct: 0, read: 0 }, 2, half)).toBe(false);
    expect(isDecided({ correct: 0, read: 0 }, 0, half)).toBe(true);
  });

  it('have decided exactly where every way to say the rest ends alike, tried by brute force', () => {
    const rules = [half, (share: number) => share > 0.2 && share < 0.8, (share: number) => share < 0.3, () => true];
    for (const rule of rules)
      for (let read = 1; read <= 5; read++)
        for (let correct = 0; correct <= read; correct++)
          for (let more = 0; more <= 4; more++) {
            const ends = new Set<boolean>();
            // Each of the rest says correct, incorrect or nothing.
            for (let code = 0; code < 3 ** more; code++) {
              const said = Array.from({ length: more }, (_none, place) => Math.floor(code / 3 ** place) % 3);
              const right = said.filter((one) => one === 1).length;
              const heard = said.filter((one) => one !== 0).length;
              ends.add(rule((correct + right) / (read + heard)));
            }
            expect(isDecided({ correct, read }, more, rule)).toBe(ends.size === 1);
          }
  });
});
