import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openAiClient, root, startGateway } from '../support/index.ts';
import { makeCheckout } from './readme.ts';

const env = { RUTTER_MASTER_KEY: 'sk-master' };
const plugin = 'plugins/session-sticky';
const read = (path: string) => readFile(join(root, 'docker/gateway', path), 'utf8');

describe('the configuration beside the compose file', () => {
  it('is without a fault, and so is its plugin', async () => {
    const checkout = await makeCheckout();
    expect(await checkout.run('npx rutter check docker/gateway/config.yaml', env)).toBe(
      'It would start: 0 errors, 0 warnings; 2 deployments from 1 file.\n',
    );
    expect(await checkout.run(`npx rutter-plugin check docker/gateway/${plugin}`)).toMatch(/^Nothing is wrong/m);
  });

  it('keeps a session on one deployment, and spreads sessions and requests without one', async () => {
    const files = {
      [`${plugin}/index.ts`]: await read(`${plugin}/index.ts`),
    };
    const gateway = await startGateway({ config: await read('config.yaml'), env, files });
    const client = openAiClient(gateway, 'sk-master');
    const ask = async (session?: string) => {
      const headers = session === undefined ? {} : { 'x-session-id': session };
      const body = { model: 'chat', messages: [{ role: 'user' as const, content: 'Hello' }] };
      const { response } = await client.chat.completions.create(body, { headers }).withResponse();
      const told = (name: string) => response.headers.get(name) ?? '';
      return { deployment: told('x-rutter-deployment'), route: told('x-rutter-route') };
    };
    const same = await Promise.all(Array.from({ length: 8 }, () => ask('one session')));
    expect(new Set(same.map(({ deployment }) => deployment)).size).toBe(1);
    expect(same[0]?.route).toContain('chosen by session-sticky');
    const others = await Promise.all(Array.from({ length: 32 }, (_, index) => ask(`session ${index}`)));
    expect(new Set(others.map(({ deployment }) => deployment)).size).toBe(2);
    expect((await ask()).route).toContain('chosen by simple-shuffle');
    await gateway.stop();
  });
});
