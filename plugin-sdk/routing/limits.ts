/**
 * `rpm` and `tpm` of deployments, kept by all replicas together.
 *
 * A call is charged when its deployment is chosen: one request, and the tokens
 * it will take as far as that can be told; it is settled with what it took.
 * The minutes are those of the clock, so that all deployments begin at nothing
 * together and a refused caller can be told when.
 */
import type { Host } from '../contract/host.ts';
import type { Charging } from '../contract/kinds.ts';
import type { Candidate, RequestContext } from '../contract/request.ts';
import type { Reservation, ReserveResult } from '../contract/services.ts';
import { recordOf } from './records.ts';
import type { ExpectedReplies } from './replies.ts';

const minuteMs = 60_000;
/** What is only counted may grow to this. */
const unlimited = Number.MAX_SAFE_INTEGER;

interface Count {
  /** Of this process, what is reserved among it. */
  own: number;
  /** Of it, what the state has not answered yet. */
  pending: number;
  /** Of other replicas, as far as heard of. */
  elsewhere: number;
}

/** What one deployment has taken up in one minute. */
interface Minute {
  readonly number: number;
  readonly tokens: Count;
  readonly requests: Count;
}

export interface DeploymentLimitsOptions {
  readonly replies: ExpectedReplies;
  /** Count tokens of deployments without a limit too, for a strategy that compares them. */
  readonly isEachCounted?: boolean;
  /** Name of these counters: what has another name counts for itself. `deployment` when absent. */
  readonly name?: string;
}

export interface DeploymentLimits extends Required<Charging> {
  /** Tokens of the current minute, those reserved among them. */
  tokensOf(candidate: Candidate): number;
  /** Whether it is known already that a limit would refuse this request. */
  isFull(context: RequestContext, candidate: Candidate): boolean;
}

/** Survives reloads. */
export function deploymentLimits(
  host: Pick<Host, 'keep' | 'clock'>,
  { replies, isEachCounted = false, name = 'deployment' }: DeploymentLimitsOptions,
): DeploymentLimits {
  const minutes = host.keep('minutes', 1, () => new Map<string, { now: Minute }>());
  const charges = new WeakMap<readonly Reservation[], Minute>();

  function minuteOf({ deployment }: Candidate): Minute {
    const number = Math.floor(host.clock.now() / minuteMs);
    const record = recordOf(minutes, deployment.id, () => ({ now: newMinute(number) }));
    if (record.now.number !== number) record.now = newMinute(number);
    return record.now;
  }

  /** What the prompt and its reply take, at most the whole limit where the reply alone makes it more. */
  function tokensFor(context: RequestContext, { deployment: { id, tpm = unlimited } }: Candidate): number {
    const input = (context.features.get('input-tokens') as number | undefined) ?? 0;
    return Math.max(input, Math.min(tpm, input + replies.most(context, id)));
  }

  return {
    tokensOf: (candidate) => sumOf(minuteOf(candidate).tokens),
    isFull(context, candidate) {
      const { rpm, tpm } = candidate.deployment;
      if (rpm === undefined && tpm === undefined) return false;
      const { tokens, requests } = minuteOf(candidate);
      if (rpm !== undefined && sumOf(requests) + 1 > rpm) return true;
      return tpm !== undefined && sumOf(tokens) + tokensFor(context, candidate) > tpm;
    },
    charge(context, candidate) {
      const { id, rpm, tpm } = candidate.deployment;
      if (rpm === undefined && tpm === undefined && !isEachCounted) return [];
      const minute = minuteOf(candidate);
      const windowMs = (minute.number + 1) * minuteMs - host.clock.now();
      const reservations: Reservation[] = [];
      const add = (measure: 'requests' | 'tokens', limit: number, amount: number) => {
        const key = `${name}:${id}:${measure}:${minute.number}`;
        reservations.push({ key, amount, limit, windowMs, measure, label: `${measure} a minute of deployment ${id}` });
        minute[measure].own += amount;
        minute[measure].pending += amount;
      };
      if (rpm !== undefined) add('requests', rpm, 1);
      if (tpm !== undefined || isEachCounted) add('tokens', tpm ?? unlimited, tokensFor(context, candidate));
      charges.set(reservations, minute);
      return reservations;
    },
    charged(_candidate, reservations, result) {
      const minute = charges.get(reservations);
      if (minute === undefined) return;
      for (const [index, reservation] of reservations.entries()) answer(minute, reservation, { index, result });
    },
    discharged(_candidate, reservations, actual) {
      const minute = charges.get(reservations);
      if (minute === undefined) return;
      for (const [index, reservation] of reservations.entries())
        countOf(minute, reservation).own += (actual[index] ?? reservation.amount) - reservation.amount;
    },
  };
}

/** Takes down what the state said: what it holds beyond our own is others'. */
function answer(
  minute: Minute,
  reservation: Reservation,
  { index, result }: { index: number; result: ReserveResult | undefined },
): void {
  const count = countOf(minute, reservation);
  count.pending -= reservation.amount;
  if (result?.granted !== true) count.own -= reservation.amount;
  const held = heldBy(reservation, { index, result });
  if (held !== undefined) count.elsewhere = Math.max(0, held - (count.own - count.pending));
}

/** What the counter holds now; undefined where the answer does not tell. */
function heldBy(
  { limit }: Reservation,
  { index, result }: { index: number; result: ReserveResult | undefined },
): number | undefined {
  if (result === undefined) return undefined;
  if (result.granted) return limit - (result.remaining[index] ?? limit);
  return result.index === index ? result.current : undefined;
}

const countOf = (minute: Minute, { measure }: Reservation): Count =>
  measure === 'tokens' ? minute.tokens : minute.requests;

const sumOf = ({ own, elsewhere }: Count): number => own + elsewhere;

const newMinute = (number: number): Minute => ({
  number,
  tokens: { own: 0, pending: 0, elsewhere: 0 },
  requests: { own: 0, pending: 0, elsewhere: 0 },
});
