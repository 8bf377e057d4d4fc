/** Keys of `litellm_params` and what they inherit, each by a request through a live gateway. */
import { expect, it } from 'vitest';
import { ask, fleet } from '../e2e/router-support.ts';
import { openAiDeployment, startGateway, until } from '../support/index.ts';

const v = await fleet(
  'shared',
  'own',
  'defaulted',
  'plain',
  'open',
  'fixed',
  'pinned',
  'shadow',
  'loud',
  'staged',
  'foreign',
  'laden',
);

const brought = (name: string, params: object) =>
  openAiDeployment(name, v.open, { num_retries: 0, cooldown_time: 0, ...params });

/** LiteLLM's own: a value of some kind for each, and none of it a field of a request. */
const ownSettings = {
  ...{ ssl_verify: true, ssl_certificate: 'c.pem', drop_params: true, modify_params: true, region_name: 'eu' },
  ...{ cache_control_injection_points: [{ location: 'message', role: 'system' }], supports_system_message: false },
  ...{ ensure_alternating_roles: true, user_continue_message: { role: 'user', content: 'go on' }, roles: { user: {} } },
  ...{ initial_prompt_value: 'a', final_prompt_value: 'b', bos_token: '<s>', eos_token: '</s>', hf_model_name: 'h' },
  ...{ prompt_id: 'p', prompt_variables: { a: 1 }, prompt_version: 2, prompt_label: 'l', litellm_system_prompt: 's' },
  ...{ guardrails: ['g'], policies: ['p'], vector_store_ids: ['v'], knowledge_bases: ['k'], search_tool_name: 't' },
  ...{ caching: true, cache: { ttl: 1 }, caching_groups: [['a', 'b']], ttl: 60, preset_cache_key: 'k', 'no-log': true },
  ...{ default_api_key_tpm_limit: 5, default_api_key_rpm_limit: 5, itpm: 5, otpm: 5, max_file_size_mb: 5 },
  ...{ fallbacks: ['plain'], context_window_fallback_dict: { a: 'b' }, max_fallbacks: 2, retry_policy: {} },
  ...{ retry_strategy: 'constant_retry', fastest_response: true, mock_timeout: false, provider_specific_header: {} },
  ...{ default_headers: { a: 'b' }, litellm_trace_id: 't', litellm_session_id: 's', use_litellm_proxy: false, id: 'x' },
  ...{ auto_router_config: '{}', auto_router_default_model: 'plain', complexity_router_config: {}, model_info: {} },
  ...{
    langfuse_host: 'h',
    langsmith_project: 'p',
    gcs_bucket_name: 'b',
    turn_off_message_logging: true,
    verbose: true,
  },
  ...{ use_chat_completions_api: true, use_in_pass_through: true, merge_reasoning_content_in_choices: true },
  ...{ tenant_id: 't', aws_region_name: 'r', vertex_project: 'p', azure_scope: 's', s3_bucket_name: 'b' },
  ...{ created_at: 'today', updated_by: 'me', shared_session: null, allowed_openai_params: ['top_k'], max_budget: 5 },
  ...{
    budget_duration: '1d',
    input_cost_per_token: 1e-6,
    output_cost_per_second: 1e-6,
    base_model: 'b',
    model_id: 'a',
  },
};

