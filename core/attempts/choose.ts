/**
 * Whom of the eligible to call: the strategies rank, and the limits of
 * whoever comes first are charged; refused, the next best is chosen.
 */
import { type Decision, RutterError } from '@rutter/plugin-sdk';
import { Decided, type DecidedInit, mostDecisions } from '../pipeline/decided.ts';
import { exposureOf, selectorOf } from '../pipeline/experiments.ts';
import type { Selector } from '../pipeline/hooks.ts';
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Group, Target } from '../pipeline/models.ts';
import { fallsBack } from '../pipeline/routing.ts';
import { askShadows } from '../pipeline/shadow-decisions.ts';
import { allRefused, Charge, charge, type Refusal } from './charges.ts';
import { type EligibleOptions, eligible, orderOf } from './eligible.ts';

export interface Choice {
  readonly target: Target;
  readonly charge: Charge | undefined;
}

/** What a strategy has chosen itself, best first; equals in one tie. */
export interface Chosen {
  readonly ties: readonly (readonly Target[])[];
  /** Position of the first strategy that may break a tie. */
  readonly from: number;
}

export interface Choosing {
  /** How the candidates were asked for. */
  readonly asking: EligibleOptions;
  readonly targets: readonly Target[];
  /** Have failed in this request: they come after those that have not. */
  readonly tried: ReadonlySet<Target> | undefined;
  /** Candidates an inner call chose itself; selection is left out. */
  readonly among: Chosen | undefined;
}

/** Whom to call, its limits charged. A promise only where features are prepared or limits charged. */
export function chosen(call: ModelCall, group: Group, choosing: Choosing): Choice | Promise<Choice> {
  const target = choose(call, group, choosing);
  if (target instanceof Promise) return target.then((found) => charged(call, group, choosing, found));
  return charged(call, group, choosing, target);
}

function charged(call: ModelCall, group: Group, choosing: Choosing, target: Target): Choice | Promise<Choice> {
  const charging = charge(call, target);
  return charging === undefined
    ? { target, charge: undefined }
    : withinLimits(call, group, choosing, { target, charging });
}

/** One more call of the same deployment within the same try is charged as any other. */
export async function chargedAgain(call: ModelCall, target: Target): Promise<Charge | undefined> {
  const answer = await charge(call, target);
  if (answer === undefined || answer instanceof Charge) return answer;
  throw allRefused(call.group, [answer]);
}

/** Goes on to the next best while the limits of whoever is chosen refuse. */
async function withinLimits(
  call: ModelCall,
  group: Group,
  choosing: Choosing,
  first: { readonly target: Target; readonly charging: NonNullable<ReturnType<typeof charge>> },
): Promise<Choice> {
  const refusals: Refusal[] = [];
  let left = choosing.targets;
  let { target } = first;
  let charging: ReturnType<typeof charge> = first.charging;
  for (;;) {
    const answer = await charging;
    if (answer === undefined || answer instanceof Charge) return { target, charge: answer };
    refusals.push(answer);
    const refused = target;
    left = left.filter((one) => one !== refused);
    const { among, asking } = choosing;
    if (left.length === 0) left = higherOrder(call, group, { ...asking, aboveOrder: orderOf(refused) });
    if (left.length === 0 || among?.ties.every((tie) => tie.every((one) => !left.includes(one))))
      throw allRefused(group.name, refusals);
    target = await choose(call, group, { ...choosing, targets: left });
    charging = charge(call, target);
  }
}

/** Deployments of the next order stand by for those whose limits are used up, as for those that have failed. */
function higherOrder(call: ModelCall, group: Group, asking: EligibleOptions): readonly Target[] {
  if (!fallsBack(call)) return [];
  try {
    return eligible(call, group, asking);
  } catch {
    return [];
  }
}

/** Who would be chosen of these; no limit is charged. */
export async function chooseOnly(call: ModelCall, group: Group, targets: readonly Target[]): Promise<Decision> {
  await choose(call, group, { asking: {}, targets, tried: undefined, among: undefined });
  return (call.decided as Decided).record();
}

