/**
 * The keys that LiteLLM's documentation of `config.yaml` names, by block. Of families (prices, vendors' settings,
 * abilities, defaults of requests) some stand for all.
 */
export const documentedKeys: Readonly<Record<string, readonly string[]>> = {
  root: (
    'model_list litellm_settings router_settings general_settings include environment_variables ' +
    'guardrails mcp_servers credential_list vector_store_registry prompts files_settings ' +
    'finetune_settings assistant_settings callback_settings search_tools'
  ).split(' '),
  deployment: 'model_name litellm_params model_info'.split(' '),
  litellm_params: (
    'model api_key api_base api_version organization custom_llm_provider tpm rpm ' +
    'max_parallel_requests weight order tags tag_regex timeout stream_timeout num_retries ' +
    'max_retries cooldown_time max_budget budget_duration drop_params additional_drop_params ' +
    'allowed_openai_params extra_headers extra_body mock_response litellm_credential_name ' +
    'use_in_pass_through silent_model configurable_clientside_auth_params input_cost_per_token ' +
    'output_cost_per_token aws_access_key_id aws_secret_access_key aws_region_name ' +
    'aws_role_name vertex_project vertex_location vertex_credentials tenant_id client_id ' +
    'client_secret azure_ad_token temperature max_tokens'
  ).split(' '),
  model_info: (
    'id mode base_model access_groups max_input_tokens supported_environments ' +
    'health_check_model health_check_timeout team_id input_cost_per_token supports_vision'
  ).split(' '),
  router_settings: (
    'routing_strategy routing_strategy_args num_retries retry_after timeout stream_timeout ' +
    'allowed_fails cooldown_time disable_cooldowns max_fallbacks fallbacks ' +
    'context_window_fallbacks content_policy_fallbacks default_fallbacks model_group_alias ' +
    'retry_policy model_group_retry_policy allowed_fails_policy enable_pre_call_checks ' +
    'optional_pre_call_checks enable_tag_filtering tag_filtering_match_any ' +
    'default_max_parallel_requests provider_budget_config caching_groups redis_host redis_port ' +
    'redis_password redis_url redis_db default_litellm_params enable_health_check_routing ' +
    'routing_groups'
  ).split(' '),
  retry_policy: (
    'BadRequestErrorRetries AuthenticationErrorRetries TimeoutErrorRetries ' +
    'RateLimitErrorRetries ContentPolicyViolationErrorRetries InternalServerErrorRetries'
  ).split(' '),
  allowed_fails_policy: (
    'BadRequestErrorAllowedFails AuthenticationErrorAllowedFails TimeoutErrorAllowedFails ' +
    'RateLimitErrorAllowedFails ContentPolicyViolationErrorAllowedFails ' +
    'InternalServerErrorAllowedFails'
  ).split(' '),
  general_settings: (
    'master_key database_url database_connection_pool_limit store_model_in_db ' +
    'allow_requests_on_db_unavailable max_parallel_requests global_max_parallel_requests ' +
    'completion_model always_include_stream_usage enforce_user_param user_header_name ' +
    'litellm_key_header_name token_rate_limit_type forward_client_headers_to_llm_api ' +
    'pass_through_endpoints background_health_checks health_check_interval alerting ' +
    'alerting_threshold proxy_batch_write_at user_api_key_cache_ttl disable_spend_logs ' +
    'store_prompts_in_spend_logs maximum_spend_logs_retention_period allowed_ips public_routes ' +
    'admin_only_routes max_request_size_mb reject_clientside_metadata_tags custom_auth ' +
    'enable_jwt_auth dangerously_allow_mock_testing_request_params'
  ).split(' '),
  litellm_settings: (
    'callbacks success_callback failure_callback service_callbacks cache cache_params ' +
    'drop_params modify_params request_timeout num_retries fallbacks context_window_fallbacks ' +
    'content_policy_fallbacks default_fallbacks max_budget budget_duration ' +
    'max_end_user_budget_id default_internal_user_params default_team_params ' +
    'default_key_generate_params upperbound_key_generate_params turn_off_message_logging ' +
    'json_logs ssl_verify cost_discount_config cost_margin_config timezone'
  ).split(' '),
  cache_params: 'type ttl namespace mode supported_call_types similarity_threshold'.split(' '),
};
