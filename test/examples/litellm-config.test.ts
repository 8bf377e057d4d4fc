/** The LiteLLM example runs as it is written: names, weights, orders, tags, fallbacks, credentials, costs. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Asking, ask as askGateway, tally } from '../e2e/router-support.ts';
import { fail, openAiVendor, root, startGateway } from '../support/index.ts';
import { exampleVendors, folder, masterKey, read, type VendorName, variables } from './litellm-config.ts';

const vendors = await exampleVendors();
const env = variables(vendors);
const gateway = await startGateway({ config: read('config.yaml'), files: { 'models.yaml': read('models.yaml') }, env });
const headers = { authorization: `Bearer ${masterKey}` };
const ask = (model: string, asking: Asking = {}) =>
  askGateway(gateway, model, { ...asking, headers: { ...headers, ...asking.headers } });
const last = (name: VendorName) => vendors[name].requests.at(-1);

/** The vendor fails while something is done, and is well again after it. */
async function failing<T>(name: VendorName, status: number, during: () => Promise<T>, body?: unknown): Promise<T> {
  vendors[name].use((exchange) => fail(exchange, body === undefined ? status : { status, body }));
  try {
    return await during();
  } finally {
    vendors[name].use(openAiVendor({ reply: name }));
  }
}

describe('the LiteLLM example', () => {
  it('names every variable it refers to in variables.env', () => {
    const text = read('config.yaml') + read('models.yaml');
    const used = new Set([...text.matchAll(/os\.environ\/(\w+)/g)].map(([, name]) => name));
    const listed = new Set([...read('variables.env').matchAll(/^(\w+)=/gm)].map(([, name]) => name));
    expect([...used].filter((name) => !listed.has(name))).toEqual([]);
    expect(Object.keys(env).toSorted()).toEqual([...listed].toSorted());
  });

  it('is without a fault: rutter check warns of what has no effect, and of nothing else', () => {
    const out = execFileSync(join(root, 'node_modules/.bin/rutter'), ['check', 'config.yaml'], {
      cwd: folder,
      env: { PATH: process.env.PATH, ...env },
      encoding: 'utf8',
    });
    const lines = out.trim().split('\n');
    expect(lines.at(-1)).toBe('It would start: 0 errors, 4 warnings; 20 deployments from 2 files.');
    expect(
      lines
        .slice(0, -1)
        .map((line) => /"(\w+)" is not honoured yet/.exec(line)?.[1])
        .toSorted(),
    ).toEqual(['alerting', 'cache', 'cache_params', 'success_callback']);
  });

  it('asks for the master key', async () => {
    expect((await askGateway(gateway, 'gpt-5')).status).toBe(401);
  });

  it('shares the load by weight among deployments of the lowest order', async () => {
    const said = tally(await Promise.all(Array.from({ length: 80 }, () => ask('gpt-5'))));
    expect(Object.keys(said).toSorted()).toEqual(['azureEu', 'azureUs']);
    expect(said.azureEu).toBeGreaterThan(said.azureUs as number);
    expect(last('azureEu')?.path).toContain(
      '/openai/deployments/gpt-5-eu/chat/completions?api-version=2025-02-01-preview',
    );
    expect(last('azureEu')?.headers['api-key']).toBe('azure-eu-key');
  });

  it.each<[string, VendorName, string, string]>([
    ['gpt-4', 'openai', 'gpt-5.4-mini', 'an alias'],
    ['default', 'anthropic', 'claude-sonnet-5', 'a hidden alias'],
    ['house-model', 'openai', 'gpt-4o-mini', 'a global alias'],
    ['claude-haiku', 'anthropic', 'claude-haiku-4-5', 'an included file'],
    ['anthropic/claude-opus-5', 'anthropic', 'claude-opus-5', 'a wildcard under a prefix'],
    ['groq-llama-guard', 'groq', 'llama-guard', 'a wildcard of another name'],
    ['gpt-6-preview', 'openai', 'gpt-6-preview', 'a wildcard within the name'],
    ['claude-3-opus', 'anthropic', 'claude-3-opus', 'a bare name of a known family'],
    ['azure-us', 'azureUs', 'gpt-5-us', 'the id of a deployment'],
  ])('takes %s to %s as %s: %s', async (name, vendor, model) => {
    const answer = await ask(name);
    expect(answer.said).toBe(vendor);
    expect(answer.model).toBe(name);
    const { json, path } = last(vendor) as { json: Record<string, unknown>; path: string };
    expect(json.model ?? path).toContain(model);
  });

  it('lists groups and visible aliases, and no hidden one', async () => {
    const reply = await fetch(`${gateway.url}/v1/models`, { headers });
    const names = ((await reply.json()) as { data: { id: string }[] }).data.map(({ id }) => id);
    expect(names).toEqual(expect.arrayContaining(['gpt-5', 'gpt-4', 'claude', 'llama', 'embeddings']));
    expect(names).not.toContain('default');
    expect(names).not.toContain('staging-preview');
  });

  it('calls as each organisation of the list', async () => {
    const seen = new Set<unknown>();
    for (let count = 0; count < 24; count++) {
      await ask('gpt-mini');
      seen.add(last('openai')?.headers['openai-organization']);
    }
    expect([...seen].toSorted()).toEqual(['org-product', 'org-research']);
  });

  it('sends the defaults, headers and fields of a deployment, and what the caller says in their stead', async () => {
    await ask('gpt-mini');
    expect(last('openai')?.json).toMatchObject({ temperature: 0.2 });
    await ask('gpt-mini', { body: { temperature: 1 } });
    expect(last('openai')?.json).toMatchObject({ temperature: 1 });
    await ask('codestral');
    expect(last('mistral')?.headers['x-team']).toBe('tools');
    expect(last('mistral')?.json).toMatchObject({ safe_prompt: false });
    await ask('claude-haiku');
    expect(last('anthropic')?.json).toMatchObject({ max_tokens: 2048 });
  });

  it('sends those who pay to one deployment and all others to the default one', async () => {
    expect((await ask('assistant', { body: { tags: ['paid'] } })).headers.get('x-litellm-model-id')).toBe(
      'assistant-paid',
    );
    expect((await ask('assistant')).headers.get('x-litellm-model-id')).toBe('assistant-free');
  });

  it('goes on with the standby, then with other vendors, when a group fails', async () => {
    const standby = await failing('azureEu', 500, () => failing('azureUs', 500, () => ask('gpt-5')));
    expect(standby.said).toBe('openai');
    expect(standby.headers.get('x-litellm-model-id')).toBe('openai-spare');
  });

  it('follows the context-window list for a prompt that is too long, and the content list for a refusal', async () => {
    const tooLong = {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'prompt is too long: 300000 tokens > 200000 maximum' },
    };
    let calls = 0;
    const { requests } = vendors.anthropic;
    vendors.anthropic.use((exchange) => {
      calls++;
      return fail(exchange, { status: 400, body: tooLong });
    });
    const long = await ask('claude');
    expect(long.status).toBe(400);
    expect(calls).toBeGreaterThanOrEqual(2);
    expect(requests.slice(-2).map(({ json }) => json?.model)).toEqual(['claude-sonnet-5', 'claude-opus-5']);

    const refused = {
      error: {
        message: 'Your request was rejected by our safety system.',
        type: 'invalid_request_error',
        code: 'content_policy_violation',
      },
    };
    expect((await failing('openai', 400, () => ask('gpt-mini'), refused)).said).toBe('mistral');
  });

  it('goes on with the default fallback where no list names the group', async () => {
    expect((await failing('groq', 500, () => ask('llama-small'))).said).toBe('mistral');
  });

  it('charges the price that a deployment names', async () => {
    const { headers: told } = await ask('llama');
    // 9 prompt tokens at 25e-8 and 3 of the reply at 5e-7.
    expect(Number(told.get('x-litellm-response-cost'))).toBeCloseTo(0.00000375, 12);
  });

  it('embeds with the credential and the dimensions of the deployment', async () => {
    const reply = await fetch(`${gateway.url}/v1/embeddings`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'embeddings', input: 'a' }),
    });
    expect(reply.status).toBe(200);
    expect(last('openai')?.json).toMatchObject({ model: 'text-embedding-3-small', dimensions: 512 });
    expect(last('openai')?.headers.authorization).toBe('Bearer sk-openai-main');
  });

  it('leaves out a model of another environment', async () => {
    const reply = await fetch(`${gateway.url}/v1/models`, { headers });
    expect(await reply.text()).not.toContain('staging-preview');
  });
});