/** A promise only where a strategy prepares features, or answers from the sandbox. */
function choose(call: ModelCall, group: Group, { targets, tried, among }: Choosing): Target | Promise<Target> {
  const startedAt = performance.now();
  const allowed = among ? among.ties.flat().filter((target) => targets.includes(target)) : targets;
  if (allowed.length === 0)
    throw new RutterError(
      'ERR_ROUTE_NO_DEPLOYMENT',
      `None of the chosen candidates of ${group.name} is free and healthy.`,
    );
  const fresh = tried ? allowed.filter((target) => !tried.has(target)) : allowed;
  const open = fresh.length > 0 ? fresh : allowed;
  const selector = selectorOf(call, group.name);
  if (among) return ofTie(call, group, { selector, open, among, startedAt });
  return given(call, group, decide(call, { selector, open, startedAt }));
}

const given = (call: ModelCall, group: Group, deciding: Deciding | Promise<Deciding>): Target | Promise<Target> =>
  deciding instanceof Promise ? deciding.then((made) => first(call, group, made)) : first(call, group, deciding);

interface Asking {
  readonly selector: Selector;
  readonly open: readonly Target[];
  /** The strategy to begin with; the first when absent. */
  readonly from?: number;
  /** Of `performance.now()`. */
  readonly startedAt: number;
}

/** The strategies behind the one that chose break its ties. */
function ofTie(
  call: ModelCall,
  group: Group,
  { among: { ties, from }, ...asking }: Asking & { readonly among: Chosen },
): Target | Promise<Target> {
  const { open, startedAt } = asking;
  const tie = ties.map((one) => one.filter((target) => open.includes(target))).find((one) => one.length > 0) ?? open;
  if (tie.length > 1) return given(call, group, decide(call, { ...asking, open: tie, from }));
  const selection = { ranking: tie, reason: 'chosen by the strategy itself', by: [] };
  return first(call, group, { open, selection, strategies: [], reviewers: [], startedAt, preparedAt: startedAt });
}

interface Deciding extends Pick<DecidedInit, 'selection' | 'strategies' | 'reviewers' | 'startedAt' | 'preparedAt'> {
  readonly open: readonly Target[];
}

/** Asks the strategies; a promise only where one prepares features, or answers from the sandbox. */
function decide(call: ModelCall, asking: Asking): Deciding | Promise<Deciding> {
  const { selector, open, from = 0, startedAt } = asking;
  if (open.length > 1 && (selector.isAhead || selector.preparers.length > 0)) return decideLater(call, asking);
  const selection = selector.select(call.facts, open, from);
  const { reviewers } = selector;
  return { open, selection, strategies: asked(selector, from), reviewers, startedAt, preparedAt: startedAt };
}

const asked = ({ strategies }: Selector, from: number) => (from === 0 ? strategies : strategies.slice(from));

async function decideLater(call: ModelCall, { selector, open, from = 0, startedAt }: Asking): Promise<Deciding> {
  for (const instance of selector.preparers) await prepared(call, instance);
  const preparedAt = performance.now();
  const answer = selector.isAhead
    ? selector.selectAhead(call.facts, open, from)
    : selector.select(call.facts, open, from);
  const { reviewers } = selector;
  return { open, selection: await answer, strategies: asked(selector, from), reviewers, startedAt, preparedAt };
}

function first(call: ModelCall, group: Group, { open, ...deciding }: Deciding): Target {
  const { facts, path, decisions } = call;
  const decided = new Decided({
    ...deciding,
    ...{ group: group.name, facts, exposure: exposureOf(call, group.name), onFault: path.services.onFault },
  });
  call.decided = decided;
  call.route = decided.reason;
  if (decisions.length === 0 && path.experiments.length > 0 && open.length > 1 && !call.isDryRun)
    askShadows(call, group.name, open, decided);
  if (decisions.length < mostDecisions) decisions.push(decided);
  return decided.ranking[0] as Target;
}

async function prepared(
  call: ModelCall,
  instance: Parameters<ModelCall['path']['services']['onFault']>[0],
): Promise<void> {
  try {
    await (instance.value as { prepare?(context: unknown): unknown }).prepare?.(call.facts);
  } catch (error) {
    call.path.services.onFault(instance, error);
  }
}