const gateway = await startGateway({
  env: { EU_KEY: 'sk-of-the-credential', LITELLM_ENVIRONMENT: 'staging' },
  config: {
    environment_variables: {
      OPENAI_API_KEY: 'sk-of-the-file',
      GROQ_API_KEY: 'gsk-of-the-file',
      GROQ_API_BASE: `${v.plain.url}/v1`,
    },
    credential_list: [
      {
        credential_name: 'eu',
        credential_values: { api_key: 'os.environ/EU_KEY', api_base: `${v.shared.url}/v1`, organization: 'org-eu' },
        credential_info: { description: 'Frankfurt' },
      },
    ],
    model_list: [
      { model_name: 'shared', litellm_params: { model: 'openai/a', litellm_credential_name: 'eu' } },
      {
        model_name: 'own',
        litellm_params: { model: 'openai/a', litellm_credential_name: 'eu', api_base: `${v.own.url}/v1` },
      },
      { model_name: 'unnamed', litellm_params: { model: 'openai/a', litellm_credential_name: 'us' } },
      openAiDeployment('defaulted', v.defaulted),
      openAiDeployment('plain', v.plain, { temperature: 0.9, metadata: { b: 2 } }),
      { model_name: 'placed-by-variable', litellm_params: { model: 'groq/a' } },
      { model_name: 'by-variable', litellm_params: { model: 'openai/a', api_base: `${v.plain.url}/v1` } },
      brought('any-key', { configurable_clientside_auth_params: ['api_key', 'organization'] }),
      brought('any-base', {
        configurable_clientside_auth_params: ['api_key', 'api_base'],
        extra_headers: { 'x-inner': 'ours' },
      }),
      brought('some-base', {
        configurable_clientside_auth_params: ['api_key', { api_base: '^http://127\\.0\\.0\\.1:\\d+/v1' }],
      }),
      openAiDeployment('fixed', v.fixed),
      openAiDeployment('laden', v.laden, { ...ownSettings, top_k: 4, x_of_the_vendor: true, headers: { 'x-a': '1' } }),
      openAiDeployment('loud', v.loud, { silent_model: 'shadow' }),
      openAiDeployment('shadow', v.shadow),
      openAiDeployment('staged', v.staged, {}, { supported_environments: ['staging', 'production'] }),
      openAiDeployment('elsewhere', v.staged, {}, { supported_environments: ['production'] }),
    ],
    router_settings: { default_litellm_params: { temperature: 0.1, seed: 7, metadata: { a: 1 } }, num_retries: 0 },
    general_settings: { allowed_addresses: ['127.0.0.1'] },
  },
});

const last = (seat: { requests: readonly { headers: Record<string, unknown>; json: unknown }[] }) => {
  const request = seat.requests.at(-1);
  if (request === undefined) throw new Error('The vendor was not called.');
  return { headers: request.headers, json: request.json as Record<string, unknown> };
};

it('calls with the values of the credential that a deployment names', async () => {
  expect((await ask(gateway, 'shared')).said).toBe('shared');
  expect(last(v.shared).headers).toMatchObject({
    authorization: 'Bearer sk-of-the-credential',
    'openai-organization': 'org-eu',
  });
});

it("puts a deployment's own values over those of its credential", async () => {
  expect((await ask(gateway, 'own')).said).toBe('own');
  expect(last(v.own).headers.authorization).toBe('Bearer sk-of-the-credential');
});

it('leaves out a deployment whose credential is not there', async () => {
  expect((await ask(gateway, 'unnamed')).status).toBe(400);
  await gateway.waitForLog(({ msg, message }) => String(msg ?? message).includes('No credential is named "us"'));
});

it('gives every deployment the default parameters it does not say itself', async () => {
  await ask(gateway, 'defaulted');
  expect(last(v.defaulted).json).toMatchObject({ temperature: 0.1, seed: 7 });
  await ask(gateway, 'plain');
  expect(last(v.plain).json).toMatchObject({ temperature: 0.9, seed: 7 });
  await ask(gateway, 'plain', { body: { temperature: 0.5 } });
  expect(last(v.plain).json).toMatchObject({ temperature: 0.5, seed: 7 });
});

it("sends a vendor none of LiteLLM's own settings, and what it does not know as fields of the request", async () => {
  expect((await ask(gateway, 'laden', { body: { litellm_session_id: 's', 'no-log': true } })).said).toBe('laden');
  const { headers, json } = last(v.laden);
  const { messages, ...fields } = json;
  expect(messages).toEqual([{ role: 'user', content: 'hello' }]);
  expect(fields).toEqual({
    ...{ model: 'gpt-4o-mini', temperature: 0.1, seed: 7, top_k: 4, x_of_the_vendor: true },
  });
  expect(headers['x-a']).toBe('1');
});

it('tells of such settings that have no effect', () => {
  for (const name of ['fallbacks', 'supports_system_message', 'cache_control_injection_points', 'guardrails'])
    expect(gateway.output()).toContain(`\\"${name}\\" is not honoured yet`);
});

it('finds keys among the variables that the file sets', async () => {
  expect((await ask(gateway, 'by-variable')).said).toBe('plain');
  expect(last(v.plain).headers.authorization).toBe('Bearer sk-of-the-file');
});

it('finds addresses among them too, where a provider has a variable for one', async () => {
  expect((await ask(gateway, 'placed-by-variable')).said).toBe('plain');
  expect(last(v.plain).headers.authorization).toBe('Bearer gsk-of-the-file');
});

