import { describe, expect, it } from 'vitest';
import { error, fails, readTexts, starts, warning } from './testing.ts';

const broken = [
  starts('a misspelt block', 'modle_list: []\n', [warning(1, 'modle_list', 'Did you mean "model_list"?')]),
  starts('a misspelt router key', 'router_settings:\n  routing_stratgey: least-busy', [
    warning(2, 'router_settings.routing_stratgey', 'Did you mean "routing_strategy"?'),
  ]),
  starts('a misspelt kernel key', 'general_settings:\n  drain_timout: 3', [
    warning(2, 'general_settings.drain_timout', 'Did you mean "drain_timeout"?'),
  ]),
  starts('a misspelt retry class', 'router_settings:\n  retry_policy:\n    RateLimitErrorRetry: 3', [
    warning(3, 'router_settings.retry_policy.RateLimitErrorRetry', '"RateLimitErrorRetries"'),
  ]),
  starts('a key in the wrong block', 'general_settings:\n  routing_strategy: least-busy', [
    warning(2, 'general_settings.routing_strategy', 'It belongs into router_settings'),
  ]),
  starts('a key of the top level inside a block', 'router_settings:\n  model_list: []', [
    warning(2, 'router_settings.model_list', 'the top level of the file'),
  ]),
  starts('a key like no other', 'general_settings:\n  zzzzzzzzzzzzzzzz: 1', [
    warning(2, 'general_settings.zzzzzzzzzzzzzzzz', 'is not known here.'),
  ]),
  starts(
    'a slip in an open block',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      api_bsae: http://x',
    [warning(5, 'model_list[0].litellm_params.api_bsae', 'Did you mean "api_base"?')],
  ),
  starts(
    'a slip in model_info',
    'model_list:\n  - model_name: a\n    litellm_params: {model: openai/a}\n    model_info: {base_modl: gpt-4}\n',
    [warning(4, 'model_list[0].model_info.base_modl', '"base_model"')],
  ),
  starts(
    'an unknown key beside model_name',
    'model_list:\n  - model_name: a\n    litellm_param: {}\n    litellm_params: {model: openai/a}\n',
    [warning(3, 'model_list[0].litellm_param', '"litellm_params"')],
  ),
  starts('a cache that is not there yet', 'litellm_settings:\n  cache: true\n', [
    warning(2, 'litellm_settings.cache', '"cache" is not honoured yet'),
  ]),
  starts('guardrails that are not there yet', 'guardrails:\n  - guardrail_name: x\n', [
    warning(1, 'guardrails', 'not honoured yet'),
  ]),
  fails('model_list as a block', 'model_list:\n  a: 1\n', [error(2, 'model_list', 'not a list')]),
  fails('router_settings as a list', 'router_settings:\n  - timeout: 3\n', [
    error(2, 'router_settings', 'not a block of keys'),
  ]),
  fails('retries in words', 'router_settings:\n  num_retries: many', [
    error(2, 'router_settings.num_retries', 'not a whole number'),
  ]),
  fails('half a retry', 'router_settings:\n  num_retries: 1.5', [
    error(2, 'router_settings.num_retries', 'not a whole number'),
  ]),
  fails('fewer than no retries', 'router_settings:\n  num_retries: -1', [
    error(2, 'router_settings.num_retries', 'too small'),
  ]),
  fails('retries without end', 'router_settings:\n  num_retries: 100000', [
    error(2, 'router_settings.num_retries', 'too large'),
  ]),
  fails('a timeout in words', 'router_settings:\n  timeout: soon', [
    error(2, 'router_settings.timeout', 'not a length of time'),
  ]),
  fails('a timeout of nothing', 'router_settings:\n  timeout: 0', [error(2, 'router_settings.timeout', 'too short')]),
  fails('a timeout no timer can hold', 'router_settings:\n  stream_timeout: 30d', [
    error(2, 'router_settings.stream_timeout', 'too long'),
  ]),
  fails('a cooldown below nothing', 'router_settings:\n  cooldown_time: -5', [
    error(2, 'router_settings.cooldown_time', 'not a length of time'),
  ]),
  fails('a switch in other words', 'router_settings:\n  disable_cooldowns: perhaps', [
    error(2, 'router_settings.disable_cooldowns', 'not a switch'),
  ]),
  fails('fallbacks as texts', 'router_settings:\n  fallbacks: [a, b]', [
    error(2, 'router_settings.fallbacks[0]', 'not a block'),
  ]),
  fails('fallback targets without a list', 'router_settings:\n  fallbacks:\n    - gpt: other', [
    error(3, 'router_settings.fallbacks[0].gpt', 'not a list'),
  ]),
  fails('a fallback block without a model', 'router_settings:\n  default_fallbacks:\n    - {temperature: 0}', [
    error(3, 'router_settings.default_fallbacks[0]', 'names no model'),
  ]),
  starts(
    'a fallback to nowhere',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\nrouter_settings:\n  fallbacks: [{a: [aa]}]',
    [warning(6, 'router_settings.fallbacks[0].a[0]', 'No model is named "aa". Did you mean "a"?')],
  ),
  starts(
    'an alias to nowhere',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\nrouter_settings:\n  model_group_alias: {gpt-4: azure}',
    [warning(6, 'router_settings.model_group_alias.gpt-4', 'No model is named "azure"')],
  ),
  fails('an alias of a number', 'router_settings:\n  model_group_alias:\n    a: 3', [
    error(3, 'router_settings.model_group_alias.a', 'not a text'),
  ]),
  fails('a retry policy of words', 'router_settings:\n  retry_policy: {TimeoutErrorRetries: two}', [
    error(2, 'router_settings.retry_policy.TimeoutErrorRetries', 'not a whole number'),
  ]),
  fails('a group policy that is no block', 'router_settings:\n  model_group_retry_policy:\n    a: 3', [
    error(3, 'router_settings.model_group_retry_policy.a', 'not a block of keys'),
  ]),
  fails('an unknown strategy', 'router_settings:\n  routing_strategy: simple-shufle', [
    error(2, 'router_settings.routing_strategy', 'Did you mean "simple-shuffle"?'),
  ]),
  starts('a strategy of LiteLLM that is not installed', 'router_settings:\n  routing_strategy: cost-based-routing', [
    warning(2, 'router_settings.routing_strategy', 'simple-shuffle takes its place'),
  ]),
  fails('a request size of nothing', 'general_settings:\n  max_request_size_mb: 0', [
    error(2, 'general_settings.max_request_size_mb', 'too small'),
  ]),
  fails('a retry budget below nothing', 'general_settings:\n  retry_budget: -0.1', [
    error(2, 'general_settings.retry_budget', 'too small'),
  ]),
  fails('an address range beyond its bits', 'general_settings:\n  allowed_addresses: [10.0.0.0/33]', [
    error(2, 'general_settings.allowed_addresses[0]', 'not an address'),
  ]),
  fails('an address with a port', 'general_settings:\n  allowed_addresses:\n    - localhost\n    - http://x:80', [
    error(4, 'general_settings.allowed_addresses[1]', 'not an address'),
  ]),
  fails('a header name that is empty', "general_settings:\n  litellm_key_header_name: ''", [
    error(2, 'general_settings.litellm_key_header_name', 'The text is empty'),
  ]),
  fails('a master key without a value', 'general_settings:\n  master_key:', [
    error(2, 'general_settings.master_key', 'stands without a value'),
  ]),
  fails('an empty master key', 'general_settings:\n  master_key: ""', [
    error(2, 'general_settings.master_key', 'The text is empty'),
  ]),
  fails('a master key of a variable that is not set', 'general_settings:\n  master_key: os.environ/NONE', [
    error(2, 'general_settings.master_key', 'NONE is not set. Without a master key'),
  ]),
  fails(
    'a master key of an empty variable',
    'general_settings:\n  master_key: os.environ/EMPTY',
    [error(2, 'general_settings.master_key', 'EMPTY is not set')],
    { environment: { EMPTY: '' } },
  ),
  fails('a master key that is a number', 'general_settings:\n  master_key: 1234', [
    error(2, 'general_settings.master_key', 'not a text'),
  ]),
  fails('a misspelt master key', 'general_settings:\n  masterkey: sk-1234567890', [
    error(2, 'general_settings.masterkey', 'Did you mean "master_key"?'),
  ]),
  fails('a master key at the top', 'master_key: sk-1234567890\n', [
    error(1, 'master_key', 'It belongs into general_settings'),
  ]),
  fails('a master key in a misspelt block', 'general_setings:\n  master_key: sk-1234567890\n', [
    error(1, 'general_setings', 'Did you mean "general_settings"?'),
  ]),
  fails('tokens as the only way to sign in', 'general_settings:\n  enable_jwt_auth: true', [
    warning(2, 'general_settings.enable_jwt_auth', 'not honoured yet'),
    error(2, 'general_settings.enable_jwt_auth', 'open to everybody'),
  ]),
  fails('keys that Python code checks', 'general_settings:\n  master_key: sk-1234567890\n  custom_auth: mine.check\n', [
    error(3, 'general_settings.custom_auth', '"custom_auth" is refused: it names Python code'),
  ]),
  fails('a credential without a name', 'credential_list:\n  - credential_values: {api_key: sk-1234567890}\n', [
    error(2, 'credential_list[0]', 'A credential has no name.'),
  ]),
  fails('a credential without values', 'credential_list:\n  - credential_name: a\n', [
    error(2, 'credential_list[0]', 'A credential holds no values.'),
  ]),
  fails(
    'two credentials of one name',
    'credential_list:\n  - {credential_name: a, credential_values: {api_key: sk-1234567890}}\n  - {credential_name: a, credential_values: {}}\n',
    [error(3, 'credential_list[1].credential_name', 'Another credential has this name.')],
  ),
  starts(
    'a credential that is not there',
    'credential_list:\n  - {credential_name: openai-eu, credential_values: {}}\nmodel_list:\n  - model_name: a\n    litellm_params: {model: openai/a, litellm_credential_name: openai-ue}\n',
    [
      warning(
        5,
        'model_list[0].litellm_params.litellm_credential_name',
        'Did you mean "openai-eu"? The deployment is skipped.',
      ),
    ],
  ),
  starts(
    'a model for environments, where none is named',
    'model_list:\n  - model_name: a\n    litellm_params: {model: openai/a}\n    model_info: {supported_environments: [staging]}\n',
    [warning(4, 'model_list[0].model_info.supported_environments', 'LITELLM_ENVIRONMENT is not set')],
  ),
  starts(
    'a model for another environment',
    'model_list:\n  - model_name: a\n    litellm_params: {model: openai/a}\n    model_info: {supported_environments: [staging]}\n',
    [],
    { environment: { LITELLM_ENVIRONMENT: 'production' } },
  ),
  starts(
    'something a caller cannot bring along',
    'model_list:\n  - model_name: a\n    litellm_params: {model: openai/a, configurable_clientside_auth_params: [api_kee]}\n',
    [
      warning(
        3,
        'model_list[0].litellm_params.configurable_clientside_auth_params[0]',
        'names nothing that a caller may bring along',
      ),
    ],
  ),
  fails('a host name among callers', 'general_settings:\n  allowed_ips: [example.com]\n', [
    error(2, 'general_settings.allowed_ips[0]', 'The text is not an address.'),
  ]),
  starts(
    'a variable that is not set',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      api_key: os.environ/NONE',
    [warning(5, 'model_list[0].litellm_params.api_key', 'NONE is not set')],
  ),
  starts(
    'a variable without a name',
    'model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      api_key: os.environ/',
    [warning(5, 'model_list[0].litellm_params.api_key', 'names no environment variable')],
  ),
  fails('a variable that is a block', 'environment_variables:\n  A: {b: 1}\n', [
    error(2, 'environment_variables.A', 'not a single value'),
  ]),
];

describe('a file with broken settings', () => {
  it.each(broken)('is told of: $title', async ({ text, finds, starts: isUsable, environment = {}, others = {} }) => {
    const { configuration, diagnostics } = await readTexts({ 'main.yaml': text, ...others }, { environment });
    const told = diagnostics.map(({ severity, place, message }) => ({
      severity,
      line: place.line,
      path: place.path,
      message,
    }));
    for (const { message, ...find } of finds)
      expect(told).toContainEqual({ ...find, message: expect.stringContaining(message) });
    expect(told).toHaveLength(finds.length);
    expect(configuration !== undefined).toBe(isUsable);
  });

  it.each(broken)(
    'says what was found and expected, and no secret: $title',
    async ({ text, environment = {}, others = {} }) => {
      const { diagnostics } = await readTexts({ 'main.yaml': text, ...others }, { environment });
      for (const { found, expected, place } of diagnostics) {
        expect(found).not.toBe('');
        expect(expected).not.toBe('');
        expect(place.column).toBeGreaterThan(0);
      }
      expect(JSON.stringify(diagnostics)).not.toMatch(/1234567890|hunter2/);
    },
  );
});
