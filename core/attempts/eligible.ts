/**
 * Which deployments of a group may be tried now: healthy, with room, matching
 * the request's tags, let through by guards, of the lowest order left.
 */
import { RutterError } from '@rutter/plugin-sdk';
import type { ModelCall } from '../pipeline/model-call.ts';
import type { Group, Target } from '../pipeline/models.ts';

export interface Eligibility {
  readonly targets: readonly Target[];
  /** Deployments not cooling down, whatever else excludes them. */
  readonly healthy: number;
}

/** Throws ERR_ROUTE_NO_DEPLOYMENT or ERR_ROUTE_NO_MATCHING_TAGS when nothing is left. */
export function eligible(call: ModelCall, group: Group, ignoreCooldown: boolean): Eligibility {
  const { targets } = group;
  const { cooldowns, configuration, filters } = call.path;
  const only = targets.length === 1 ? targets[0] : undefined;
  // The common case: one deployment, nothing that could exclude it.
  if (only && filters.length === 0 && !configuration.router.enableTagFiltering && hasRoom(call, only) && (ignoreCooldown || !cooldowns.isCooling(only))) return { targets, healthy: 1 };
  const healthy = ignoreCooldown ? targets : targets.filter((target) => !cooldowns.isCooling(target));
  let left: readonly Target[] = healthy.filter((target) => hasRoom(call, target));
  if (configuration.router.enablePreCallChecks) left = withinLimits(call, left);
  if (configuration.router.enableTagFiltering) left = byTags(call, group, left);
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
  left = lowestOrder(left);
  if (left.length === 0) throw noDeployment(call, group);
  return { targets: left, healthy: healthy.length };
}

function hasRoom(call: ModelCall, target: Target): boolean {
  const most = target.settings.maxParallelRequests ?? call.path.configuration.router.defaultMaxParallelRequests;
  return most === undefined || target.live.inFlight < most;
}

/** Opt-in pre-call check: a deployment whose requests for this minute are used up is not tried. */
function withinLimits(call: ModelCall, targets: readonly Target[]): Target[] {
  return targets.filter((target) => {
    const { rpm } = target.deployment;
    if (rpm !== undefined && target.live.requestsThisMinute >= rpm) return false;
    const most = target.deployment.info.max_input_tokens;
    return typeof most !== 'number' || call.text().length / 4 <= most;
  });
}

function lowestOrder(targets: readonly Target[]): readonly Target[] {
  let lowest = Number.POSITIVE_INFINITY;
  let isMixed = false;
  for (const { deployment } of targets) {
    const order = deployment.order ?? Number.POSITIVE_INFINITY;
    if (order !== lowest && lowest !== Number.POSITIVE_INFINITY) isMixed = true;
    if (order < lowest) lowest = order;
  }
  if (lowest === Number.POSITIVE_INFINITY) return targets;
  return isMixed || targets.some(({ deployment }) => deployment.order === undefined) ? targets.filter(({ deployment }) => deployment.order === lowest) : targets;
}

/** Any (or all) of the request's tags, then the User-Agent against `tag_regex`, then `default`, then everything without a default. */
function byTags(call: ModelCall, group: Group, targets: readonly Target[]): readonly Target[] {
  const asked = call.facts.tags;
  const matchAny = call.path.configuration.router.tagFilteringMatchAny;
  const defaults = targets.filter(({ deployment }) => deployment.tags.includes('default'));
  if (asked.length > 0) {
    const matching = targets.filter(({ deployment }) => (matchAny ? asked.some((tag) => deployment.tags.includes(tag)) : asked.every((tag) => deployment.tags.includes(tag))));
    if (matching.length > 0) return matching;
    const matchesElsewhere = group.targets.some(({ deployment }) => asked.some((tag) => deployment.tags.includes(tag)));
    if (defaults.length > 0 && !matchesElsewhere) return defaults;
    if (matchesElsewhere) return [];
    throw new RutterError('ERR_ROUTE_NO_MATCHING_TAGS', `No deployment of ${group.name} carries tag ${asked.join(', ')}; expected one of ${[...new Set(group.targets.flatMap(({ deployment }) => deployment.tags))].join(', ') || 'no tags at all'}.`);
  }
  const agent = call.facts.rawHeader('user-agent') ?? '';
  const byAgent = targets.filter(({ tagPatterns }) => tagPatterns.some((pattern) => pattern.test(agent)));
  if (byAgent.length > 0) return byAgent;
  return defaults.length > 0 ? defaults : targets;
}

function noDeployment(call: ModelCall, group: Group): RutterError {
  const now = call.path.services.now();
  const soonest = Math.min(...group.targets.map(({ live }) => (live.cooledUntil > now ? live.cooledUntil : now + 1000)));
  const seconds = Math.max(1, Math.ceil((soonest - now) / 1000));
  return new RutterError('ERR_ROUTE_NO_DEPLOYMENT', `No deployments available for selected model, Try again in ${seconds} seconds. Passed model=${group.name}. ${group.targets.length} configured, none free and healthy.`, {
    retryAfterMs: seconds * 1000,
  });
}
