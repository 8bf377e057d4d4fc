/**
 * Which deployments of a group may be tried now: healthy, with room, matching
 * the request's tags, let through by guards, of the lowest order left.
 */
import { RutterError } from '@rutter/plugin-sdk';
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Group, Target } from '../pipeline/models.ts';
import { mayBring, refuseBrought } from './brought.ts';
import { capable } from './capable.ts';
import { isSpent, passesChecks } from './pre-call-checks.ts';

const minuteMs = 60_000;

export interface EligibleOptions {
  /** A deployment named by its id is tried even while it cools down. */
  readonly isDeployment?: boolean;
  /** Only deployments of a higher order than this: the lower ones have failed. */
  readonly aboveOrder?: number | undefined;
}

/** Throws ERR_ROUTE_NO_DEPLOYMENT, ERR_ROUTE_NO_MATCHING_TAGS or ERR_PROVIDER_CONTEXT_WINDOW when nothing is left. */
export function eligible(
  call: ModelCall,
  group: Group,
  { isDeployment = false, aboveOrder }: EligibleOptions = {},
): readonly Target[] {
  const { targets } = group;
  const { cooldowns, configuration, filters } = call.path;
  const { enablePreCallChecks, enableTagFiltering, enableHealthCheckRouting } = configuration.router;
  const only = targets.length === 1 ? targets[0] : undefined;
  // The common case: one deployment, nothing that could exclude it.
  if (
    only &&
    !group.groups &&
    filters.length === 0 &&
    !enableTagFiltering &&
    !enablePreCallChecks &&
    aboveOrder === undefined &&
    call.brought.size === 0 &&
    hasRoom(call, only) &&
    (isDeployment || !cooldowns.isCooling(only))
  )
    return targets;
  const healthy = isDeployment ? targets : targets.filter((target) => !cooldowns.isCooling(target));
  let left: readonly Target[] = healthy.filter(
    (target) => hasRoom(call, target) && (aboveOrder === undefined || orderOf(target) > aboveOrder),
  );
  if (enablePreCallChecks) left = passesChecks(call, group, left);
  if (enableTagFiltering) left = byTags(call, group, left);
  for (const { instance, value } of filters) {
    try {
      const kept = value.filter?.(call.facts, left);
      if (kept) left = left.filter((target) => kept.includes(target));
    } catch (error) {
      // A guard that cannot decide must not let anything through by failing.
      call.path.services.onFault(instance, error);
      throw RutterError.from(error, 'ERR_PLUGIN_FAILED', `Guard ${instance.name} failed.`);
    }
  }
  left = group.groups ? lowestOfEach(capable(call, group, left)) : lowestOrder(left);
  if (left.length === 0) throw noDeployment(call, group);
  if (call.brought.size > 0) {
    left = left.filter((target) => mayBring(target, call.brought));
    if (left.length === 0) throw refuseBrought(call.brought, targets);
  }
  return enableHealthCheckRouting ? passedChecks(call, left) : left;
}

/** Asks guards that cannot filter at once about the whole group, each once for it. */
export async function filterAhead(call: ModelCall, group: Group): Promise<void> {
  for (const { instance, value } of call.path.filtersAhead) {
    try {
      await value.filterAhead?.(call.facts, group.targets);
    } catch (error) {
      call.path.services.onFault(instance, error);
      throw RutterError.from(error, 'ERR_PLUGIN_FAILED', `Guard ${instance.name} failed.`);
    }
  }
}

/** Without those that failed the last health check, unless all have: a check may be wrong. */
function passedChecks(call: ModelCall, targets: readonly Target[]): readonly Target[] {
  const { health } = call.path.services;
  const passed = targets.filter(({ settings }) => !health.hasFailed(settings.id));
  return passed.length === 0 ? targets : passed;
}

function hasRoom(call: ModelCall, target: Target): boolean {
  const most = target.settings.maxParallelRequests ?? call.path.configuration.router.defaultMaxParallelRequests;
  return most === undefined || target.live.inFlight < most;
}

/** Deployments without an order come after all that have one. */
export const orderOf = ({ deployment }: Target): number => deployment.order ?? Number.MAX_SAFE_INTEGER;

/** Orders are those of one group: each has its own lowest one. */
const lowestOfEach = (targets: readonly Target[]): readonly Target[] => {
  const kept = new Set([...Map.groupBy(targets, ({ deployment }) => deployment.group).values()].flatMap(lowestOrder));
  return targets.filter((target) => kept.has(target));
};

function lowestOrder(targets: readonly Target[]): readonly Target[] {
  let lowest = Number.POSITIVE_INFINITY;
  let isMixed = false;
  for (const target of targets) {
    const order = orderOf(target);
    if (order !== lowest && lowest !== Number.POSITIVE_INFINITY) isMixed = true;
    if (order < lowest) lowest = order;
  }
  return isMixed ? targets.filter((target) => orderOf(target) === lowest) : targets;
}

/**
 * Any (or all) of the request's tags, then the User-Agent against `tag_regex`,
 * then `default`; then, for a request without tags, everything. Whoever is
 * meant but rests is waited for: nobody else's deployment stands in.
 */
function byTags(call: ModelCall, group: Group, targets: readonly Target[]): readonly Target[] {
  const asked = call.facts.tags;
  const matchAny = call.path.configuration.router.tagFilteringMatchAny;
  const isAsked = ({ deployment: { tags } }: Target) =>
    asked.length > 0 && (matchAny ? asked.some((tag) => tags.includes(tag)) : asked.every((tag) => tags.includes(tag)));
  const matching = targets.filter(isAsked);
  if (matching.length > 0) return matching;
  // LiteLLM's patterns begin with the header's name; ones over the value alone are understood too.
  const agent = call.facts.rawHeader('user-agent') ?? '';
  const byAgent = targets.filter(({ tagPatterns }) =>
    tagPatterns.some((pattern) => pattern.test(`User-Agent: ${agent}`) || pattern.test(agent)),
  );
  if (byAgent.length > 0) return byAgent;
  const defaults = targets.filter(isDefault);
  if (defaults.length > 0) return defaults;
  const meant = group.targets.filter((target) => isAsked(target) || isDefault(target));
  if (meant.length > 0) throw noDeployment(call, group, meant);
  if (asked.length === 0) return targets;
  throw new RutterError(
    'ERR_ROUTE_NO_MATCHING_TAGS',
    `No deployment of ${group.name} carries tag ${asked.join(', ')}; expected one of ${[...new Set(group.targets.flatMap(({ deployment }) => deployment.tags))].join(', ') || 'no tags at all'}.`,
  );
}

const isDefault = ({ deployment }: Target) => deployment.tags.includes('default');

function noDeployment(call: ModelCall, group: Group, meant = group.targets): RutterError {
  const now = call.path.services.now();
  const minuteEnd = (Math.floor(now / minuteMs) + 1) * minuteMs;
  const freeAt = (target: Target) =>
    target.live.cooledUntil > now
      ? target.live.cooledUntil
      : call.path.configuration.router.enablePreCallChecks && isSpent(target)
        ? minuteEnd
        : now + 1000;
  const seconds = Math.max(1, Math.ceil((Math.min(...meant.map(freeAt)) - now) / 1000));
  return new RutterError(
    'ERR_ROUTE_NO_DEPLOYMENT',
    `No deployments available for selected model, Try again in ${seconds} seconds. Passed model=${group.name}. ${group.targets.length} configured, none free and healthy.`,
    {
      retryAfterMs: seconds * 1000,
    },
  );
}
