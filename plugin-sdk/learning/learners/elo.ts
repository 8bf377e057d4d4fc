/**
 * One rating a model from all comparisons on all questions (LLMRouter's
 * `elorouter`): the same order for every question, and the standard that
 * learners which read the question have to beat.
 */
import { z } from 'zod';
import { fitRatings } from '../../numerics/bradley-terry.ts';
import { sigmoid } from '../../numerics/vectors.ts';
import { labelled, upstreamOption } from '../labels.ts';
import type { Learner } from '../learner.ts';
import type { Outcomes } from '../outcomes.ts';

const options = z.strictObject({
  prior: z.number().positive().default(1).describe('Strength of the pull of all ratings towards each other.'),
  upstream: upstreamOption,
});

/** Wins by winner and loser; equals win half each, unless ties are to count for nothing. */
export function countWins({ models, quality }: Outcomes, skipTies: boolean): Float64Array {
  const width = models.length;
  const wins = new Float64Array(width * width);
  for (let row = 0; row < quality.length; row += width)
    for (let i = 0; i < width; i++)
      for (let j = 0; j < width; j++) {
        const lead = (quality[row + i] as number) - (quality[row + j] as number);
        if (i === j || Number.isNaN(lead) || lead < 0 || (lead === 0 && skipTies)) continue;
        wins[i * width + j] = (wins[i * width + j] as number) + (lead > 0 ? 1 : 0.5);
      }
  return wins;
}

/** For each model the chance to beat another one drawn at random. */
export const ratingChances = (ratings: Float32Array | Float64Array): Float64Array =>
  Float64Array.from(ratings, (own, at) => {
    const others = [...ratings].filter((_other, place) => place !== at);
    return others.reduce((sum, other) => sum + sigmoid(own - other), 0) / Math.max(1, others.length);
  });

export const eloLearner: Learner<z.output<typeof options>> = {
  name: 'llmrouter-elo',
  options,
  train({ train }, { prior, upstream }) {
    const isFaithful = upstream === 'faithful';
    const outcomes = isFaithful ? labelled(train.outcomes) : train.outcomes;
    const ratings = fitRatings(countWins(outcomes, isFaithful), outcomes.models.length, prior);
    return {
      // The scale of chess: 400 points are odds of ten to one.
      facts: {
        elo: Object.fromEntries(
          outcomes.models.map((model, at) => [model, Math.round(1000 + (400 * (ratings[at] as number)) / Math.LN10)]),
        ),
      },
      blocks: { 'elo.ratings': Float32Array.from(ratings) },
    };
  },
  restore({ blocks }) {
    const chances = ratingChances(blocks['elo.ratings'] as Float32Array);
    return { quality: () => chances };
  },
};
