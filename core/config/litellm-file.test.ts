import { join } from 'node:path';
import { inspect } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { Tariff } from '../pricing/tariff.ts';
import { revealSecret } from '../upstream/secret.ts';
import { type ReadOptions, readConfiguration } from './read.ts';
import type { Configuration, DeploymentSettings } from './types.ts';

const folder = join(import.meta.dirname, 'fixtures');
const file = join(folder, 'litellm.yaml');
const more = join(folder, 'litellm-more.yaml');
const environment = {
  OPENAI_KEY: 'sk-openai-1',
  AZURE_KEY: 'azure-key-1',
  ANTHROPIC_KEY: 'anthropic-key-1',
  AWS_SECRET: 'aws-secret-1',
  MASTER: 'sk-master-1',
  LIMIT: '1',
};
const options: ReadOptions = {
  files: [file],
  environment,
  knownPrefixes: ['openai', 'anthropic/', 'azure', 'bedrock', 'vertex_ai', 'openrouter', 'hosted_vllm', 'simulated'],
  knownStrategies: ['simple-shuffle', 'least-busy'],
};

async function readFixture(changed: Partial<ReadOptions> = {}): Promise<Configuration> {
  const result = await readConfiguration({ ...options, ...changed });
  if ('diagnostics' in result) throw new Error(inspect(result.diagnostics));
  return result.configuration;
}

