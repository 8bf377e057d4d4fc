import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Gateway,
  openAiClient,
  openAiDeployment,
  openAiVendor,
  stallStream,
  startGateway,
  startVendor,
  until,
  type Vendor,
} from '../../support/index.ts';

const messages = [{ role: 'user' as const, content: 'Hello.' }];
const answer = openAiVendor({ reply: 'one two three', usage: { prompt_tokens: 9, completion_tokens: 3 } });

/** Who may what, by key: a guard as somebody would drop it beside the configuration. */
const keys = `
import { definePlugin, RutterError } from '@rutter/plugin-sdk';
const permissions = { 'sk-caller': ['model.call'], 'sk-scraper': ['metrics.read'], 'sk-admin': ['*'] };
export default definePlugin({
  kind: 'guard',
  setup: () => ({
    identify(credential) {
      const found = Object.keys(permissions).find((key) => credential?.equals(key));
      if (!found) throw new RutterError('ERR_REQUEST_UNAUTHENTICATED', 'No such key.');
      return { id: found.slice(3), kind: 'key', permissions: permissions[found] };
    },
  }),
});
`;

let vendor: Vendor;
let broken: Vendor;
let gateway: Gateway;

const config = (observer: object = {}, more: object = {}) => ({
  model_list: [
    openAiDeployment('good', vendor, { input_cost_per_token: 0.000001, output_cost_per_token: 0.000002 }),
    openAiDeployment('bad', broken, {}, { id: 'broken-one' }),
  ],
  router_settings: { num_retries: 0, allowed_fails: 0, cooldown_time: 1 },
  plugins: [
    { use: import.meta.dirname, trust: true, config: observer },
    { use: './keys', trust: true },
  ],
  ...more,
});

beforeAll(async () => {
  vendor = await startVendor(answer);
  broken = await startVendor(openAiVendor({ status: 500 }));
  gateway = await startGateway({ config: config(), files: { 'keys/index.js': keys } });
});
afterAll(() => gateway.stop());

async function scrape(key = 'sk-scraper', path = '/metrics') {
  const response = await fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}

/** The value of a series; 0 when it has not been counted yet. */
async function count(series: string, path?: string): Promise<number> {
  const { text } = await scrape('sk-scraper', path);
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length + 1));
}

/** Waits until a series has reached a value; more than that fails at once. */
const reaches = async (series: string, value: number, path?: string) =>
  expect(
    await until(`${series} to reach ${value}`, async () =>
      (await count(series, path)) >= value ? count(series, path) : false,
    ),
  ).toBe(value);

const requests = (group: string, status: number, ending: string) =>
  `rutter_requests_total{group="${group}",operation="chat",status="${status}",ending="${ending}"}`;

const ask = (model: string) => openAiClient(gateway, 'sk-caller').chat.completions.create({ model, messages });

describe('the route', () => {
  it('is open to who holds metrics.read, and to nobody else', async () => {
    expect((await scrape('sk-unknown')).status).toBe(401);
    expect((await scrape('sk-caller')).status).toBe(403);
    expect((await scrape('sk-admin')).status).toBe(200);
    const { status, type, text } = await scrape();
    expect(status).toBe(200);
    expect(type).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(text).toContain('# TYPE rutter_events_total counter\n');
    for (const line of text.trim().split('\n'))
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"\n]*",?)*\})? \d+)$/);
  });
});

describe('the counts', () => {
  it('say how requests ended, what they took and what they cost', async () => {
    await Promise.all(Array.from({ length: 3 }, () => ask('good')));
    await reaches(requests('good', 200, 'complete'), 3);
    expect(await count('rutter_tokens_total{group="good",bucket="input"}')).toBe(27);
    expect(await count('rutter_tokens_total{group="good",bucket="output"}')).toBe(9);
    expect(await count('rutter_cost_nano_usd_total{group="good"}')).toBe(27 * 1000 + 9 * 2000);

    await expect(ask('bad')).rejects.toMatchObject({ status: 500 });
    await reaches(requests('bad', 500, 'error'), 1);
    expect(await count('rutter_attempts_total{deployment="broken-one",error="ERR_PROVIDER_INTERNAL"}')).toBe(1);

    await expect(ask('missing')).rejects.toMatchObject({ status: 400 });
    // Under no name: a caller who makes names up makes no series.
    await reaches(requests('', 400, 'error'), 1);
  });

  it('tell a client that left from a stream that broke', async () => {
    const chunk = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'one ' } }] })}\n\n`;
    vendor.use(stallStream(chunk));
    const stream = await openAiClient(gateway, 'sk-caller').chat.completions.create({
      model: 'good',
      messages,
      stream: true,
    });
    for await (const _ of stream) stream.controller.abort();
    await reaches(requests('good', 499, 'client'), 1);
    vendor.use(async ({ response, socket }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chunk, () => setTimeout(() => socket.destroy(), 50));
    });
    const half = await openAiClient(gateway, 'sk-caller').chat.completions.create({
      model: 'good',
      messages,
      stream: true,
    });
    const read = async () => {
      for await (const _ of half);
    };
    await expect(read()).rejects.toThrow();
    await reaches(requests('good', 200, 'broke'), 1);
    vendor.use(answer);
  });

  it('tell what the kernel changed: generations, refusals, and deployments left alone', async () => {
    const event = (type: string) => `rutter_events_total{type="${type}"}`;
    expect(await count(event('generation-started'))).toBe(1);
    const cooled = await count(event('deployment-cooled'));
    await until('the deployment to be tried again', () =>
      ask('bad').then(
        () => false,
        ({ status }: { status: number }) => status === 500,
      ),
    );
    expect(await count(event('deployment-cooled'))).toBe(cooled + 1);
    await gateway.writeConfig('model_list: {broken');
    await reaches(event('reload-refused'), 1);
    await gateway.writeConfig(config({}, { litellm_settings: { drop_params: true } }));
    await reaches(event('generation-started'), 2);
    await reaches(event('generation-retired'), 1);
  });

  it('go on in a new instance, under its new name, and go on counting', async () => {
    const before = await count(requests('good', 200, 'complete'));
    expect(before).toBeGreaterThan(0);
    await gateway.writeConfig(config({ path: '/scrape', prefix: 'gate' }));
    await until('the new route', async () => (await scrape('sk-admin', '/scrape')).status === 200);
    expect((await scrape('sk-admin')).status).toBe(404);
    const renamed = requests('good', 200, 'complete').replace('rutter_', 'gate_');
    expect(await count(renamed, '/scrape')).toBe(before);
    // Its broken stream may still keep the deployment out of use.
    await until('an answer', () => ask('good').catch(() => false));
    await reaches(renamed, before + 1, '/scrape');
  });
});
