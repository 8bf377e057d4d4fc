/** Who judges a request: what was learnt before, and what has become known while serving. */
import type { Host } from '../contract/host.ts';
import type { RequestContext } from '../contract/request.ts';
import type { Artefact } from './artefact.ts';
import type { Features } from './features.ts';
import type { Predictor } from './learner.ts';

interface Judgements {
  /** As {@link Predictor.quality}, for this request. */
  readonly quality: Float64Array;
  /** What is left of the preferred model's margin, 0 to 1; 1 when absent. */
  readonly caution?: number;
}

/** Judges the requests of one artefact, for as long as it serves. */
export interface Judge {
  judge(features: Features, context: RequestContext): Judgements;
  stop(): void;
}

export interface JudgeParts {
  readonly host: Host;
  readonly artefact: Artefact;
  readonly predictor: Predictor;
  readonly costUnit: number;
}

/** Asked once for each artefact that is read. */
export type JudgeOf = (parts: JudgeParts) => Judge | Promise<Judge>;

/** The predictor as the judge corrects it for one request; to be asked for `quality` ahead of `preferred`. */
export function predictorFor(
  { predictor, judge }: { readonly predictor: Predictor; readonly judge: Judge | undefined },
  context: RequestContext,
): Predictor {
  if (judge === undefined) return predictor;
  const { preferred } = predictor;
  let caution = 1;
  const judged = {
    ...predictor,
    quality(features: Features) {
      const found = judge.judge(features, context);
      caution = found.caution ?? 1;
      return found.quality;
    },
  };
  if (preferred === undefined) return judged;
  return Object.defineProperty(judged, 'preferred', {
    get: () => ({ ...preferred, margin: preferred.margin * caution }),
  });
}
