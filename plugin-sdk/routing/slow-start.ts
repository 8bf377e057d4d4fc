/**
 * Keeps a new deployment, or one back from a cooldown, from being overrun.
 *
 * It is given one call at a time, and with each that succeeds twice as many,
 * until it has proved itself. Nothing is held back while no other deployment
 * has: somebody has to begin.
 */
import type { Host } from '../contract/host.ts';
import type { Candidate, Outcome } from '../contract/request.ts';
import { recordOf } from './records.ts';

/** Calls at once from which on nothing is held back any more. */
const proven = 64;

interface Start {
  /** Calls at once that it is given. */
  most: number;
  /** Cooldown after which it began anew. */
  cooledUntil: number;
}

export interface SlowStart {
  /** Candidates that have as many calls under way as they are given for now, to be ranked last; empty while nobody has proved itself. */
  held(candidates: readonly Candidate[]): ReadonlySet<Candidate>;
  observe(outcome: Outcome): void;
}

const nobody: ReadonlySet<Candidate> = new Set();

/** Survives reloads. */
export function slowStart(host: Pick<Host, 'keep'>): SlowStart {
  const starts = host.keep('slow-starts', 1, () => new Map<string, Start>());

  function startOf({ deployment, live }: Candidate): Start {
    const start = recordOf(starts, deployment.id, () => ({ most: 1, cooledUntil: live.cooledUntil }));
    if (start.cooledUntil !== live.cooledUntil) {
      start.cooledUntil = live.cooledUntil;
      start.most = 1;
    }
    return start;
  }

  return {
    held(candidates) {
      let isAnyProven = false;
      let held: Set<Candidate> | undefined;
      for (const candidate of candidates) {
        const { most } = startOf(candidate);
        if (most >= proven) isAnyProven = true;
        else if (candidate.live.inFlight >= most) {
          held ??= new Set();
          held.add(candidate);
        }
      }
      return isAnyProven && held !== undefined ? held : nobody;
    },
    observe({ deployment, ending, cacheHit, parts }) {
      if (deployment === undefined || cacheHit || ending !== 'complete' || parts) return;
      const start = starts.get(deployment.id);
      if (start !== undefined && start.most < proven) start.most *= 2;
    },
  };
}