it('calls with the key and organisation that a caller may bring along', async () => {
  const body = { api_key: 'sk-of-the-caller', organization: 'org-caller' };
  expect((await ask(gateway, 'any-key', { body })).said).toBe('open');
  const { headers, json } = last(v.open);
  expect(headers).toMatchObject({ authorization: 'Bearer sk-of-the-caller', 'openai-organization': 'org-caller' });
  expect(json).not.toHaveProperty('api_key');
  expect(json).not.toHaveProperty('organization');
});

it('refuses what the deployment does not let callers bring', async () => {
  const calls = v.fixed.calls();
  for (const field of ['api_key', 'api_base', 'base_url', 'api_version', 'organization']) {
    const { status, error } = await ask(gateway, 'fixed', { body: { [field]: 'https://example.com' } });
    expect(status).toBe(400);
    expect(error?.message).toContain('not allowed in a request');
  }
  expect(
    (await ask(gateway, 'any-key', { body: { api_base: 'https://example.com/v1', api_key: 'sk-x' } })).status,
  ).toBe(400);
  expect(v.fixed.calls()).toBe(calls);
});

it("calls a caller's address with the caller's key, and with nothing of the deployment's", async () => {
  const body = { api_base: `${v.foreign.url}/v1`, api_key: 'sk-of-the-caller' };
  expect((await ask(gateway, 'any-base', { body })).said).toBe('foreign');
  const { headers, json } = last(v.foreign);
  expect(headers.authorization).toBe('Bearer sk-of-the-caller');
  expect(headers).not.toHaveProperty('x-inner');
  expect(json).not.toHaveProperty('api_base');
});

it("never sends the deployment's key to a caller's address", async () => {
  const calls = v.foreign.calls();
  const { status, error } = await ask(gateway, 'any-base', { body: { api_base: `${v.foreign.url}/v1` } });
  expect(status).toBe(400);
  expect(error?.param).toBe('api_key');
  expect(v.foreign.calls()).toBe(calls);
});

it("holds a caller's address to the pattern of the deployment", async () => {
  const body = (api_base: string) => ({ body: { api_base, api_key: 'sk-x' } });
  expect((await ask(gateway, 'some-base', body(`${v.foreign.url}/v1`))).said).toBe('foreign');
  for (const address of [`${v.foreign.url}/v2`, 'https://evil.example/http://127.0.0.1:1/v1'])
    expect((await ask(gateway, 'some-base', body(address))).status).toBe(400);
});

it.each([
  'http://169.254.169.254/latest',
  'http://10.0.0.1/v1',
  'http://[::1]:80/v1',
  'http://localhost:1/v1',
  'http://metadata.google.internal/v1',
  'file:///etc/passwd',
  'http://user:password@example.com/v1',
  'not an address',
])('does not call %s for a caller', async (address) => {
  const { status } = await ask(gateway, 'any-base', { body: { api_base: address, api_key: 'sk-x' } });
  expect(status).toBe(400);
});

it("does not rest a deployment for a caller's wrong key", async () => {
  v.open.plays({ failures: [401] });
  expect((await ask(gateway, 'any-key', { body: { api_key: 'sk-wrong-key' } })).status).toBe(401);
  expect((await ask(gateway, 'any-key')).said).toBe('open');
});

it("shows a caller's key in no log", async () => {
  await ask(gateway, 'any-key', { body: { api_key: 'sk-canary-of-a-caller-0123' } });
  expect(gateway.output()).not.toContain('canary-of-a-caller');
});

it('copies a chat to the silent model, whose reply nobody sees', async () => {
  const calls = v.shadow.calls();
  const answer = await ask(gateway, 'loud', { body: { messages: [{ role: 'user', content: 'said once' }] } });
  expect(answer.said).toBe('loud');
  await until('the copy', () => v.shadow.calls() === calls + 1);
  expect(JSON.stringify(last(v.shadow).json)).toContain('said once');
});

it('answers although the silent model fails', async () => {
  v.shadow.plays({ failures: [500] });
  expect((await ask(gateway, 'loud')).said).toBe('loud');
});

it('offers a model in its environments only', async () => {
  expect((await ask(gateway, 'staged')).said).toBe('staged');
  expect((await ask(gateway, 'elsewhere')).status).toBe(400);
});
