import { beforeAll, describe, expect, it } from 'vitest';
import { anthropicVendor, openAiClient, openAiVendor, startGateway, startVendor, until } from '../support/index.ts';
import { type Block, blockWith, type Checkout, makeCheckout, readmeBlocks } from './readme.ts';

const env = { OPENAI_API_KEY: 'sk-openai', ANTHROPIC_API_KEY: 'sk-anthropic', RUTTER_MASTER_KEY: 'sk-master' };
const question = { model: 'chat', messages: [{ role: 'user' as const, content: 'Hello' }] };
const pluginFile = 'cheapest-first/index.ts';

let blocks: readonly Block[];
let checkout: Checkout;
const block = (language: string, part: string) => blockWith(blocks, language, part);

beforeAll(async () => {
  blocks = await readmeBlocks();
  checkout = await makeCheckout();
  await checkout.write('config.yaml', block('yaml', 'model_list'));
  await checkout.write(pluginFile, block('ts', 'definePlugin'));
});

/** Vendors of this machine in place of the real ones: entries of `plugins`. */
async function vendors() {
  const openAi = await startVendor(openAiVendor({ reply: 'from the first' }));
  const anthropic = await startVendor(anthropicVendor({ reply: 'from the second' }));
  const entries = [
    `  - { use: provider-openai, config: { origin: '${openAi.url}/v1' } }`,
    `  - { use: provider-anthropic, config: { origin: '${anthropic.url}' } }`,
  ].join('\n');
  return { openAi, anthropic, entries };
}

describe('the README', () => {
  it('holds no code block that is not run here or in the slow tests', () => {
    const run = [
      block('sh', 'npm ci'),
      block('sh', 'curl'),
      block('yaml', 'model_list'),
      block('sh', 'npx rutter check'),
      block('ts', 'definePlugin'),
      block('sh', 'npx rutter-plugin check'),
      block('yaml', 'cheapest-first'),
    ];
    expect(blocks.map(({ text }) => text)).toEqual(run);
  });

  it('sends a request that a gateway started without a file answers', async () => {
    const gateway = await startGateway({});
    const line = block('sh', 'curl').replace('http://localhost:4000', gateway.url).replace('curl', 'curl -sS -i');
    const reply = await checkout.run(line);
    expect(reply).toMatch(/^HTTP\/1\.1 200 /);
    expect(reply).toMatch(/^x-rutter-route: simulated: /im);
    expect(reply).toContain('you said: \\"Hello\\"');
    await gateway.stop();
  });

  it('has a configuration without a fault that serves, falls back and shows what it is made of', async () => {
    const [check, start, plugins, ...more] = block('sh', 'npx rutter check').trim().split('\n');
    expect(more).toEqual([]);
    expect(await checkout.run(check as string, env)).toBe(
      'It would start: 0 errors, 0 warnings; 3 deployments from 1 file.\n',
    );

    // What this line starts: the harness names the file, and adds a free port.
    expect(start).toBe('npm start -- --config config.yaml');
    const { openAi, anthropic, entries } = await vendors();
    const gateway = await startGateway({
      config: `${block('yaml', 'model_list')}\nplugins:\n${entries}\n`,
      env,
    });
    const ask = () => openAiClient(gateway, 'sk-master').chat.completions.create(question).withResponse();
    const { data, response } = await ask();
    expect(data.choices[0]?.message.content).toMatch(/^from the (first|second)$/);
    expect(response.headers.get('x-rutter-route')).toContain('chosen by least-busy');

    const table = await checkout.run(plugins as string, { ...env, RUTTER_URL: gateway.url });
    expect(table).toMatch(/^least-busy +strategy +in-process .* router_settings\.routing_strategy/m);

    await Promise.all([openAi.close(), anthropic.close()]);
    const spare = await ask();
    expect(spare.response.headers.get('x-rutter-route')).toContain('spare: simulated/fast');
    await gateway.stop();
  });

  it('has a plugin that is sound and decides as soon as a running gateway is told of it', async () => {
    const told = await checkout.run(block('sh', 'npx rutter-plugin check'));
    expect(told).toMatch(/^Nothing is wrong/m);
    expect(told).toMatch(/types +.*ok|ok +types/);

    const { entries } = await vendors();
    const base = block('yaml', 'model_list');
    const gateway = await startGateway({
      config: `${base}\nplugins:\n${entries}\n`,
      env,
      files: { [pluginFile]: block('ts', 'definePlugin') },
    });
    await gateway.writeConfig(`${base}\n${block('yaml', 'cheapest-first')}${entries}\n`);
    const client = openAiClient(gateway, 'sk-master');
    await until('the new strategy to decide', async () => {
      const { response } = await client.chat.completions.create(question).withResponse();
      return response.headers.get('x-rutter-route')?.includes('chosen by cheapest-first');
    });
    await gateway.stop();
  });
});
