/** `rutter init`: what it writes passes the check and serves. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ask } from '../e2e/router-support.ts';
import { openAiVendor, startGateway, startVendor } from '../support/index.ts';
import { folderWith, rutter } from './commands.ts';

const keys = {
  OPENAI_API_KEY: 'sk-canary-openai',
  ANTHROPIC_API_KEY: 'sk-ant-canary',
  RUTTER_MASTER_KEY: 'sk-canary-master',
};

async function written(env: Record<string, string>) {
  const folder = await folderWith({});
  const said = await rutter(['init'], { folder, env });
  return { folder, said, text: await readFile(join(folder, 'config.yaml'), 'utf8') };
}

describe('rutter init', () => {
  it('writes what it finds, by name, passes the check and serves', async () => {
    const { folder, said, text } = await written(keys);
    expect(said.code).toBe(0);
    expect(text + said.stdout + said.stderr).not.toContain('canary');
    for (const name of Object.keys(keys)) expect(text).toContain(`os.environ/${name}`);
    const check = await rutter(['check', 'config.yaml'], { folder, env: keys });
    expect(check.stdout).toMatch(/^It would start: 0 errors, 0 warnings; \d+ deployments from 1 file\.\n$/);

    const vendor = await startVendor(openAiVendor({ reply: 'from the vendor' }));
    const origin = `plugins:\n  - { use: provider-openai, config: { origin: '${vendor.url}/v1' } }\n`;
    const gateway = await startGateway({ config: text + origin, env: keys });
    const headers = { authorization: `Bearer ${keys.RUTTER_MASTER_KEY}` };
    expect((await ask(gateway, 'gpt-4o-mini', { headers })).said).toBe('from the vendor');
    expect((await ask(gateway, 'openai/anything', { headers })).said).toBe('from the vendor');
    await gateway.stop();
  });

  it('writes one that answers without any key', async () => {
    const { folder, said, text } = await written({});
    expect(said.code).toBe(0);
    expect((await rutter(['check', 'config.yaml'], { folder })).code).toBe(0);
    const gateway = await startGateway({ config: text });
    expect((await ask(gateway, 'simulated')).status).toBe(200);
    await gateway.stop();
  });

  it('leaves a file that exists as it is', async () => {
    const folder = await folderWith({ 'config.yaml': 'mine: true\n' });
    const { code, stderr } = await rutter(['init'], { folder, env: keys });
    expect(code).toBe(1);
    expect(stderr).toContain('config.yaml was not written: it exists');
    expect(await readFile(join(folder, 'config.yaml'), 'utf8')).toBe('mine: true\n');
    expect((await rutter(['init', 'other.yaml'], { folder, env: keys })).code).toBe(0);
  });

  it('says why a file cannot be written', async () => {
    const folder = await folderWith({});
    const { code, stderr } = await rutter(['init', 'no/such/folder/config.yaml'], { folder });
    expect(code).toBe(1);
    expect(stderr).toContain('was not written: ENOENT');
  });
});
