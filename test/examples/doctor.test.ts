/** `rutter doctor` on the LiteLLM example and on files with faults. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { DoctorReport } from '../../core/cli/doctor-report.ts';
import { fail } from '../support/index.ts';
import { folderWith, rutter } from './commands.ts';
import { exampleVendors, read, variables } from './litellm-config.ts';

const vendors = await exampleVendors();
const env = variables(vendors);
const folder = await folderWith({
  'config.yaml': read('config.yaml'),
  'models.yaml': read('models.yaml'),
  'unset.yaml': `model_list:
  - { model_name: inner, litellm_params: { model: openai/a, api_key: sk-x, api_base: os.environ/INNER_BASE } }
  - { model_name: other, litellm_params: { model: openai/b, api_key: sk-x } }
  - { model_name: staged, litellm_params: { model: openai/c, api_key: sk-x }, model_info: { supported_environments: [production] } }
`,
  'refused.yaml': 'general_settings:\n  custom_auth: mine.check\n',
  'watched.yaml':
    'model_list: []\ngeneral_settings: { background_health_checks: true, global_max_parallel_requests: 5 }\n',
});
const run = (args: readonly string[], changed: Readonly<Record<string, string>> = {}) =>
  rutter(['doctor', ...args], { folder, env: { ...env, ...changed } });
const json = async (args: readonly string[], changed: Readonly<Record<string, string>> = {}) => {
  const said = await run([...args, '--json'], changed);
  return { code: said.code, report: JSON.parse(said.stdout) as DoctorReport };
};
const calls = () => Object.values(vendors).reduce((sum, { requests }) => sum + requests.length, 0);

describe('rutter doctor', () => {
  it('tells what every name calls, with which key and at what price, and calls nobody', async () => {
    const { code, report } = await json(['config.yaml']);
    expect(code).toBe(0);
    expect(calls()).toBe(0);
    expect(report.wouldStart).toBe(true);
    const model = (name: string) => report.models.find((one) => one.name === name);
    expect(model('gpt-5')?.deployments.map(({ id }) => id)).toEqual(['azure-eu', 'azure-us', 'openai-spare']);
    expect(model('gpt-4')).toMatchObject({ kind: 'alias', deployments: [{ model: 'gpt-5.4-mini' }, {}] });
    expect(model('house-model')).toMatchObject({ kind: 'alias', deployments: [{ id: 'assistant-paid' }, {}] });
    expect(model('anthropic/*')).toMatchObject({ kind: 'wildcard', sample: 'anthropic/claude-haiku-4-5' });
    expect(model('gpt-*')?.deployments).toMatchObject([{ provider: 'openai', model: expect.stringMatching(/^gpt-/) }]);
    expect(model('llama')?.deployments).toMatchObject([
      // 1000 tokens at 25e-8 and 500 at 5e-7.
      {
        sampleUsd: '0.0005',
        priceSource: 'the deployment',
        credential: { state: 'given' },
        address: `${vendors.groq.url}/openai/v1`,
      },
    ]);
    expect(model('claude')?.deployments[0]?.sampleUsd).toMatch(/^0\.\d+$/);
  });

  it('tells what has no effect and what differs, for this file', async () => {
    const { report } = await json(['config.yaml']);
    expect(report.ignored.map(({ key }) => key).toSorted()).toEqual([
      'general_settings.alerting',
      'litellm_settings.cache',
      'litellm_settings.cache_params',
      'litellm_settings.success_callback',
    ]);
    const topics = report.differences.map(({ topic }) => topic);
    expect(topics).toContain('The longest wait for a call');
    expect(topics).not.toContain('Too many requests at once');
    const { report: other } = await json(['watched.yaml']);
    expect(other.differences.map(({ topic }) => topic)).toContain('Too many requests at once');
  });

  it('names missing variables and the deployments without a key, and ends with 1', async () => {
    const { code, report } = await json(['config.yaml'], { GROQ_API_KEY: '' });
    expect(code).toBe(1);
    const groq = report.missingVariables.find(({ name }) => name === 'GROQ_API_KEY');
    expect(groq?.for.some((use) => use.includes('litellm_params.api_key'))).toBe(true);
    expect(groq?.for.some((use) => use.startsWith('the key of deployment'))).toBe(true);
    const text = (await run(['config.yaml'], { GROQ_API_KEY: '' })).stdout;
    expect(text).toContain('key: missing, expected GROQ_API_KEY');
  });

  it('tells that a deployment is left out whose address is not set, and ends with 1', async () => {
    const { code, report } = await json(['unset.yaml'], { INNER_BASE: '', LITELLM_ENVIRONMENT: 'staging' });
    expect(code).toBe(1);
    expect(report.wouldStart).toBe(true);
    expect(report.leftOut).toMatchObject([{ name: 'inner', reason: expect.stringContaining('address has no value') }]);
    expect(report.models.map(({ name }) => name)).toEqual(['other']);
    expect(report.missingVariables.map(({ name }) => name)).toEqual(['INNER_BASE']);
    expect(report.differences.map(({ topic }) => topic)).toContain('An address whose variable is not set');
    const text = (await run(['unset.yaml'], { LITELLM_ENVIRONMENT: 'staging' })).stdout;
    expect(text).toMatch(/Left out\n {2}inner: .*unset\.yaml:2/);
    expect(
      (await json(['unset.yaml'], { INNER_BASE: 'http://localhost:1', LITELLM_ENVIRONMENT: 'staging' })).code,
    ).toBe(0);
  });

  it('calls each deployment once with --live, and ends with 1 when one does not answer', async () => {
    const before = calls();
    const good = await json(['config.yaml', '--live']);
    expect(good.report.live?.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(good.code).toBe(0);
    expect(calls() - before).toBe(good.report.live?.length);
    // Wildcards without a model to ask are left out.
    expect(good.report.live).toHaveLength(18);

    vendors.mistral.use((exchange) => fail(exchange, 401));
    const bad = await json(['config.yaml', '--live']);
    expect(bad.code).toBe(1);
    expect(
      bad.report.live
        ?.filter(({ error }) => error !== undefined)
        .map(({ group }) => group)
        .toSorted(),
    ).toEqual(['codestral', 'mistral-large', 'mistral-small']);
  });

  it('gives up when the time that --live may take is over', async () => {
    vendors.groq.use(() => new Promise(() => {}));
    const started = performance.now();
    const { code, report } = await json(['config.yaml', '--live', '--timeout', '1']);
    expect(performance.now() - started).toBeLessThan(15_000);
    expect(code).toBe(1);
    expect(report.live?.find(({ group }) => group === 'llama')?.error).toBeTruthy();
    expect(report.live).toHaveLength(18);
  });

  it('says why a file would not start, and ends with 1', async () => {
    const { code, stdout } = await run(['refused.yaml']);
    expect(code).toBe(1);
    expect(stdout).toContain('"custom_auth" is refused: it names Python code');
    expect(stdout).toContain('It would not start.');
  });

  it('shows no key, and leaves nothing behind', async () => {
    const { stdout, stderr } = await run(['config.yaml', '--json']);
    for (const [name, value] of Object.entries(env))
      if (name.endsWith('_KEY')) expect(stdout + stderr, name).not.toContain(value);
    expect(readdirSync(folder).toSorted()).toEqual([
      'config.yaml',
      'models.yaml',
      'refused.yaml',
      'unset.yaml',
      'watched.yaml',
    ]);
  });

  it.each([
    [[], 'No file is named.'],
    [['config.yaml', '--timeout', 'soon'], 'expected a number of seconds above 0'],
    [['config.yaml', '--dead'], "'--dead'"],
    [['nothing.yaml'], 'does not exist'],
  ])('says what is wrong with %j', async (args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect(code).toBe(1);
    expect(stdout + stderr).toContain(message);
  });
});
