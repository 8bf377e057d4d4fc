import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root, startGateway } from '../support/index.ts';
import { errorsPage, httpPage, type ListedRoute } from './pages.ts';

const docs = join(root, 'core/docs');

/** With `-u` after the command, the pages are written anew. */
describe('the pages made from code', () => {
  it('tell every error code as the contract has it', async () => {
    await expect(errorsPage()).toMatchFileSnapshot(join(docs, 'errors.md'));
  });

  it('tell every route that a gateway with all shipped protocols serves, experiments among them', async () => {
    const protocols = readdirSync(join(root, 'plugins')).filter((name) => name.startsWith('protocol-'));
    const gateway = await startGateway({
      config: { plugins: [...protocols, 'observer-experiments'], general_settings: { master_key: 'sk-docs' } },
    });
    const reply = await fetch(`${gateway.url}/routes`, { headers: { authorization: 'Bearer sk-docs' } });
    const { routes } = (await reply.json()) as { routes: ListedRoute[] };
    await expect(httpPage(routes)).toMatchFileSnapshot(join(docs, 'http-api.md'));
    await gateway.stop();
  });
});
