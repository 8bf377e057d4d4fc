import type { Deployment } from '@rutter/plugin-sdk';
import { assertConforms, checkProvider, deployment, fakeHost } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import { baseModelOf, foundryAddress, openAiAddress } from './address.ts';
import definition from './index.ts';

const provider = await definition.setup(fakeHost(), definition.config.parse({}));
const at = (apiBase: string, change: Partial<Deployment> = {}) =>
  deployment({ model: 'dep', provider: 'azure', apiBase, ...change });
const urlOf = ({ path, query }: { path: string; query: object }, base: string) =>
  `${path.startsWith('http') ? path : base + path} ${new URLSearchParams({ ...query })}`.trim();

describe('the provider', () => {
  it.each(['azure', 'azure_ai'])('passes the kit as %s', async (prefix) => {
    assertConforms(await checkProvider(definition, { deployment: { provider: prefix } }));
  });

  it('tells which variables stand in for settings, by prefix', () => {
    const { variables } = provider;
    if (typeof variables !== 'function') throw new Error('expected a function');
    expect(variables('azure')).toMatchObject({ api_base: ['AZURE_API_BASE'], api_version: ['AZURE_API_VERSION'] });
    expect(variables('azure_ai').api_base).toEqual(['AZURE_AI_API_BASE']);
    expect(variables('azure_ai').api_version).toBeUndefined();
  });
});

const resource = 'https://res.openai.azure.com';

describe('an address of Azure OpenAI', () => {
  it.each<[string, Partial<Deployment>, string]>([
    [resource, {}, `${resource}/openai/deployments/dep/embeddings api-version=2020-01-01`],
    [`${resource}/openai/v1`, { apiVersion: '2024-10-21' }, `${resource}/openai/v1/embeddings`],
    [`${resource}/openai/v1`, { apiVersion: 'preview' }, `${resource}/openai/v1/embeddings api-version=preview`],
    [`${resource}/openai`, { apiVersion: 'latest' }, `${resource}/openai/v1/embeddings`],
    [`${resource}/openai/v1/embeddings`, {}, `${resource}/openai/v1/embeddings`],
    [
      `${resource}?api-version=2024-06-01&x=a%20b`,
      {},
      `${resource}/openai/deployments/dep/embeddings api-version=2024-06-01&x=a+b`,
    ],
    [
      'https://gateway.ai.cloudflare.com/v1/a/g/azure-openai/res',
      {},
      'https://gateway.ai.cloudflare.com/v1/a/g/azure-openai/res/dep/embeddings api-version=2020-01-01',
    ],
  ])('%s with %o is %s', (base, change, expected) => {
    const found = openAiAddress(at(base, change), 'embeddings', '2020-01-01');
    expect(urlOf(found, base)).toBe(expected);
  });
});

describe('an address of Foundry', () => {
  const foundry = 'https://res.services.ai.azure.com';
  it.each<[string, Partial<Deployment>, string]>([
    [foundry, {}, `${foundry}/models/chat/completions api-version=2024-05-01-preview`],
    [`${foundry}/models`, { apiVersion: 'x' }, `${foundry}/models/chat/completions api-version=x`],
    [`${foundry}/openai/v1`, {}, `${foundry}/openai/v1/chat/completions`],
    ['https://m.eastus.models.ai.azure.com', {}, 'https://m.eastus.models.ai.azure.com/v1/chat/completions'],
    ['https://m.example/v1/chat/completions', {}, 'https://m.example/v1/chat/completions'],
  ])('%s with %o is %s', (base, change, expected) => {
    expect(urlOf(foundryAddress(at(base, change), 'chat/completions'), base)).toBe(expected);
  });

  it('says how the key is sent', () => {
    const auth = (apiBase: string) => {
      if (typeof provider.auth !== 'function') throw new Error('expected a function');
      const found = provider.auth(at(apiBase, { provider: 'azure_ai' }));
      return found.scheme === 'first' ? found.of[0] : undefined;
    };
    expect(auth(foundry)).toMatchObject({ header: 'api-key', variable: 'AZURE_AI_API_KEY' });
    expect(auth('https://m.eastus.models.ai.azure.com')).toMatchObject({ header: 'authorization', prefix: 'Bearer ' });
    expect(auth('https://evil.example/.services.ai.azure.com')).toMatchObject({ header: 'authorization' });
  });
});

