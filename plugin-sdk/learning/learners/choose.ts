/** What rutter-auto reads off questions its learners had not seen: how to blend them, and when to leave the best model. */
import { argmax } from '../../numerics/vectors.ts';
import { rankModels } from '../decide.ts';
import { marginFor } from '../guard.ts';
import type { Predictor, TrainingSet } from '../learner.ts';
import { averageGapRecovered } from '../metrics.ts';
import { meansByModel } from '../outcomes.ts';
import { blend } from './blend.ts';

/** The first stands unless another is better by more than chance often makes it. */
const shares = [0.8, 1, 0.65, 0.5, 0.25];
const leastGain = 0.003;
const costWeights = [0, 0.03, 0.3];

/** Blended judgements are steady: who needs a larger margin than these is not worth leaving for. */
const margins = [0, 0.005, 0.01, 0.02, 0.03];

export interface Unseen {
  readonly set: TrainingSet;
  /** By question, then by learner. */
  readonly logits: readonly (readonly Float64Array[])[];
  readonly cost: Predictor['cost'];
  readonly costUnit: number;
}

/** Mean utility of what is chosen, over several weights of cost. */
function worthOf({ set, logits, cost, costUnit }: Unseen, share: number): number {
  const width = set.outcomes.models.length;
  const usual = meansByModel(set.outcomes.cost, width);
  let sum = 0;
  set.features.forEach((features, row) => {
    const quality = blend(logits[row] as readonly Float64Array[], share);
    const predictor: Predictor = { quality: () => quality, ...(cost ? { cost } : {}) };
    for (const costWeight of cost ? costWeights : [0]) {
      const { model } = rankModels(predictor, features, { costWeight, costUnit })[0] as { model: number };
      const got = set.outcomes.quality[row * width + model] as number;
      const paid = set.outcomes.cost[row * width + model] as number;
      const price = cost ? (costWeight * (Number.isNaN(paid) ? (usual[model] as number) : paid)) / costUnit : 0;
      sum += Number.isNaN(got) ? 0 : got - price;
    }
  });
  return sum / set.features.length / (cost ? costWeights.length : 1);
}

/** Of two models what counts is the order of questions at every share of calls, which is also far steadier. */
function gapOf({ set, logits }: Unseen, share: number): number {
  const means = meansByModel(set.outcomes.quality, 2);
  const strong = argmax(means);
  const leads = logits.map((own) => {
    const quality = blend(own, share);
    return (quality[strong] as number) - (quality[1 - strong] as number);
  });
  const column = (model: number) =>
    leads.map((_none, row) => {
      const value = set.outcomes.quality[row * 2 + model] as number;
      return Number.isNaN(value) ? (means[model] as number) : value;
    });
  return averageGapRecovered(leads, column(1 - strong), column(strong));
}

export function chooseShare(unseen: Unseen): number {
  const isPair = unseen.set.outcomes.models.length === 2;
  const worth = (share: number) => (isPair ? gapOf(unseen, share) : worthOf(unseen, share));
  let chosen = shares[0] as number;
  let highest = worth(chosen) + leastGain;
  for (const share of shares.slice(1)) {
    const value = worth(share);
    // Not a number, where two models are equally good: nothing to choose by.
    if (!(value > highest)) continue;
    highest = value;
    chosen = share;
  }
  return chosen;
}

/** See {@link marginFor}: on what the blend says. */
export const chooseMargin = ({ set, logits }: Unseen, best: number, share: number): number =>
  marginFor(
    set,
    logits.map((own) => blend(own, share)),
    best,
    margins,
  );
