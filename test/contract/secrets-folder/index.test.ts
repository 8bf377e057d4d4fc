import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAiVendor, startGateway, startRefused, startVendor, type Vendor } from '../../support/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'rutter-secrets-'));
writeFileSync(join(folder, 'vendor-key'), 'canary-vendor-4711\n');
writeFileSync(join(folder, 'master'), 'canary-master-0815\n');

let vendor: Vendor;
beforeAll(async () => {
  vendor = await startVendor(openAiVendor({ reply: 'Hello.' }));
});
afterAll(() => vendor.close());

const config = (more: object = {}) => ({
  plugins: [{ use: import.meta.dirname, trust: true, config: { folder } }],
  model_list: [
    {
      model_name: 'm',
      litellm_params: { model: 'openai/m', api_base: `${vendor.url}/v1`, api_key: 'mounted/vendor-key', ...more },
    },
  ],
  general_settings: { master_key: 'mounted/master' },
});

const ask = (url: string, key: string) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hi' }] }),
  });

describe('a secrets plugin', () => {
  it('gives deployments and other plugins what references name, and the reference itself opens nothing', async () => {
    const gateway = await startGateway({ config: config() });
    expect((await ask(gateway.url, 'canary-master-0815')).status).toBe(200);
    expect(vendor.requests.at(-1)?.headers.authorization).toBe('Bearer canary-vendor-4711');
    expect((await ask(gateway.url, 'mounted/master')).status).toBe(401);
    expect(gateway.output()).not.toMatch(/canary-(vendor|master)/);
    await gateway.stop();
  });

  it('keeps a gateway from starting on a reference without a value', async () => {
    const { code, output } = await startRefused({ config: config({ api_key: 'mounted/../master' }) });
    expect(code).toBe(1);
    expect(output).toMatch(/api_key refers to mounted\/…, and plugin "secrets-folder" has no such value/);
  });
});
