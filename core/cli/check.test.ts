import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfiguration } from '../config/read.ts';
import { check } from './check.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rutter-check-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function run(args: readonly string[]) {
  const written = { stdout: '', stderr: '' };
  const code = await check(args, {
    stdout: (text) => {
      written.stdout += text;
    },
    stderr: (text) => {
      written.stderr += text;
    },
    async read(files) {
      const known = { knownPrefixes: ['openai'], knownStrategies: ['simple-shuffle'] };
      const result = await readConfiguration({ files, environment: {}, ...known });
      return 'configuration' in result ? { ...result, warnings: result.configuration.warnings } : result;
    },
  });
  return { code, ...written };
}

async function checkText(text: string) {
  const file = join(folder, 'config.yaml');
  await writeFile(file, text);
  const { code, stdout, stderr } = await run([file]);
  expect(stderr).toBe('');
  return { code, lines: stdout.replaceAll(file, 'config.yaml').trimEnd().split('\n') };
}

describe('rutter check', () => {
  it('ends with 0 for a file that starts', async () => {
    const { code, lines } = await checkText('model_list:\n  - {model_name: a, litellm_params: {model: openai/a}}\n');
    expect(code).toBe(0);
    expect(lines).toEqual(['It would start: 0 errors, 0 warnings; 1 deployment from 1 file.']);
  });

  it('prints warnings and still ends with 0', async () => {
    const { code, lines } = await checkText(
      'model_list:\n  - {model_name: a, litellm_params: {model: opnai/a}}\nrouter_setings: {}\n',
    );
    expect(code).toBe(0);
    expect(lines).toEqual([
      'config.yaml:2:45  warning  model_list[0].litellm_params.model: No installed provider answers to "opnai". Did you mean "openai"? The deployment is skipped. (found "opnai/a", expected a model such as openai/name)',
      'config.yaml:3:1  warning  router_setings: The key "router_setings" is not known here. Did you mean "router_settings"? (found router_setings, expected router_settings)',
      'It would start: 0 errors, 2 warnings; 0 deployments from 1 file.',
    ]);
  });

  it('prints everything that is wrong and ends with 1', async () => {
    const { code, lines } = await checkText(
      'router_settings:\n  timeout: soon\n  fallbacks: x\ngeneral_settings:\n  master_key: 12\n',
    );
    expect(code).toBe(1);
    expect(lines).toEqual([
      'config.yaml:2:12  error  router_settings.timeout: The value is not a length of time. (found "soon", expected seconds, or a number with a unit such as 500ms, 30s, 5m, 2h or 1d)',
      expect.stringContaining('config.yaml:3:14  error  router_settings.fallbacks: The value is not a list.'),
      'config.yaml:5:15  error  general_settings.master_key: The value is not a text. (found [secret], expected a text; put it in quotes if it is one)',
      'It would not start: 3 errors, 0 warnings.',
    ]);
  });

  it('tells of a file that is not there', async () => {
    const { code, stdout } = await run([join(folder, 'none.yaml')]);
    expect(code).toBe(1);
    expect(stdout).toContain('The file does not exist.');
    expect(stdout).toContain('It would not start: 1 error, 0 warnings.');
  });

  it.each([
    [[], 'No file is named.'],
    [['--fast', 'x'], 'The option "--fast" is not known.'],
  ])('shows how it is used, and ends with 1, for %j', async (args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(stderr).toContain('Usage: rutter check <file>');
  });

  it('shows how it is used when asked', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('Usage: rutter check <file>');
  });
});
