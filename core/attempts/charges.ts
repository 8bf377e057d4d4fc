/**
 * Limits of single deployments, charged once one has been chosen and ahead of
 * its call: those of guards and of the group's strategies in one step.
 *
 * Where the state is away a guard's limit refuses, since a guard must not let
 * anything through by failing; a strategy's lets the call pass.
 */
import { type Charging, type Reservation, type ReserveResult, RutterError, type Usage } from '@rutter/plugin-sdk';
import { answerOf } from '../deadline.ts';
import { selectorOf } from '../pipeline/experiments.ts';
import { HeldReservation } from '../pipeline/held-reservation.ts';
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Target } from '../pipeline/models.ts';
import type { Held } from '../pipeline/path.ts';
import { totalTokens } from '../pricing/usage.ts';

const stateTimeoutMs = 5000;

/** What one plugin wants charged. */
interface Part {
  readonly owner: Held<Charging>;
  readonly isGuard: boolean;
  readonly reservations: readonly Reservation[];
}

/** A limit that is used up. */
export interface Refusal {
  readonly reservation: Reservation;
  readonly current: number;
  readonly retryAfterMs: number;
}

/** What one attempt has been charged. */
export class Charge {
  readonly #call: ModelCall;
  readonly #target: Target;
  readonly #held: HeldReservation;
  readonly #parts: readonly Part[];

  constructor(call: ModelCall, target: Target, { held, parts }: { held: HeldReservation; parts: readonly Part[] }) {
    this.#call = call;
    this.#target = target;
    this.#held = held;
    this.#parts = parts;
  }

  /** The first call counts. */
  settle(usage: Usage | undefined, isSent: boolean): void {
    const target = this.#target;
    const nanoUsd = (usage && this.#call.costOf(usage, target)) ?? 0;
    const used = { isSent, tokens: usage ? totalTokens(usage) : 0, nanoUsd };
    const { onFault } = this.#call.path.services;
    const actual = this.#held.settle(used, (error) => onFault((this.#parts[0] as Part).owner.instance, error));
    if (actual === undefined) return;
    let from = 0;
    for (const { owner, reservations } of this.#parts) {
      const own = actual.slice(from, from + reservations.length);
      from += reservations.length;
      guarded(this.#call, owner, () => owner.value.discharged?.(target, reservations, own));
    }
  }
}

/** Undefined where nothing is to be charged: the common case, which waits for nothing. */
export function charge(call: ModelCall, target: Target): Promise<Charge | Refusal | undefined> | undefined {
  const parts = partsOf(call, target);
  return parts.length === 0 ? undefined : reserve(call, target, parts);
}

function partsOf(call: ModelCall, target: Target): readonly Part[] {
  const { path } = call;
  const parts: Part[] = [];
  const ask = (owner: Held<Charging>, isGuard: boolean) => {
    const reservations = guarded(call, owner, () => owner.value.charge?.(call.facts, target), isGuard);
    if (reservations && reservations.length > 0) parts.push({ owner, isGuard, reservations });
  };
  for (const owner of path.chargers) ask(owner, true);
  for (const owner of selectorOf(call, call.group).chargers) ask(owner, false);
  return parts;
}

async function reserve(call: ModelCall, target: Target, parts: readonly Part[]): Promise<Charge | Refusal | undefined> {
  const { state } = call.path;
  const all = parts.flatMap(({ reservations }) => reservations);
  let result: ReserveResult;
  try {
    if (!state)
      throw new RutterError('ERR_PLUGIN_DOWN', 'Limits need a state service and none is part of this composition.');
    result = await answerOf('state', state.reserve(all), stateTimeoutMs);
    if (result.granted) {
      const held = new HeldReservation(state, result.id, all);
      tell(call, target, parts, result);
      return new Charge(call, target, { held, parts });
    }
  } catch (error) {
    tell(call, target, parts, undefined);
    call.path.services.onFault((parts[0] as Part).owner.instance, error);
    if (parts.some(({ isGuard }) => isGuard))
      throw RutterError.from(error, 'ERR_PLUGIN_DOWN', 'The limits of deployments cannot be read at present.');
    return undefined;
  }
  tell(call, target, parts, result);
  return { reservation: all[result.index] as Reservation, current: result.current, retryAfterMs: result.retryAfterMs };
}

/** Each plugin hears of its own part, counted from its own beginning. */
function tell(call: ModelCall, target: Target, parts: readonly Part[], result: ReserveResult | undefined): void {
  let from = 0;
  for (const { owner, reservations } of parts) {
    const own = result && partOf(result, from, reservations.length);
    from += reservations.length;
    guarded(call, owner, () => owner.value.charged?.(target, reservations, own));
  }
}

function partOf(result: ReserveResult, from: number, length: number): ReserveResult | undefined {
  if (result.granted) return { ...result, remaining: result.remaining.slice(from, from + length) };
  const index = result.index - from;
  return index >= 0 && index < length ? { ...result, index } : undefined;
}

/** A strategy that throws has no say; a guard that throws refuses. */
function guarded<T>(call: ModelCall, { instance }: Held<Charging>, run: () => T, mustNotFail = false): T | undefined {
  try {
    return run();
  } catch (error) {
    call.path.services.onFault(instance, error);
    if (mustNotFail) throw RutterError.from(error, 'ERR_PLUGIN_FAILED', `Guard ${instance.name} failed.`);
    return undefined;
  }
}

/** Nobody could be charged: says which limits are used up, and when the first of them opens again. */
export function allRefused(group: string, refusals: readonly Refusal[]): RutterError {
  const waitMs = Math.max(1000, Math.min(...refusals.map(({ retryAfterMs }) => retryAfterMs)));
  const seconds = Math.ceil(waitMs / 1000);
  const limits = refusals
    .slice(0, mostNamed)
    .map(({ reservation: { label, key, limit, measure, amount }, current }) => {
      const [used, most, wanted] = [current, limit, amount].map((value) => inUnit(value, measure));
      return `${label ?? key}: limit ${most}, used ${used}, needed ${wanted}`;
    });
  const more = refusals.length > mostNamed ? `; ${refusals.length - mostNamed} more` : '';
  return new RutterError(
    'ERR_ROUTE_NO_DEPLOYMENT',
    `No deployments available for selected model, Try again in ${seconds} seconds. Passed model=${group}. ${limits.join('; ')}${more}.`,
    { retryAfterMs: seconds * 1000 },
  );
}

const mostNamed = 8;

const inUnit = (value: number, measure: Reservation['measure']): string =>
  measure === 'nano-usd' ? `$${(value / 1e9).toFixed(9).replace(/\.?0+$/, '')}` : String(value);