describe('a LiteLLM file', () => {
  let configuration: Configuration;
  const named = (name: string): readonly DeploymentSettings[] =>
    configuration.deployments.filter(({ modelName }) => modelName === name);
  const only = (name: string): DeploymentSettings => {
    const [deployment, ...others] = named(name);
    if (deployment === undefined || others.length > 0) throw new Error(`${others.length + 1} deployments of ${name}`);
    return deployment;
  };

  beforeAll(async () => {
    configuration = await readFixture();
  });

  it('is read with what it includes, in order', () => {
    expect(configuration.files).toEqual([file, more]);
    expect(
      configuration.deployments.map(({ modelName, provider, model }) => `${modelName} ${provider} ${model}`),
    ).toEqual([
      'gpt-4o openai gpt-4o',
      'gpt-4o openai gpt-4o',
      'gpt-4o azure my-deployment',
      'gpt-4o-mini openai gpt-4o-mini',
      'reasoning openai o3-mini',
      'claude anthropic claude-sonnet-4-5',
      'claude-tagged anthropic claude-haiku-4-5',
      'local hosted_vllm meta-llama/Llama-3',
      'bedrock bedrock anthropic.claude-3-haiku',
      'vertex vertex_ai gemini-2.5-pro',
      'router openrouter openai/gpt-4o',
      'gpt-* openai gpt-*',
      'anthropic/* anthropic *',
      'embedding openai text-embedding-3-small',
      'transcription openai whisper-1',
      'pool openai a',
      'pool openai b',
      'simulated simulated default',
      'team-* openai *',
    ]);
  });

  it('warns of what is wrong with it and of nothing else', () => {
    expect(configuration.warnings.map(({ place, message }) => `${place.line} ${place.path} ${message}`)).toEqual([
      '81 model_list[9].litellm_params.api_key The environment variable MISSING_KEY is not set.',
      '14 model_list[16].litellm_params.weight The value is not a number. The deployment is skipped.',
    ]);
  });

  it('gives one deployment for each organisation, with limits, times and retries', () => {
    const [first, second] = named('gpt-4o');
    expect(first).toMatchObject({
      organization: 'org-a',
      rpm: 500,
      tpm: 2000,
      weight: 2,
      timeoutMs: 30_000,
      streamTimeoutMs: 1500,
      numRetries: 4,
      cooldownMs: undefined,
      apiBase: undefined,
      tags: [],
      params: {},
      defaults: {},
      info: {},
      prices: undefined,
      place: { file, line: 13, column: 5, path: 'model_list[0]' },
    });
    expect(revealSecret(first?.apiKey as NonNullable<DeploymentSettings['apiKey']>)).toBe('sk-openai-1');
    expect(second?.organization).toBe('org-b');
    expect(first?.id).toMatch(/^[0-9a-f]{20}$/);
    expect(second?.id).not.toBe(first?.id);
  });

  it('takes merged keys, the id and what is known of the model', () => {
    const azure = named('gpt-4o')[2];
    expect(azure).toMatchObject({
      id: 'azure-west',
      apiBase: 'https://example.azure.test/openai',
      apiVersion: '2024-10-21',
      order: 2,
      timeoutMs: 300_000,
      numRetries: 0,
      cooldownMs: 0,
      info: { id: 'azure-west', base_model: 'azure/gpt-4o', mode: 'chat', max_input_tokens: 128_000 },
    });
    expect(azure?.apiKey?.equals('azure-key-1')).toBe(true);
  });

  it('keeps parameters of requests as defaults and sends no others', () => {
    expect(only('gpt-4o-mini')).toMatchObject({ defaults: { temperature: 0.2, max_tokens: 256 }, params: {} });
    expect(only('reasoning').defaults).toEqual({ reasoning_effort: 'low' });
    expect(only('embedding').defaults).toEqual({ dimensions: 512 });
    expect(only('local')).toMatchObject({
      apiKey: undefined,
      apiBase: 'http://10.0.0.5:8000/v1',
      maxParallelRequests: 8,
      defaults: { guided_decoding_backend: 'outlines' },
      params: { guided_decoding_backend: 'outlines', drop_params: true },
    });
    expect(only('simulated')).toMatchObject({ defaults: { acme: 1 }, params: { simulated_latency_ms: 20, acme: 1 } });
  });

  it('keeps prices as they were written', () => {
    expect(only('claude').prices).toMatchObject({
      input_cost_per_token: '3e-6',
    });
    expect(Tariff.of(only('claude').prices ?? {})?.prices).toEqual({
      input: 3_000_000n,
      output: 15_000_000n,
      cachedInput: 300_000n,
      cacheWrite: 3_750_000n,
      cacheWriteLong: 6_000_000n,
    });
    expect(Tariff.of(only('local').prices ?? {})?.prices).toEqual({ input: 0n, output: 0n });
    expect(Tariff.of(only('transcription').prices ?? {})?.prices).toEqual({ request: 6_000_000_000n });
  });

  it('reads tags, headers and bodies', () => {
    expect(only('claude-tagged')).toMatchObject({
      tags: ['paid', 'eu'],
      tagRegex: ['(?i:^claude-code)', '^curl/'],
      extraHeaders: { 'x-team': 'blue', 'x-retries': '3' },
      extraBody: { metadata: { user_id: 'gateway' } },
    });
  });

  it('lays what litellm_settings says of translation under every deployment', () => {
    const { drop_params: everywhere } = configuration.settings.litellm_settings as { drop_params: boolean };
    expect(configuration.deployments.map(({ params }) => params.drop_params)).toEqual(
      configuration.deployments.map(() => everywhere),
    );
  });

  it('keeps secrets apart from settings', () => {
    const bedrock = only('bedrock');
    expect(bedrock.params).toEqual({
      drop_params: true,
      aws_region_name: 'eu-west-1',
      aws_access_key_id: 'AKIDEXAMPLE',
    });
    expect(
      Object.fromEntries(Object.entries(bedrock.secrets).map(([name, secret]) => [name, revealSecret(secret)])),
    ).toEqual({
      aws_secret_access_key: 'aws-secret-1',
      aws_session_token: 'token-value-1',
    });
    const vertex = only('vertex');
    expect(vertex.params).toEqual({ drop_params: true, vertex_project: 'my-project' });
    expect(
      JSON.parse(revealSecret(vertex.secrets.vertex_credentials as NonNullable<DeploymentSettings['apiKey']>)),
    ).toEqual({
      client_email: 'a@b.test',
      private_key: 'very-private',
    });
    expect(only('router').apiKey).toBeUndefined();
    expect(only('transcription').info).toEqual({ mode: 'audio_transcription', team_note: { text: 'shown' } });
    const shown =
      inspect(configuration.deployments, { depth: 9 }) +
      JSON.stringify(configuration.deployments, (_key, value) => (typeof value === 'bigint' ? String(value) : value));
    expect(shown).not.toMatch(
      /sk-openai-1|sk-plain-key-1|azure-key-1|aws-secret-1|token-value-1|very-private|not-shown/,
    );
  });

  it('reads the router block, which wins over litellm_settings', () => {
    expect(configuration.router).toEqual({
      routingStrategy: 'least-busy',
      routingStrategyArgs: { ttl: 60 },
      numRetries: 3,
      retryAfterMs: 500,
      timeoutMs: 120_000,
      streamTimeoutMs: 20_000,
      allowedFails: 3,
      allowedFailsPolicy: { InternalServerError: 20 },
      cooldownMs: 30_000,
      disableCooldowns: false,
      maxFallbacks: 2,
      fallbacks: new Map<string, unknown>([
        ['gpt-4o', ['claude', { model: 'local', temperature: 0 }]],
        ['claude', ['gpt-4o']],
      ]),
      contextWindowFallbacks: new Map([['gpt-4o-mini', ['gpt-4o']]]),
      contentPolicyFallbacks: new Map([['gpt-4o', ['claude']]]),
      defaultFallbacks: ['gpt-4o-mini'],
      modelGroupAlias: new Map([
        ['gpt-4', { model: 'gpt-4o', hidden: false }],
        ['hidden-one', { model: 'claude', hidden: true }],
      ]),
      retryPolicy: { RateLimitError: 5, AuthenticationError: 0 },
      modelGroupLists: new Map(),
      modelGroupRetryPolicy: new Map([['claude', { TimeoutError: 1 }]]),
      enableTagFiltering: true,
      tagFilteringMatchAny: false,
      enablePreCallChecks: true,
      defaultMaxParallelRequests: 50,
      enableHealthCheckRouting: false,
    });
  });

  it('reads the kernel settings', () => {
    expect(configuration.kernel).toMatchObject({
      maxConcurrentRequests: 1000,
      maxRequestBytes: 10 * 1024 * 1024,
      maxMultipartBytes: 10 * 1024 * 1024,
      drainMs: 90_000,
      connectTimeoutMs: 2000,
      interTokenTimeoutMs: 45_000,
      keepAliveMs: 0,
      bodyTimeoutMs: 10_000,
      keyHeader: 'x-team-key',
      pluginFolder: join(folder, 'plugins'),
      allowedAddresses: ['10.0.0.0/8', 'vllm.internal', 'fd00::/8'],
      mockTestingAllowed: false,
      alwaysIncludeStreamUsage: true,
      forwardClientHeaders: true,
      retryBudget: 0.5,
    });
  });

  it('reads the plugins, folders resolved from the file that names them', () => {
    expect(configuration.derive).toBe(true);
    const grants = { text: false, fetch: [], timeoutMs: undefined };
    const plain = { for: undefined, onFailure: 'abort', config: {}, grants };
    expect(configuration.plugins).toEqual([
      {
        ...plain,
        use: 'observer-log',
        as: 'observer-log',
        trust: true,
        reason: `listed under "plugins" in ${more}, line 19`,
        place: { file: more, line: 19, column: 5, path: 'plugins[0]' },
      },
      {
        use: join(folder, 'mine/cheap-first'),
        as: 'cheap',
        for: ['gpt-4o', 'gpt-5'],
        trust: false,
        onFailure: 'abort',
        config: { share: 0.2 },
        grants,
        reason: expect.stringContaining('line 20'),
        place: expect.objectContaining({ line: 20 }),
      },
      {
        ...plain,
        use: 'llmrouter-knn',
        as: 'llmrouter-knn',
        trust: true,
        onFailure: 'continue',
        reason: expect.any(String),
        place: expect.objectContaining({ path: 'plugins[2]' }),
      },
      {
        ...plain,
        use: 's3://bucket/plugins/guard-words@^1.2',
        as: 'guard-words',
        trust: true,
        reason: expect.any(String),
        place: expect.objectContaining({ path: 'plugins[3]' }),
      },
    ]);
  });

  it('keeps the merged file as plain values, references resolved', () => {
    expect(configuration.settings.general_settings).toMatchObject({
      master_key: 'sk-master-1',
      drain_timeout: '90s',
    });
    expect(configuration.settings.litellm_settings).toMatchObject({ drop_params: true });
    expect(configuration.settings.environment_variables).toEqual({ REGION: 'eu-west-1', LIMIT: 2000 });
    expect(configuration.settings).not.toHaveProperty('include');
  });

  it('knows the place of every path, whichever file it is in', () => {
    expect(configuration.placeOf('router_settings.retry_policy.RateLimitErrorRetries')).toEqual({
      file,
      line: 104,
      column: 5,
      path: 'router_settings.retry_policy.RateLimitErrorRetries',
    });
    expect(configuration.placeOf('model_list[12].litellm_params.dimensions')).toMatchObject({ file: more, line: 7 });
    expect(configuration.placeOf('general_settings.nothing.here')).toMatchObject({ file, line: 121 });
    expect(configuration.placeOf('nothing')).toMatchObject({ file, line: 1 });
  });

  it('is frozen', () => {
    expect(() => Object.assign(configuration.kernel, { drainMs: 1 })).toThrow(TypeError);
    expect(() => Object.assign(configuration.deployments[0]?.params ?? {}, { a: 1 })).toThrow(TypeError);
  });

  it('has the same ids and digest when read again, and others when a secret changes', async () => {
    const again = await readFixture();
    expect(again.digest).toBe(configuration.digest);
    expect(again.deployments.map(({ id }) => id)).toEqual(configuration.deployments.map(({ id }) => id));
    const changed = await readFixture({ environment: { ...environment, ANTHROPIC_KEY: 'anthropic-key-2' } });
    expect(changed.digest).not.toBe(configuration.digest);
    const differing = changed.deployments.filter(({ id }, index) => id !== configuration.deployments[index]?.id);
    expect(differing.map(({ modelName }) => modelName)).toEqual(['claude', 'anthropic/*']);
  });

  it('reads the same where prefixes and strategies are not known yet', async () => {
    const first = await readFixture({ knownPrefixes: undefined, knownStrategies: undefined });
    expect(first.plugins).toEqual(configuration.plugins);
    expect(first.deployments.map(({ modelName }) => modelName)).toEqual(
      configuration.deployments.map(({ modelName }) => modelName),
    );
  });
});
