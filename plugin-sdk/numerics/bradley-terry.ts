/** Ratings from comparisons (Bradley and Terry 1952): the chance that i beats j is σ(rᵢ − rⱼ). */
import { solve } from './ridge.ts';
import { sigmoid } from './vectors.ts';

const steps = 100;

/**
 * `wins[i × n + j]` counts how often i beat j; a tie is half a win for each. `prior` is the strength of a normal
 * prior around 0, which keeps the ratings of who never wins or never loses finite. Natural units; sum about 0.
 */
export function fitRatings(wins: Float64Array, players: number, prior: number): Float64Array {
  const ratings = new Float64Array(players);
  for (let step = 0; step < steps; step++) {
    const gradient = ratings.map((rating) => prior * rating);
    const curve = new Float64Array(players * players);
    for (let i = 0; i < players; i++) {
      curve[i * players + i] = (curve[i * players + i] as number) + prior;
      for (let j = 0; j < i; j++) {
        const [won, lost] = [wins[i * players + j] as number, wins[j * players + i] as number];
        const p = sigmoid((ratings[i] as number) - (ratings[j] as number));
        const slope = (won + lost) * p - won;
        const own = (won + lost) * p * (1 - p);
        gradient[i] = (gradient[i] as number) + slope;
        gradient[j] = (gradient[j] as number) - slope;
        for (const k of [i, j]) curve[k * players + k] = (curve[k * players + k] as number) + own;
        curve[i * players + j] = -own;
        curve[j * players + i] = -own;
      }
    }
    const move = solve(curve, gradient, players);
    const longest = Math.max(...move.map(Math.abs));
    const damp = Math.min(1, 1 / Math.max(longest, 1e-12));
    for (let at = 0; at < players; at++) ratings[at] = (ratings[at] as number) - damp * (move[at] as number);
    if (longest < 1e-10) break;
  }
  return ratings;
}
