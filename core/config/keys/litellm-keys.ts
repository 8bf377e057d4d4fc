/** Keys of `litellm_settings`. */
import { budgets, caches, callbacks, guardrails, virtualKeys } from './capabilities.ts';
import { honoured, type KeyBlock, kept } from './key.ts';
import { sharedKeys } from './router-keys.ts';

export const cacheBlock: KeyBlock = {
  doc: 'The cache of replies. Keys that are not listed belong to its kind.',
  open: true,
  keys: {
    type: kept(
      'text',
      'Kind of cache: local, redis, redis-semantic, qdrant-semantic, valkey-semantic, s3, gcs, azure-blob or disk.',
    ),
    ttl: kept('number', 'Seconds a reply is kept.', { min: 0 }),
    namespace: kept('text', 'Put before each key.'),
    mode: kept('text', 'Whether requests use it unless they say otherwise.', {
      choices: ['default_on', 'default_off'],
    }),
    supported_call_types: kept('texts', 'Operations that are cached.'),
    similarity_threshold: kept('number', 'How alike two prompts must be.', { min: 0, max: 1 }),
    host: kept('text', 'Server.'),
    port: kept('any', 'Its port.'),
    password: kept('secret', 'Its password.'),
    url: kept('secret', 'Its address.'),
  },
};

export const litellmBlock: KeyBlock = {
  doc: 'What applies to every call. What `router_settings` says too, it says louder.',
  open: false,
  keys: {
    ...sharedKeys,
    request_timeout: honoured('duration', 'Longest wait for a whole call, when `router_settings.timeout` is not set.', {
      min: 1,
    }),
    drop_params: honoured('boolean', 'Leave out what a vendor does not support, instead of refusing it.', {
      default: 'false',
    }),
    modify_params: honoured('boolean', 'Mend requests that a vendor would refuse.', { default: 'false' }),
    additional_drop_params: honoured('texts', 'Parameters always left out.'),
    turn_off_message_logging: kept('boolean', 'Keep messages out of logs: always so.'),
    redact_user_api_key_info: kept('boolean', 'Keep keys out of logs: always so.'),
    json_logs: kept('boolean', 'Logs as JSON: always so.'),
    set_verbose: kept('boolean', 'Has no meaning here.'),
    suppress_debug_info: kept('boolean', 'Has no meaning here.'),
    telemetry: kept('boolean', 'Has no meaning here: nothing is ever sent.'),
    model_alias_map: honoured('aliases', 'Other names of models, looked up before all others.'),
    callbacks: callbacks('text-or-texts', 'Observers and guards.'),
    success_callback: callbacks('text-or-texts', 'Observers of what went well.'),
    failure_callback: callbacks('text-or-texts', 'Observers of what failed.'),
    service_callbacks: callbacks('text-or-texts', 'Observers of servers in use.'),
    service_callback: callbacks('text-or-texts', 'Observers of servers in use.'),
    audit_log_callbacks: callbacks('text-or-texts', 'Observers of administration.'),
    callback_settings: callbacks('map', 'Options of observers.'),
    cache: caches('boolean', 'Keep replies and give them again.'),
    cache_params: caches('block', 'Options of the cache.', { block: 'cache_params' }),
    max_budget: budgets('number', 'Most dollars of the whole gateway within `budget_duration`.', { min: 0 }),
    budget_duration: budgets('text', 'Window of `max_budget`.'),
    max_internal_user_budget: budgets('number', 'Budget of each user.', { min: 0 }),
    internal_user_budget_duration: budgets('text', 'Window of it.'),
    max_end_user_budget: budgets('number', 'Budget of each end user.', { min: 0 }),
    max_end_user_budget_id: budgets('text', 'Budget of each end user, by id.'),
    default_internal_user_params: virtualKeys('map', 'What a new user gets.'),
    default_team_settings: virtualKeys('list', 'What each team gets.'),
    default_team_params: virtualKeys('map', 'What a new team gets.'),
    default_key_generate_params: virtualKeys('map', 'What a new key gets.'),
    upperbound_key_generate_params: virtualKeys('map', 'Most a new key may get.'),
    key_generation_settings: virtualKeys('map', 'Who may make keys.'),
    enable_json_schema_validation: honoured(
      'boolean',
      'Check every reply against the JSON Schema that was asked for; a stream is held back until it has been.',
      { default: 'false' },
    ),
    ssl_verify: honoured(
      'any',
      'Whether certificates of vendors are checked, or the path of a file with the authorities to check them by. SSL_VERIFY when absent.',
      { default: 'true' },
    ),
    ssl_certificate: honoured(
      'text',
      'File with the certificate and key shown to vendors. SSL_CERTIFICATE when absent.',
    ),
    force_ipv4: honoured('boolean', 'Call vendors by IPv4 only.', { default: 'false' }),
    tag_budget_config: kept('map', 'Budgets, by tag: `marketing: {max_budget: 10, budget_duration: 30d}`.'),
    cost_discount_config: honoured('discounts', 'Discounts by provider, as shares: 0.05 takes off five hundredths.'),
    cost_margin_config: honoured(
      'margins',
      'Margins by provider, put on after the discount: a share, or `percentage` (a share too) and `fixed_amount` in dollars a call. `global` is for providers without one.',
    ),
    timezone: budgets('text', 'Whose midnight opens budgets again.'),
    default_max_internal_user_budget: budgets('number', 'Budget of each user.', { min: 0 }),
    public_model_groups: virtualKeys('texts', 'Groups shown to everybody.'),
    disable_end_user_cost_tracking: budgets('boolean', 'Keep no sums of end users.'),
    forward_traceparent_to_llm_provider: honoured('boolean', 'Pass the trace on to vendors.', { default: 'true' }),
    return_response_headers: kept('boolean', 'Show headers of vendors: always so, as `llm_provider-…`.'),
    guardrails: guardrails('any', 'Guards, in an older form.'),
    langfuse_default_tags: callbacks('texts', 'Tags of traces.'),
    s3_callback_params: callbacks('map', 'Options of an observer.'),
  },
};
