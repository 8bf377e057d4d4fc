import { readFileSync } from 'node:fs';
import { assertConforms, checkProvider, deployment, fakeHost } from '@rutter/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import definition from './index.ts';
import { tableLines } from './table.ts';
import { vendors } from './vendors.ts';

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');
const { rutter } = JSON.parse(read('package.json'));
const provider = await definition.setup(fakeHost(), definition.config.parse({}));
const at = (prefix: string, model = 'm', params = {}) => deployment({ provider: prefix, model, params });
const sent = (prefix: string, fields: object, model?: string, params?: object) =>
  provider.chat!.pass!({
    deployment: at(prefix, model, params),
    stream: false,
    fields: { model: model ?? 'm', messages: [{ role: 'user', content: 'q' }], ...fields },
  });

describe('the table', () => {
  it('says the same as the manifest: every prefix, and the first variable of every key', () => {
    expect(rutter.claims.modelPrefixes).toEqual(vendors.flatMap(({ prefixes }) => prefixes));
    const keys = vendors.filter(({ origin }) => origin !== '');
    expect(rutter.claims.environment).toEqual(
      keys.map(({ prefixes, keys: [variable] }) => ({ variable, models: [], prefix: prefixes[0] })),
    );
  });

  it('stands in the README as it is', () => {
    const lines = read('README.md').split('\n');
    const start = lines.indexOf(tableLines()[0] as string);
    expect(lines.slice(start, start + tableLines().length)).toEqual(tableLines());
    expect(lines[start + tableLines().length]).toBe('');
  });

  it('is in the order of names, and says nothing twice', () => {
    const names = vendors.map(({ name }) => name.toLowerCase().replace('/', ''));
    expect(names).toEqual(names.toSorted());
    for (const of of [vendors.flatMap(({ prefixes }) => prefixes), vendors.flatMap(({ keys }) => keys)])
      expect(new Set(of).size).toBe(of.length);
  });

  it.each(vendors.map((vendor) => ({ ...vendor })))(
    'row of $name is sound',
    ({ origin, keys, bases, isKeyOptional }) => {
      if (origin !== '')
        expect(origin).toMatch(isKeyOptional ? /^http:\/\/127\.0\.0\.1:\d+\// : /^https:\/\/[^/]+(\/[\w./-]+)?$/);
      expect(origin).not.toMatch(/\/$/);
      for (const name of [...keys, ...bases]) expect(name).toMatch(/^[A-Z][A-Z0-9_]+$/);
    },
  );
});

describe('the provider', () => {
  // One of each manner in which rows differ.
  const differing = ['anyscale', 'cerebras', 'fireworks_ai', 'github', 'huggingface', 'moonshot', 'perplexity', 'xai'];
  it.each(differing)('passes the kit as %s', async (prefix) => {
    assertConforms(await checkProvider(definition, { deployment: { provider: prefix } }));
  });

  it.each(vendors.map((vendor) => [vendor.prefixes[0] as string, vendor] as const))(
    'calls %s where its row says, with its key',
    (prefix, { origin, keys, bases, isKeyOptional }) => {
      const { origin: originOf, auth, variables } = provider;
      if (typeof originOf !== 'function' || typeof auth !== 'function' || typeof variables !== 'function')
        throw new Error('expected functions');
      expect(originOf(at(prefix))).toBe(origin);
      expect(auth(at(prefix))).toMatchObject({
        header: 'authorization',
        variable: keys,
        optional: isKeyOptional === true,
      });
      expect(variables(prefix)).toEqual({ api_base: bases });
    },
  );
});

describe('a row', () => {
  const lacking = vendors.flatMap(({ prefixes, lacks = [] }) =>
    lacks.map((param) => [prefixes[0] as string, param] as const),
  );
  const asking: Readonly<Record<string, unknown>> = { n: 2, stop: 'x', tools: [{ type: 'function' }], logprobs: true };

  it.each(lacking)('of %s refuses %s by name, or drops it where the deployment says so', (prefix, param) => {
    const fields = { [param]: asking[param] ?? false };
    expect(() => sent(prefix, fields)).toThrow(
      expect.objectContaining({ code: 'ERR_REQUEST_UNSUPPORTED_PARAMETER', param }),
    );
    expect(sent(prefix, fields, 'm', { drop_params: true })).toMatchObject({ remove: [param], dropped: [param] });
    expect(sent(prefix, fields, 'm', { allowed_openai_params: [param] }).remove).toBeUndefined();
  });

  it('of xAI lacks some parameters for its reasoning models alone', () => {
    expect(() => sent('xai', { stop: ['x'] }, 'grok-4-fast')).toThrow(/xAI \(reasoning models\) has no stop/);
    expect(sent('xai', { stop: ['x'] }, 'grok-3').remove).toBeUndefined();
    expect(sent('xai', { stop: ['x'] }, 'grok-3-mini', { drop_params: true })).toMatchObject({ dropped: ['stop'] });
  });

  it.each(
    vendors.flatMap(({ prefixes, limitName }) => (limitName ? [[prefixes[0] as string, limitName] as const] : [])),
  )('of %s names the limit %s', (prefix, limitName) => {
    const other = limitName === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens';
    expect(sent(prefix, { [other]: 7 })).toMatchObject({ set: { [limitName]: 7 }, remove: [other] });
  });

  it('says what becomes of a choice of tools', () => {
    const named = { type: 'function', function: { name: 'f' } };
    expect(sent('fireworks_ai', { tool_choice: 'required' }).set).toMatchObject({ tool_choice: 'any' });
    expect(sent('fireworks_ai', { tool_choice: named }).set).not.toHaveProperty('tool_choice');
    for (const [prefix, choice] of [
      ['moonshot', 'required'],
      ['deepinfra', 'required'],
      ['deepinfra', named],
    ] as const) {
      expect(() => sent(prefix, { tool_choice: choice })).toThrow(expect.objectContaining({ param: 'tool_choice' }));
      const dropped = sent(prefix, { tool_choice: choice }, 'm', { drop_params: true });
      expect(dropped).toMatchObject({ remove: ['tool_choice'], dropped: ['tool_choice'] });
    }
    expect(sent('moonshot', { tool_choice: named }).remove).toBeUndefined();
    expect(sent('hyperbolic', { tool_choice: 'required' }).set).toBeUndefined();
  });

  it('says where reasoning of the history goes', () => {
    const messages = [{ role: 'assistant', content: 'a', reasoning_content: 'r' }];
    expect(sent('moonshot', { messages }).set).toBeUndefined();
    expect(sent('cerebras', { messages }).set).toEqual({
      messages: [{ role: 'assistant', content: 'a', reasoning: 'r' }],
    });
    expect(sent('nscale', { messages }).set).toEqual({ messages: [{ role: 'assistant', content: 'a' }] });
  });

  it.each([
    ['fireworks_ai', 'llama-v3p1', 'accounts/fireworks/models/llama-v3p1'],
    ['fireworks_ai', 'accounts/me/models/x', 'accounts/me/models/x'],
    ['fireworks_ai', 'x#deployment', 'x#deployment'],
    ['huggingface', 'together/deepseek-ai/DeepSeek-R1', 'deepseek-ai/DeepSeek-R1:together'],
    ['huggingface', 'deepseek-ai/DeepSeek-R1', 'deepseek-ai/DeepSeek-R1'],
    ['xai', 'grok-4', 'grok-4'],
  ])('of %s has %s as %s', (prefix, model, expected) => {
    expect(sent(prefix, { model: 'g' }, model).set).toMatchObject({ model: expected });
    const { body } = provider.embeddings!.request({
      model: 'g',
      input: ['x'],
      extra: {},
      deployment: at(prefix, model),
    });
    expect(body).toMatchObject({ model: expected });
  });

  it('keeps OpenAI’s rules only where OpenAI’s models are called', () => {
    expect(sent('github', { max_tokens: 5 }, 'openai/o3')).toMatchObject({ set: { max_completion_tokens: 5 } });
    expect(sent('huggingface', { max_tokens: 5, temperature: 0 }, 'x/o3').set).toBeUndefined();
  });
});
