/** What `router_settings` and `litellm_settings` say of routing; the router block wins. */
import type { ErrorClass } from '@rutter/plugin-sdk';
import type { ReadBlock } from './block-reader.ts';
import { errorClasses } from './keys/router-keys.ts';
import { guessesIn, nearestName, suggestion } from './nearest.ts';
import type { Report } from './report.ts';
import { describeName } from './secrets.ts';
import type { PluginEntry, RouterSettings } from './types.ts';

type Policy = Readonly<Partial<Record<ErrorClass, number>>>;

const defaultStrategy = 'simple-shuffle';
/** Strategies a LiteLLM file may name; where one is not installed, the file still runs. */
const litellmStrategies = [
  'simple-shuffle',
  'least-busy',
  'latency-based-routing',
  'usage-based-routing',
  'usage-based-routing-v2',
  'cost-based-routing',
];

export interface StrategyNames {
  /** Undefined leaves the name unchecked. */
  readonly known: readonly string[] | undefined;
  readonly plugins: readonly PluginEntry[];
  readonly report: Report;
}

export function routerSettings(
  router: ReadBlock | undefined,
  litellm: ReadBlock | undefined,
  names: StrategyNames,
): RouterSettings {
  const own = <T>(name: string): T | undefined => router?.values.get(name) as T | undefined;
  const either = <T>(name: string): T | undefined => own<T>(name) ?? (litellm?.values.get(name) as T | undefined);
  return {
    routingStrategy: strategyOf(router, names),
    routingStrategyArgs: own('routing_strategy_args') ?? {},
    numRetries: either('num_retries') ?? 2,
    retryAfterMs: own('retry_after') ?? 0,
    timeoutMs: own<number>('timeout') ?? (litellm?.values.get('request_timeout') as number | undefined) ?? 600_000,
    streamTimeoutMs: own('stream_timeout'),
    allowedFails: either('allowed_fails'),
    allowedFailsPolicy: policyOf(own('allowed_fails_policy'), 'AllowedFails'),
    cooldownMs: either('cooldown_time') ?? 5_000,
    disableCooldowns: own('disable_cooldowns') ?? false,
    maxFallbacks: own('max_fallbacks') ?? 5,
    fallbacks: either('fallbacks'),
    contextWindowFallbacks: either('context_window_fallbacks'),
    contentPolicyFallbacks: either('content_policy_fallbacks'),
    defaultFallbacks: either('default_fallbacks'),
    modelGroupLists: own('model_group_lists') ?? new Map(),
    modelGroupAlias: own('model_group_alias') ?? new Map(),
    retryPolicy: policyOf(own('retry_policy'), 'Retries'),
    modelGroupRetryPolicy: policiesOf(own('model_group_retry_policy')),
    enableTagFiltering: own('enable_tag_filtering') ?? false,
    tagFilteringMatchAny: own('tag_filtering_match_any') ?? true,
    enablePreCallChecks: own('enable_pre_call_checks') ?? false,
    defaultMaxParallelRequests: own('default_max_parallel_requests'),
    enableHealthCheckRouting: own('enable_health_check_routing') ?? false,
  };
}

function policyOf(block: ReadBlock | undefined, suffix: string): Policy | undefined {
  if (block === undefined) return undefined;
  const policy: Partial<Record<ErrorClass, number>> = {};
  for (const name of errorClasses) {
    const value = block.values.get(name + suffix);
    if (typeof value === 'number') policy[name] = value;
  }
  return policy;
}

function policiesOf(blocks: ReadonlyMap<string, ReadBlock> | undefined): ReadonlyMap<string, Policy> {
  return new Map([...(blocks ?? [])].map(([group, block]) => [group, policyOf(block, 'Retries') ?? {}]));
}

/** A strategy of LiteLLM's that is not installed gives way to the default; any other unknown name is a mistake. */
function strategyOf(router: ReadBlock | undefined, { known, plugins, report }: StrategyNames): string {
  const name = router?.values.get('routing_strategy');
  const tree = router?.tree.entries.get('routing_strategy')?.value;
  if (typeof name !== 'string' || tree === undefined || router === undefined) return defaultStrategy;
  const instances = plugins.flatMap(({ as, use }) => [as, use]);
  if (known === undefined || known.includes(name) || instances.includes(name)) return name;
  const isLitellm = litellmStrategies.includes(name);
  const nearest = nearestName(name, [...known, ...instances], guessesIn(name));
  report.refuse(isLitellm ? 'warning' : 'error', [...router.path, 'routing_strategy'], {
    tree,
    message: isLitellm
      ? `The strategy "${describeName(name)}" is not installed; ${defaultStrategy} takes its place.`
      : `No strategy of this name is installed.${suggestion(nearest)}`,
    expected: known.length === 0 ? 'an installed strategy' : `one of ${known.slice(0, 20).join(', ')}`,
  });
  return isLitellm ? defaultStrategy : name;
}
