/** Keys of `router_settings`. */
import { caches, files, queue, sharedState } from './capabilities.ts';
import { honoured, type Key, type KeyBlock, kept } from './key.ts';

export const errorClasses = [
  'BadRequestError',
  'AuthenticationError',
  'TimeoutError',
  'RateLimitError',
  'ContentPolicyViolationError',
  'InternalServerError',
] as const;

const policyBlock = (suffix: string, doc: string): KeyBlock => ({
  doc,
  open: false,
  keys: Object.fromEntries(
    errorClasses.map((name) => [
      `${name}${suffix}`,
      honoured('integer', `For errors of class ${name}.`, { max: 10_000 }),
    ]),
  ),
});

export const retryPolicyBlock = policyBlock('Retries', 'Tries after the first, by class of error.');
export const allowedFailsPolicyBlock = policyBlock(
  'AllowedFails',
  'Failures borne before a deployment rests, by class of error.',
);

/** What `litellm_settings` may say too; the router block wins. */
export const sharedKeys: Readonly<Record<string, Key>> = {
  num_retries: honoured('integer', 'Tries after the first.', { default: '2', max: 100 }),
  allowed_fails: honoured('integer', 'Failures borne within the cooldown time before a deployment rests.'),
  cooldown_time: honoured('duration', 'How long a deployment rests.', { default: '5s' }),
  fallbacks: honoured('fallbacks', 'Groups to go on with, by the group that failed.'),
  context_window_fallbacks: honoured('fallbacks', 'The same for prompts that were too long.'),
  content_policy_fallbacks: honoured('fallbacks', "The same for refusals of a vendor's content policy."),
  default_fallbacks: honoured('targets', 'Groups to go on with when no list names the group.'),
};

export const routerBlock: KeyBlock = {
  doc: 'How deployments are chosen, and what happens when one fails.',
  open: false,
  keys: {
    routing_strategy: honoured('text', 'Strategy for every group that has no other.', { default: 'simple-shuffle' }),
    routing_strategy_args: kept('map', 'Options of the strategy.'),
    ...sharedKeys,
    retry_after: honoured('duration', 'Least wait between two tries.', { default: '0' }),
    timeout: honoured('duration', 'Longest wait for a whole call.', { default: '600s', min: 1 }),
    stream_timeout: honoured('duration', 'Longest wait for the first content of a stream.', { min: 1 }),
    allowed_fails_policy: honoured('block', 'Failures borne, by class of error.', { block: 'allowed_fails_policy' }),
    disable_cooldowns: honoured('boolean', 'No deployment ever rests.', { default: 'false' }),
    max_fallbacks: honoured('integer', 'Most groups tried after the first.', { default: '5', max: 100 }),
    model_group_alias: honoured(
      'aliases',
      'Other names of groups: `name: group`, or `name: {model: group, hidden: true}`.',
    ),
    model_group_lists: honoured(
      'group-lists',
      'Names that stand for several groups, among all of whose deployments is chosen: `smart: [gpt, claude]`, `cheap: ["mini-*"]`. `auto` stands for all that the caller may use unless something else has that name.',
    ),
    retry_policy: honoured('block', 'Tries after the first, by class of error.', { block: 'retry_policy' }),
    model_group_retry_policy: honoured('block-map', 'Retry policies, by group.', { block: 'retry_policy' }),
    enable_tag_filtering: honoured('boolean', 'Requests with tags go to deployments with them.', { default: 'false' }),
    tag_filtering_match_any: honoured('boolean', 'One tag in common is enough.', { default: 'true' }),
    enable_pre_call_checks: honoured('boolean', 'Leave out deployments whose context is too short for the prompt.', {
      default: 'false',
    }),
    default_max_parallel_requests: honoured('integer', 'Most calls at once of a deployment that names no number.'),
    optional_pre_call_checks: kept(
      'list',
      'Further rules ahead of a call: `router_budget_limiting`, `enforce_model_rate_limits`, `deployment_affinity`, `session_affinity`, `prompt_caching`.',
    ),
    provider_budget_config: kept('map', 'Budgets, by provider: `openai: {budget_limit: 10, time_period: 1d}`.'),
    caching_groups: caches('list', 'Groups that share cached replies.'),
    cache_responses: caches('boolean', 'Keep replies.'),
    cache_kwargs: caches('map', 'Options of the cache.'),
    default_litellm_params: honoured('map', 'Parameters of every deployment that does not say them itself.'),
    enable_health_check_routing: honoured(
      'boolean',
      'Leave out deployments that failed the last background health check, while others of the group passed.',
      { default: 'false' },
    ),
    routing_groups: kept(
      'list',
      'Strategies of some model groups: `{group_name: quick, models: [chat], routing_strategy: latency-based-routing, routing_strategy_args: {ttl: 60}}`.',
    ),
    experiments: kept(
      'list',
      'Strategies compared on shares of the requests, or beside them: `{experiment: learnt, models: [chat], variants: [{variant: usual, weight: 90}, {variant: learnt, weight: 10, routing_strategy: rutter-auto}], shadows: [{routing_strategy: llmrouter-knn}], key: [user, key], salt: any, guard: {min_marks: 50}}`.',
    ),
    redis_host: sharedState('text', 'Server of shared counters.'),
    redis_port: sharedState('any', 'Its port.'),
    redis_password: sharedState('secret', 'Its password.'),
    redis_url: sharedState('secret', 'Its address.'),
    redis_db: sharedState('integer', 'Its database.'),
    assistants_config: files('map', 'Provider of assistants.'),
    polling_interval: queue('number', 'Pause between two looks into the queue.'),
    default_priority: queue('integer', 'Place in the queue.'),
    debug_level: kept('text', 'Has no meaning here.'),
    set_verbose: kept('boolean', 'Has no meaning here.'),
    ignore_invalid_deployments: kept('boolean', 'Has no meaning here: a bad deployment is always skipped.'),
  },
};
