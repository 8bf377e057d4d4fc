import { describe, expect, it } from 'vitest';
import { readTexts } from './testing.ts';

describe('reading', () => {
  const text = 'model_list:\n  - {model_name: a, litellm_params: {model: openai/a, api_key: os.environ/K}}\n';

  it('refuses no file at all', async () => {
    const { configuration, diagnostics } = await readTexts({}, { files: [] });
    expect(configuration).toBeUndefined();
    expect(diagnostics).toHaveLength(1);
    expect(diagnostics[0]?.message).toBe('No configuration file is named.');
  });

  it('gives defaults where the file says nothing', async () => {
    const { configuration } = await readTexts({ 'main.yaml': text });
    expect(configuration?.router).toMatchObject({
      routingStrategy: 'simple-shuffle',
      numRetries: 2,
      timeoutMs: 600_000,
      cooldownMs: 5000,
      maxFallbacks: 5,
      allowedFails: undefined,
      fallbacks: undefined,
      tagFilteringMatchAny: true,
    });
    expect(configuration?.kernel).toMatchObject({
      maxConcurrentRequests: undefined,
      maxRequestBytes: 33_554_432,
      maxMultipartBytes: 536_870_912,
      drainMs: 600_000,
      connectTimeoutMs: 5000,
      interTokenTimeoutMs: 120_000,
      keepAliveMs: 15_000,
      bodyTimeoutMs: 30_000,
      retryBudget: 0.2,
    });
    expect(configuration).toMatchObject({ plugins: [], derive: true });
  });

  it('takes settings that only litellm_settings has', async () => {
    const { configuration } = await readTexts({
      'main.yaml':
        'litellm_settings: {num_retries: 7, request_timeout: 9, fallbacks: [{a: [b]}], default_fallbacks: [c]}\n',
    });
    expect(configuration?.router).toMatchObject({ numRetries: 7, timeoutMs: 9000, defaultFallbacks: ['c'] });
    expect(configuration?.router.fallbacks).toEqual(new Map([['a', ['b']]]));
  });

  it('takes an empty list for a list that is set', async () => {
    const { configuration } = await readTexts({
      'main.yaml': 'router_settings: {fallbacks: []}\nlitellm_settings: {fallbacks: [{a: [b]}]}\n',
    });
    expect(configuration?.router.fallbacks).toEqual(new Map());
  });

  it.each(['RUTTER_MASTER_KEY', 'LITELLM_MASTER_KEY'])(
    'takes the master key from %s when the file has none',
    async (name) => {
      const { configuration } = await readTexts(
        { 'main.yaml': text },
        { environment: { [name]: 'sk-from-environment' } },
      );
      expect(configuration?.settings.general_settings).toEqual({ master_key: 'sk-from-environment' });
    },
  );

  it("leaves the file's own master key in its place", async () => {
    const { configuration } = await readTexts(
      { 'main.yaml': 'general_settings: {master_key: sk-mine}\n' },
      { environment: { LITELLM_MASTER_KEY: 'sk-other' } },
    );
    expect(configuration?.settings.general_settings).toEqual({ master_key: 'sk-mine' });
  });

  it('opens no gateway when the master key is named but missing, whatever the environment has', async () => {
    const { configuration } = await readTexts(
      { 'main.yaml': 'general_settings: {master_key: os.environ/NONE}\n' },
      { environment: { LITELLM_MASTER_KEY: 'sk-other' } },
    );
    expect(configuration).toBeUndefined();
  });

  it('does not resolve a value that looks like a reference', async () => {
    const { configuration } = await readTexts({ 'main.yaml': text }, { environment: { K: 'os.environ/L', L: 'x' } });
    expect(configuration?.deployments[0]?.apiKey?.equals('os.environ/L')).toBe(true);
  });

  it('resolves no reference to what every object inherits', async () => {
    const { diagnostics } = await readTexts({ 'main.yaml': text.replace('/K', '/toString') });
    expect(diagnostics.map(({ message }) => message)).toEqual(['The environment variable toString is not set.']);
  });

  it('writes out "*" as one wildcard a provider and one for each family of bare names', async () => {
    const { configuration, diagnostics } = await readTexts({
      'main.yaml': 'model_list:\n  - {model_name: "my-*", litellm_params: {model: "*"}}\n',
    });
    const names = configuration?.deployments.map(
      ({ modelName, provider, model }) => `${modelName} → ${provider} ${model}`,
    );
    expect(names).toEqual(
      expect.arrayContaining([
        'my-openai/* → openai *',
        'my-anthropic/* → anthropic *',
        'my-gpt-* → openai gpt-*',
        'my-claude-* → anthropic claude-*',
      ]),
    );
    expect(new Set(configuration?.deployments.map(({ id }) => id)).size).toBe(names?.length);
    expect(diagnostics).toEqual([]);
  });

  it('gives variants of an entry with an id ids of their own', async () => {
    const { configuration } = await readTexts({
      'main.yaml':
        'model_list:\n  - {model_name: a, litellm_params: {model: openai/a, organization: [x, y]}, model_info: {id: mine}}\n',
    });
    const ids = configuration?.deployments.map(({ id }) => id) ?? [];
    expect(ids).toHaveLength(2);
    for (const id of ids) expect(id).toMatch(/^mine-[0-9a-f]{8}$/);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it('gives a deployment the same id whatever the order of its keys', async () => {
    const idOf = async (parameters: string) => {
      const { configuration } = await readTexts({
        'main.yaml': `model_list:\n  - {model_name: a, litellm_params: {${parameters}}}\n`,
      });
      return configuration?.deployments[0]?.id;
    };
    expect(await idOf('model: openai/a, rpm: 3')).toBe(await idOf('rpm: 3, model: openai/a'));
    expect(await idOf('model: openai/a, rpm: 3')).not.toBe(await idOf('rpm: 4, model: openai/a'));
  });

  it('accepts a strategy that an entry of plugins brings', async () => {
    const { configuration, diagnostics } = await readTexts({
      'main.yaml': 'plugins: [{use: ./mine, as: cheap}]\nrouter_settings: {routing_strategy: cheap}\n',
    });
    expect(diagnostics).toEqual([]);
    expect(configuration?.router.routingStrategy).toBe('cheap');
  });

  it('tells everything at once, in order', async () => {
    const { diagnostics } = await readTexts({
      'main.yaml':
        'router_settings:\n  timeout: soon\n  num_retries: x\ngeneral_settings:\n  drain_timout: 3\nplugins: 3\n',
    });
    expect(diagnostics.map(({ place }) => place.line)).toEqual([2, 3, 5, 6]);
  });

  it('stops counting after a thousand findings and says so', async () => {
    const lines = Array.from({ length: 1500 }, (_, index) => `key${index}qqqqqqqqqq: 1`);
    const { diagnostics } = await readTexts({ 'main.yaml': lines.join('\n') });
    expect(diagnostics).toHaveLength(1001);
    expect(diagnostics.at(-1)?.message).toBe('500 more findings are not shown.');
  });
});
