/** Strategies with a strong and a weak model, whose threshold a caller may name. */
import { z } from 'zod';
import { RutterError } from '../contract/errors.ts';
import type { Host } from '../contract/host.ts';
import type { Instance } from '../contract/plugin.ts';
import type { Learner } from './learner.ts';
import { thresholdIn, thresholdJudge } from './learners/pair.ts';
import { learnedStrategy, learnedStrategyConfig, learnedStrategyOptions } from './strategy.ts';

export const pairStrategyConfig = learnedStrategyConfig.extend({
  threshold: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('Chance to do better from which the strong model answers; that of the artefact where it is absent.'),
});

export interface PairStrategyOptions {
  readonly learner: Pick<Learner, 'name' | 'restore'>;
  /** What names that end in a threshold begin with. */
  readonly prefixes: readonly string[];
  readonly config: z.output<typeof pairStrategyConfig>;
}

/** A name with the prefix and no threshold behind it is refused: it would be answered by another one than was meant. */
export async function pairStrategy(
  host: Host,
  { learner, prefixes, config: { threshold, ...config } }: PairStrategyOptions,
): Promise<Instance<'strategy'>> {
  const judge = thresholdJudge(prefixes, threshold);
  const strategy = await learnedStrategy(host, { learner, ...learnedStrategyOptions(config), judge });
  return {
    ...strategy,
    guard: {
      authorise({ group }) {
        const named = thresholdIn(group, prefixes);
        if (named === undefined || !Number.isNaN(named)) return;
        throw new RutterError(
          'ERR_REQUEST_UNKNOWN_MODEL',
          `Found model ${JSON.stringify(group.slice(0, 128))}; expected ${prefixes[0]} and a threshold from 0 to 1, such as ${prefixes[0]}0.116.`,
          { param: 'model' },
        );
      },
    },
  };
}
