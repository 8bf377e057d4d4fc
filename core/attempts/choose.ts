/**
 * Whom of the eligible to call: the strategies rank, and the limits of
 * whoever comes first are charged; refused, the next best is chosen.
 */
import { RutterError } from '@rutter/plugin-sdk';
import type { Selection, Selector } from '../pipeline/hooks.ts';
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Group, Target } from '../pipeline/models.ts';
import { fallsBack } from '../pipeline/routing.ts';
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

/** A promise only where a strategy prepares features, or answers from the sandbox. */
function choose(call: ModelCall, group: Group, { targets, tried, among }: Choosing): Target | Promise<Target> {
  const allowed = among ? among.ties.flat().filter((target) => targets.includes(target)) : targets;
  if (allowed.length === 0)
    throw new RutterError(
      'ERR_ROUTE_NO_DEPLOYMENT',
      `None of the chosen candidates of ${group.name} is free and healthy.`,
    );
  const fresh = tried ? allowed.filter((target) => !tried.has(target)) : allowed;
  const open = fresh.length > 0 ? fresh : allowed;
  const selector = call.path.selector(group);
  if (among) return ofTie(call, selector, { open, among });
  if (open.length > 1 && (selector.isAhead || selector.preparers.length > 0)) return selectLater(call, selector, open);
  return first(call, selector.select(call.facts, open));
}

/** The strategies behind the one that chose break its ties. */
function ofTie(
  call: ModelCall,
  selector: Selector,
  { open, among: { ties, from } }: { readonly open: readonly Target[]; readonly among: Chosen },
): Target | Promise<Target> {
  const tie = ties.map((one) => one.filter((target) => open.includes(target))).find((one) => one.length > 0) ?? open;
  if (tie.length > 1) {
    if (selector.isAhead || selector.preparers.length > 0) return selectLater(call, selector, tie, from);
    return first(call, selector.select(call.facts, tie, from));
  }
  call.route = 'chosen by the strategy itself';
  return tie[0] as Target;
}

function first(call: ModelCall, { ranking, reason }: Selection): Target {
  call.route = reason;
  return ranking[0] as Target;
}

async function selectLater(call: ModelCall, selector: Selector, open: readonly Target[], from = 0): Promise<Target> {
  for (const instance of selector.preparers) await prepared(call, instance);
  const asked = selector.isAhead
    ? selector.selectAhead(call.facts, open, from)
    : selector.select(call.facts, open, from);
  return first(call, await asked);
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
