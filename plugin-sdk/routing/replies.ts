/**
 * How long replies usually are: what a call will cost, in tokens or money, has
 * to be known before it is made.
 */
import type { Host } from '../contract/host.ts';
import type { Outcome, RequestContext } from '../contract/request.ts';
import { recordOf } from './records.ts';

/** Weight of the newest reply. */
const gain = 0.1;
/** Tokens of a reply while none has been seen. */
const unknownLength = 256;

export interface ExpectedReplies {
  /** Tokens a reply of this deployment is expected to have, no more than the caller wants; 0 for operations that only read. */
  usual(context: RequestContext, deployment: string): number;
  /** Tokens a reply may have: what the caller allows, else what is usual. For reservations. */
  most(context: RequestContext, deployment: string): number;
  observe(outcome: Outcome): void;
}

/** Survives reloads. A deployment that has not answered yet is expected to answer as the others do. */
export function expectedReplies(host: Pick<Host, 'keep'>): ExpectedReplies {
  const lengths = host.keep('reply-lengths', 1, () => new Map<string, { tokens: number }>());
  const overall = host.keep('reply-length', 1, () => ({ tokens: unknownLength }));
  const usualOf = (deployment: string) => lengths.get(deployment)?.tokens ?? overall.tokens;
  const limitOf = (context: RequestContext) => context.features.get('output-limit') as number | undefined;

  return {
    usual(context, deployment) {
      if (context.operation === 'embeddings') return 0;
      return Math.min(usualOf(deployment), limitOf(context) ?? Number.POSITIVE_INFINITY);
    },
    most(context, deployment) {
      if (context.operation === 'embeddings') return 0;
      return Math.ceil(limitOf(context) ?? usualOf(deployment));
    },
    observe({ deployment, usage, operation, ending, parts }) {
      if (deployment === undefined || usage === undefined || operation === 'embeddings' || ending !== 'complete')
        return;
      // Of a request of several calls each has been seen by itself.
      if (parts) return;
      const tokens = usage.output + (usage.reasoning ?? 0) + (usage.audioOutput ?? 0);
      const own = recordOf(lengths, deployment.id, () => ({ tokens }));
      own.tokens += gain * (tokens - own.tokens);
      overall.tokens += gain * (tokens - overall.tokens);
    },
  };
}
