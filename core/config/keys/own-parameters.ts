/**
 * Settings of LiteLLM's own that may stand on a deployment beside the documented ones. Each is named here so that
 * none is taken for a field of a request and sent to a vendor, and so that one without effect is told of.
 */
import {
  caches,
  callbacks,
  guardrails,
  learnedRouting,
  media,
  oneDeployment,
  prompts,
  search,
  translation,
  vectorStores,
  virtualKeys,
} from './capabilities.ts';
import { type Key, type KeyBlock, kept } from './key.ts';

const variables =
  /^((use_)?litellm_[a-z0-9_]+|mock_testing_[a-z_]+|a(completion|img_generation|text_completion)|text_completion|azure|call_id|client|complete_response|db_model|fallback_depth|force_timeout|id|log_delegator|logger_fn|model_(config|file_id_mapping|info|list)|(preset_)?cache_key|proxy_server_request|secret_fields|self|set_verbose|shared_session|turn_off_message_logging|use_client|verbose|disable_add_transform_inline_image_block|(created|updated)_(at|by))$/;
const callbackNames =
  'langfuse|langsmith|humanloop|arize|phoenix|posthog|wandb|weave|lunary|braintrust|opik|datadog|dd|slack|helicone|traceloop|argilla|gcs_bucket';

export const ownParameters: Readonly<Record<string, Key>> = {
  cache_control_injection_points: translation('list', 'Messages that are marked for the cache of the vendor.'),
  supports_system_message: translation('boolean', 'Send instructions as a message of the user, where false.', {
    asksWhenFalse: true,
  }),
  ensure_alternating_roles: translation('boolean', 'Put messages between two of one role.'),
  user_continue_message: translation('map', 'The message of the user that is put there.'),
  assistant_continue_message: translation('map', 'The message of the assistant that is put there.'),
  use_chat_completions_api: translation('boolean', 'Call `/chat/completions` for requests of the Responses interface.'),
  roles: translation('map', 'Words put around messages, for models that take one text.'),
  initial_prompt_value: translation('text', 'Text put before all messages.'),
  final_prompt_value: translation('text', 'Text put after all messages.'),
  hf_model_name: translation('text', 'Model whose template of prompts is used.'),
  prompt_id: prompts('text', 'Stored prompt.'),
  prompt_variables: prompts('map', 'Values for the stored prompt.'),
  prompt_version: prompts('any', 'Version of the stored prompt.'),
  prompt_label: prompts('text', 'Label of the stored prompt.'),
  litellm_system_prompt: prompts('text', 'Instructions put before those of the request.'),
  guardrails: guardrails('any', 'Checks of prompts and replies.'),
  policies: guardrails('any', 'Policies of checks.'),
  vector_store_ids: vectorStores('list', 'Stores that are searched for each request.'),
  knowledge_bases: vectorStores('list', 'Stores that are searched for each request.'),
  search_tool_name: search('text', 'Tool that searches.'),
  caching: caches('boolean', 'Keep replies.'),
  cache: caches('any', 'How replies are kept.'),
  caching_groups: caches('list', 'Groups that share cached replies.'),
  ttl: caches('number', 'Seconds a reply is kept.'),
  default_api_key_tpm_limit: virtualKeys('integer', 'Tokens a minute of a key without a limit of its own.'),
  default_api_key_rpm_limit: virtualKeys('integer', 'Requests a minute of a key without a limit of its own.'),
  max_file_size_mb: media('number', 'Largest file, in MiB.'),
  metadata: callbacks('map', 'Labels that observers are told. Never sent: `extra_body` is for those of a vendor.'),
  litellm_disabled_callbacks: callbacks('list', 'Observers that are not told.'),
  'no-log': callbacks('boolean', 'Tell no observer.'),
  itpm: virtualKeys('integer', 'Prompt tokens a minute that the vendor allows.'),
  otpm: virtualKeys('integer', 'Reply tokens a minute that the vendor allows.'),
  ssl_certificate: oneDeployment('text', 'Certificate shown to its vendor.'),
  enable_json_schema_validation: oneDeployment('boolean', 'Check its replies against the schema that was asked for.'),
  fallbacks: oneDeployment('any', 'Groups to go on with.'),
  context_window_fallback_dict: oneDeployment('map', 'Models to go on with when a prompt is too long.'),
  context_window_fallbacks: oneDeployment('any', 'Groups to go on with when a prompt is too long.'),
  content_policy_fallbacks: oneDeployment('any', 'Groups to go on with after a refusal.'),
  allowed_model_region: oneDeployment('any', 'Regions that requests may be served in.'),
  max_fallbacks: oneDeployment('integer', 'Most groups tried.'),
  disable_fallbacks: oneDeployment('boolean', 'Follow no fallbacks.'),
  retry_policy: oneDeployment('map', 'Tries after the first, by class of error.'),
  retry_strategy: oneDeployment('text', 'How tries are spaced.'),
  fastest_response: oneDeployment('boolean', 'Call several, and take the first answer.'),
  mock_timeout: oneDeployment('boolean', 'Fail by the timeout on purpose.'),
  provider_specific_header: oneDeployment('map', 'Headers for one vendor; `extra_headers` are honoured.'),
  default_headers: oneDeployment('map', "Headers of LiteLLM's client; `extra_headers` are honoured."),
};

export const ownFamilies: KeyBlock['families'] = [
  {
    pattern: variables,
    key: kept('any', "A variable of LiteLLM's code: has no meaning here, and is not sent."),
  },
  {
    pattern: /^(auto|complexity|adaptive|quality)_router_[a-z0-9_]+$/,
    key: learnedRouting('any', 'Options of a model that routes by what a prompt says.'),
  },
  {
    pattern: new RegExp(`^(${callbackNames})_[a-z0-9_]+$`),
    key: callbacks('any', 'Options of an observer.'),
  },
];
