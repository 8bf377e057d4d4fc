/** Routers of the operator's own, from a file beside the configuration: llmrouter-custom, live. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openAiDeployment, startGateway, until } from '../support/index.ts';
import { ask, fleet } from './router-support.ts';

const { small, large } = await fleet('small', 'large');
const router = (body: string) => `export default (options) => ({ route_single: (request) => { ${body} } });\n`;
const gateway = await startGateway({
  files: {
    'custom_routers/by_price.mjs': router('return request.models.toSorted((a, b) => a.price - b.price)[0].name'),
    'custom_routers/changing.mjs': router('return "small"'),
    'custom_routers/by_options/router.ts': `export default (options: { always: string }) => (): string => options.always;\n`,
    'custom_routers/stuck.mjs': router('if (request.query.includes("stop")) for (;;); return "large"'),
  },
  config: {
    model_list: ['priced', 'changing', 'given', 'stuck'].flatMap((group) => [
      openAiDeployment(
        group,
        large,
        { input_cost_per_token: 0.00001, output_cost_per_token: 0.00001 },
        { id: `${group}-large`, router_model: 'large' },
      ),
      openAiDeployment(
        group,
        small,
        { input_cost_per_token: 0.000001, output_cost_per_token: 0.000001 },
        { id: `${group}-small`, router_model: 'small' },
      ),
    ]),
    router_settings: { num_retries: 0 },
    plugins: [
      ['priced', { router: 'by_price' }],
      ['changing', { router: 'changing', reload_interval: 1 }],
      ['given', { router: 'by_options', options: { always: 'large' } }],
      ['stuck', { router: 'stuck', timeout: 1 }],
    ].map(([group, config]) => ({
      use: 'llmrouter-custom',
      ...{ as: group, for: [group] },
      config: { custom_routers_path: './custom_routers', timeout: 5, ...(config as object) },
    })),
  },
});
const said = async (group: string, content = 'hello') =>
  (await ask(gateway, group, { body: { messages: [{ role: 'user', content }] } })).said;

it('shows a router the models with their prices, and does what it says', async () => {
  for (let time = 0; time < 5; time++) expect(await said('priced')).toBe('small');
  const { headers } = await ask(gateway, 'priced');
  expect(headers.get('x-rutter-route')).toContain('by_price.mjs: it named small');
});

it('finds a router of TypeScript in its folder, and hands it its options', async () => {
  expect(await said('given')).toBe('large');
});

it('takes a changed file up while it runs, and keeps the last one where the new one is broken', async () => {
  expect(await said('changing')).toBe('small');
  const file = join(gateway.folder, 'custom_routers', 'changing.mjs');
  await writeFile(file, router('return "large"'));
  await until(
    'the new router to decide',
    async () => ((await said('changing')) === 'large' ? true : undefined),
    20_000,
  );
  await writeFile(file, 'export default =');
  await gateway.waitForLog(({ name, msg }) => name === 'changing' && msg === 'the router could not be loaded', 20_000);
  expect(await said('changing')).toBe('large');
});

it('answers by the next strategy while a router is stuck, and makes it anew', async () => {
  expect(await said('stuck')).toBe('large');
  for (let time = 0; time < 3; time++) {
    const answer = await ask(gateway, 'stuck', { body: { messages: [{ role: 'user', content: 'stop' }] } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-rutter-route')).toContain('stuck.mjs: it did not answer within 1000 ms');
  }
  await gateway.waitForLog(({ msg }) => msg === 'the router ended; it is made anew', 20_000);
  await until(
    'the router to be back',
    async () =>
      (await ask(gateway, 'stuck')).headers.get('x-rutter-route')?.includes('it named large') ? true : undefined,
    20_000,
  );
});
