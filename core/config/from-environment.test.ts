import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { composeFromEnvironment } from './from-environment.ts';
import { readTexts } from './testing.ts';

const claims = [
  { prefix: 'openai', variable: 'OPENAI_API_KEY', models: ['gpt-4o', 'openai/gpt-4o-mini', 'gpt-4o'] },
  { prefix: 'anthropic/', variable: 'ANTHROPIC_API_KEY', models: ['claude-sonnet-4-5'] },
];

describe('a configuration composed from the environment', () => {
  it('offers the models of each vendor whose key is found, and the rest of them by prefix', async () => {
    const environment = { OPENAI_API_KEY: 'sk-one-1', ANTHROPIC_API_KEY: 'sk-two-2' };
    const { yaml, notes } = composeFromEnvironment(environment, claims);
    expect(parse(yaml)).toEqual({
      model_list: [
        { model_name: 'gpt-4o', litellm_params: { model: 'openai/gpt-4o', api_key: 'os.environ/OPENAI_API_KEY' } },
        {
          model_name: 'gpt-4o-mini',
          litellm_params: { model: 'openai/gpt-4o-mini', api_key: 'os.environ/OPENAI_API_KEY' },
        },
        { model_name: 'openai/*', litellm_params: { model: 'openai/*', api_key: 'os.environ/OPENAI_API_KEY' } },
        {
          model_name: 'claude-sonnet-4-5',
          litellm_params: { model: 'anthropic/claude-sonnet-4-5', api_key: 'os.environ/ANTHROPIC_API_KEY' },
        },
        {
          model_name: 'anthropic/*',
          litellm_params: { model: 'anthropic/*', api_key: 'os.environ/ANTHROPIC_API_KEY' },
        },
      ],
    });
    expect(notes).toEqual([
      'OPENAI_API_KEY was found: gpt-4o, gpt-4o-mini, openai/* go to openai.',
      'ANTHROPIC_API_KEY was found: claude-sonnet-4-5, anthropic/* go to anthropic.',
      'No master key was found: callers need none. Set RUTTER_MASTER_KEY to ask for one.',
    ]);
    expect(yaml + notes.join()).not.toMatch(/sk-(one|two)/);
    const { configuration, diagnostics } = await readTexts({ 'main.yaml': yaml }, { environment });
    expect(diagnostics).toEqual([]);
    expect(configuration?.deployments).toHaveLength(5);
  });

  it('names a few variables that would help, first those of vendors whose models are known', () => {
    const many = Array.from({ length: 50 }, (_, index) => ({
      prefix: `p${index}`,
      variable: `KEY_${index}`,
      models: [],
    }));
    const { notes } = composeFromEnvironment({}, [...many, ...claims]);
    expect(notes[0]).toMatch(
      / Set OPENAI_API_KEY or ANTHROPIC_API_KEY or KEY_0 or KEY_1 or the key of another vendor to reach a vendor\.$/,
    );
  });

  it('leaves out a vendor whose variable is blank', () => {
    const { yaml } = composeFromEnvironment({ OPENAI_API_KEY: '  ', ANTHROPIC_API_KEY: 'x' }, claims);
    expect(yaml).not.toContain('openai');
  });

  it('offers a simulated provider under every name when no key is found, and says which would help', async () => {
    const { yaml, notes } = composeFromEnvironment({}, claims);
    expect(notes[0]).toBe(
      'No vendor\'s key was found: a simulated provider answers, as "simulated" and as every other name. Set OPENAI_API_KEY or ANTHROPIC_API_KEY to reach a vendor.',
    );
    const { configuration, diagnostics } = await readTexts({ 'main.yaml': yaml }, { knownPrefixes: ['simulated'] });
    expect(diagnostics).toEqual([]);
    expect(configuration?.deployments.map(({ modelName, provider, model }) => [modelName, provider, model])).toEqual([
      ['simulated', 'simulated', 'default'],
      ['*', 'simulated', 'default'],
    ]);
  });

  it.each(['RUTTER_MASTER_KEY', 'LITELLM_MASTER_KEY'])('asks callers for the key in %s', async (name) => {
    const environment = { [name]: 'sk-master-1' };
    const { yaml, notes } = composeFromEnvironment(environment, []);
    expect(yaml).toContain(`master_key: os.environ/${name}`);
    expect(notes).toContain(`${name} is the master key: callers need it.`);
    const { configuration } = await readTexts({ 'main.yaml': yaml }, { environment, knownPrefixes: ['simulated'] });
    expect(configuration?.settings.general_settings).toEqual({ master_key: 'sk-master-1' });
  });
});
