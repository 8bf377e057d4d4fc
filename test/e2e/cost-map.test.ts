/** A map of prices laid over the table: from a file, from an address, good, bad, and changed while requests run. */
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type Gateway,
  openAiDeployment,
  openAiVendor,
  sendJson,
  startGateway,
  startVendor,
  until,
  type VendorHandler,
} from '../support/index.ts';
import { ask } from './router-support.ts';

const vendor = await startVendor(openAiVendor({ usage: { prompt_tokens: 1000, completion_tokens: 0 } }));
const mapAt = (price: unknown) => JSON.stringify({ 'openai/house': { input_cost_per_token: price, mode: 'chat' } });
const deployments = [
  openAiDeployment('house', vendor, { model: 'openai/house' }),
  openAiDeployment('gpt', vendor, { model: 'openai/gpt-4o' }),
];

/** What a thousand tokens cost, in dollars. */
const cost = async (gateway: Gateway, model = 'house') =>
  (await ask(gateway, model)).headers.get('x-litellm-response-cost');
const costs = (gateway: Gateway, wanted: string) =>
  until(`a cost of ${wanted}`, async () => ((await cost(gateway)) === wanted ? wanted : undefined));

describe('a map in a file', async () => {
  const gateway = await startGateway({
    config: {
      model_list: deployments,
      general_settings: { model_cost_map_url: 'prices.json', model_cost_map_refresh: '100ms' },
    },
    files: { 'prices.json': mapAt(1e-6) },
  });
  afterAll(() => gateway.stop());
  const write = async (text: string) => {
    await writeFile(join(gateway.folder, 'prices.new'), text);
    await rename(join(gateway.folder, 'prices.new'), join(gateway.folder, 'prices.json'));
  };
  const refused = (count: number) =>
    until(`${count} refusals`, () => {
      const lines = gateway.log().filter(({ problem }) => problem !== undefined);
      return lines.length >= count ? lines : undefined;
    });

  it('holds from the first request on, and leaves other models what they cost', async () => {
    expect(await cost(gateway)).toBe('0.001');
    expect(await cost(gateway, 'gpt')).toBe('0.0025');
  });

  it('is taken up when it changes', async () => {
    await write(mapAt('2e-6'));
    await costs(gateway, '0.002');
    const info = (await (await fetch(`${gateway.url}/model/info`)).json()) as {
      data: { model_name: string; model_info: object }[];
    };
    expect(info.data.find(({ model_name }) => model_name === 'house')?.model_info).toMatchObject({
      input_cost_per_token: 2e-6,
      price_source: `openai/house in ${join(gateway.folder, 'prices.json')}`,
    });
  });

  it('that is bad is refused with its fault, once, and the last good one stays', async () => {
    await write(mapAt('dear'));
    const [line] = await refused(1);
    expect(line).toMatchObject({
      source: join(gateway.folder, 'prices.json'),
      problem: 'openai/house.input_cost_per_token: found "dear", expected dollars from 0 to 1000000.',
    });
    expect(String(line?.msg ?? line?.message)).toContain('the last good one stays');
    expect(await cost(gateway)).toBe('0.002');
    await write('{"house": ');
    expect((await refused(2)).map(({ problem }) => problem)).toHaveLength(2);
    expect(await cost(gateway)).toBe('0.002');
    await write(mapAt(3e-6));
    await costs(gateway, '0.003');
  });

  it('stays when the configuration names one that cannot be had', async () => {
    await gateway.writeConfig({ model_list: deployments, general_settings: { model_cost_map_url: 'nowhere.json' } });
    await gateway.waitForLog(({ source, problem }) => String(source).endsWith('nowhere.json') && problem !== undefined);
    await costs(gateway, '0.003');
  });

  it('is gone when the configuration names none', async () => {
    await gateway.writeConfig({ model_list: deployments });
    await until('an unknown cost', async () => ((await cost(gateway)) === null ? true : undefined));
    expect(await cost(gateway, 'gpt')).toBe('0.0025');
  });
});

it('a map in a file is found from the file that names it', async () => {
  const gateway = await startGateway({
    config: { include: ['sub/prices.yaml'], model_list: deployments },
    files: {
      'sub/prices.yaml': 'general_settings: { model_cost_map_url: ./map.json }',
      'sub/map.json': mapAt(7e-6),
    },
  });
  expect(await cost(gateway)).toBe('0.007');
  await gateway.stop();
});

describe('a start with a map at an address', async () => {
  const started = (url: string) =>
    startGateway({
      config: {
        model_list: deployments,
        general_settings: { model_cost_map_url: `${url}/map.json`, allowed_addresses: ['127.0.0.1'] },
      },
    });

  it('waits for it, so that the first call is charged by it', async () => {
    const host = await startVendor(async ({ response }) => {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return sendJson(response, 200, mapAt(8e-6));
    });
    const gateway = await started(host.url);
    expect(await cost(gateway)).toBe('0.008');
    await gateway.stop();
  });

  it('is not kept waiting for long, and says so', async () => {
    const host = await startVendor(() => new Promise(() => {}));
    const gateway = await started(host.url);
    expect(await cost(gateway, 'gpt')).toBe('0.0025');
    expect(gateway.output()).toContain('the map of prices is late');
    await gateway.stop();
  });

  it('is not kept from starting by one that cannot be had', async () => {
    const gateway = await started('http://127.0.0.1:1');
    expect(await cost(gateway, 'gpt')).toBe('0.0025');
    await gateway.stop();
  });
});

describe('a map at an address', async () => {
  const seen: (string | undefined)[] = [];
  const serves =
    (text: string, etag: string): VendorHandler =>
    ({ request, response }) => {
      seen.push(request.headers['if-none-match'] as string | undefined);
      if (request.headers['if-none-match'] === etag) return response.writeHead(304).end();
      return sendJson(response, 200, text, { etag });
    };
  const host = await startVendor(serves(mapAt(4e-6), '"one"'));
  const gateway = await startGateway({
    config: {
      model_list: deployments,
      general_settings: { model_cost_map_refresh: '100ms', allowed_addresses: ['127.0.0.1'] },
    },
    env: { LITELLM_MODEL_COST_MAP_URL: `${host.url}/map.json?token=hush` },
  });
  afterAll(() => gateway.stop());

  it('is fetched where the environment names it', async () => {
    await costs(gateway, '0.004');
  });

  it('is asked for again, and read again only where it has changed', async () => {
    await until('a condition', () => seen.find((etag) => etag === '"one"'));
    host.use(serves(mapAt(5e-6), '"two"'));
    await costs(gateway, '0.005');
    const loads = () => gateway.log().filter(({ models }) => models === 1).length;
    await until('two loads in the log', () => loads() === 2 || undefined);
  });

  it('that fails changes nothing, and no log tells what is secret in the address', async () => {
    host.use(({ response }) => sendJson(response, 500, 'broken'));
    const line = await gateway.waitForLog(({ problem }) => problem === 'Found status 500, expected 200.');
    expect(line.source).toBe(`${host.url}/map.json`);
    expect(await cost(gateway)).toBe('0.005');
    expect(gateway.output()).not.toContain('hush');
  });
});