describe('Claude in Foundry', () => {
  const foundry = 'https://res.services.ai.azure.com';
  const claude = (change: Partial<Deployment>) =>
    at(foundry, { provider: 'azure_ai', model: 'claude-sonnet-4-5', ...change });
  const request = { model: 'm', messages: [{ role: 'user' as const, content: 'Hello.' }], stream: false, extra: {} };

  it.each<[Partial<Deployment>, string]>([
    [{}, '/anthropic/v1/messages'],
    [{ apiBase: `${foundry}/anthropic/` }, '/v1/messages'],
    [{ apiBase: `${foundry}/anthropic/v1` }, '/messages'],
    [{ apiBase: `${foundry}/anthropic/v1/messages` }, ''],
    [{ model: 'mine', apiBase: `${foundry}/anthropic` }, '/v1/messages'],
    [{ model: 'mine', info: { base_model: 'azure_ai/claude-opus-4-1' } }, '/anthropic/v1/messages'],
  ])('with %o is asked at %s by the name of its deployment', (change, path) => {
    const deployment = claude(change);
    const written = provider.chat!.request({ ...request, deployment });
    expect(written).toMatchObject({ path, body: { model: deployment.model, max_tokens: 4096 } });
    expect(provider.chat!.passes!(deployment)).toBe(false);
  });

  it('is none where another model stands there, or at Azure OpenAI', () => {
    for (const change of [{ model: 'DeepSeek-R1' }, { provider: 'azure' }])
      expect(provider.chat!.passes!(claude(change))).toBe(true);
  });

  it('takes what its version takes, whatever the deployment is called', () => {
    const both = { ...request, temperature: 0.1, topP: 0.9 };
    const deployment = claude({ model: 'mine', info: { base_model: 'azure_ai/claude-opus-4-1' } });
    expect(() => provider.chat!.request({ ...both, deployment })).toThrow(/top_p/);
  });
});

describe('a credential', () => {
  const auth = (params: Record<string, unknown>) => {
    if (typeof provider.auth !== 'function') throw new Error('expected a function');
    return provider.auth(at(resource, { params }));
  };

  it.each([
    ['ClientSecretCredential', 'client_credentials'],
    ['WorkloadIdentityCredential', 'client_assertion'],
    ['ManagedIdentityCredential', 'managed_identity'],
  ])('of the type %s is the only one', (type, grant) => {
    expect(auth({ azure_credential_type: type })).toMatchObject({ scheme: 'oauth2', grant });
  });

  it('of no type is whichever is given, and of the default type no key', () => {
    const schemes = (found: ReturnType<typeof auth>) =>
      found.scheme === 'first' ? found.of.map((one) => (one.scheme === 'oauth2' ? one.grant : one.scheme)) : [];
    const grants = ['client_credentials', 'client_assertion', 'managed_identity'];
    expect(schemes(auth({}))).toEqual(['header', 'header', ...grants]);
    expect(schemes(auth({ azure_credential_type: 'DefaultAzureCredential' }))).toEqual([
      'managed_identity',
      'client_credentials',
      'client_assertion',
    ]);
  });

  it('is asked for at another authority, for another scope', () => {
    const params = { azure_authority_host: 'login.microsoftonline.us/', azure_scope: 'https://ai.azure.us/.default' };
    expect(auth({ ...params, azure_credential_type: 'ClientSecretCredential' })).toMatchObject({
      tokenUrl: 'https://login.microsoftonline.us/{tenant_id}/oauth2/v2.0/token',
      scope: 'https://ai.azure.us/.default',
    });
    expect(auth({ ...params, azure_credential_type: 'ManagedIdentityCredential' })).toMatchObject({
      audience: 'https://ai.azure.us',
    });
  });
});

describe('what runs behind a name', () => {
  it.each<[Partial<Deployment>, string]>([
    [{ model: 'mine', info: { base_model: 'azure/gpt-5' } }, 'azure/gpt-5'],
    [{ model: 'mine', params: { base_model: 'azure/o1' } }, 'azure/o1'],
    [{ model: 'gpt5_series/mine' }, 'gpt-5'],
    [{ model: 'o_series/mine', info: { base_model: '' } }, 'o3'],
    [{ model: 'mine' }, 'mine'],
  ])('of %o is %s', (change, expected) => {
    expect(baseModelOf(at(resource, change))).toBe(expected);
  });

  it('binds old versions to a schema by a tool', () => {
    const structured = (deployment: Parameters<typeof baseModelOf>[0]) =>
      provider.chat!.structured!(deployment, { model: 'g', messages: [], stream: false, extra: {} });
    expect(structured(at(resource, { apiVersion: '2024-06-01' }))).toBe('tool');
    expect(structured(at(resource, { apiVersion: '2024-10-21' }))).toBe('native');
    expect(structured(at(`${resource}/openai/v1`, { apiVersion: '2024-06-01' }))).toBe('native');
  });
});

describe('an error', () => {
  it('that is no JSON, or no refusal of the filter, is left as OpenAI’s', () => {
    expect(provider.failure!(502, '<html>', {})).toBeUndefined();
    const plain = '{"error":{"code":"content_filter","message":"m"}}';
    expect(provider.failure!(400, plain, {})).toMatchObject({
      code: 'ERR_PROVIDER_CONTENT_POLICY',
      vendor: { status: 400 },
    });
    const inner = '{"error":{"code":"content_filter","message":"m","inner_error":{"code":"x"}}}';
    expect(provider.failure!(400, inner, {})).toMatchObject({ vendor: { innererror: { code: 'x' } } });
  });
});
