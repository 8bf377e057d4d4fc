/** Hostile providers in a live gateway: no wrong answer is taken, nothing goes elsewhere, no secret is seen, all in time. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startGateway, startVendor, until } from '../support/index.ts';
import { acmeProvider, acmeVendor } from './acme.ts';
import { canaries, canariesIn, writeFolders } from './arena.ts';
import { brokenCodecs } from './hostile-kinds.ts';

const deadlineMs = 300;
const groups = [...brokenCodecs.map(({ title }) => title), 'control'];
const minutes = 60_000;

interface Status {
  readonly state: string;
  readonly falls: number;
}

/** One plugin with all the ways to go wrong, each for a model group of its own. */
function hostile(trap: string) {
  const { host, port } = new URL(trap);
  const waysOf = (part: string) =>
    brokenCodecs
      .filter((one) => one.part === part)
      .map(({ title, does }) => `${JSON.stringify(title)}() { ${does} }`)
      .join(',\n')
      .replaceAll('TRAPHOST', host)
      .replaceAll('TRAPPORT', port)
      .replaceAll('TRAP', trap);
  const table = (part: string) =>
    `const way = ({ ${waysOf(part)} })[(typeof context === 'undefined' ? input : context).deployment.group]; if (way) return way();`;
  const usage = '{ input: body.usage.in, output: body.usage.out }';
  return acmeProvider('acme', {
    request: `${table('request')} return { path: '/v2/converse', body: { model: input.model, stream: input.stream } };`,
    reply: `${table('reply')} return { text: body.text, end: 'stop', usage: ${usage} };`,
    events: `${table('events')} return ({ event, data }) => { const body = JSON.parse(data);
      return event === 'piece' ? [{ type: 'text-delta', text: body.text }]
        : [{ type: 'usage', ...${usage} }, { type: 'end', reason: 'stop' }]; };`,
  });
}

it(
  'a hostile codec fails its own request in time, and nothing else',
  async () => {
    const vendor = await startVendor(acmeVendor({ reply: 'right' }));
    const trap = await startVendor(acmeVendor({ reply: 'trapped' }));
    const root = await writeFolders([hostile(trap.url)]);
    const params = { model: 'acme/large', api_base: `${vendor.url}/base`, api_key: canaries.vendorKey };
    vendor.use(acmeVendor({ reply: 'right' }));
    const gateway = await startGateway({
      config: {
        model_list: groups.map((group) => ({ model_name: group, litellm_params: params })),
        router_settings: { num_retries: 0, disable_cooldowns: true },
        plugins: [{ use: join(root, 'acme'), grants: { text: true }, timeout: deadlineMs / 1000 }],
      },
      env: { CANARY: canaries.environment },
      startMs: 60_000,
    });
    const headers = { 'content-type': 'application/json' };
    const ask = async (model: string, stream: boolean) => {
      const body = JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'x' }] });
      const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body });
      return { status: response.status, text: await response.text() };
    };
    const status = async () => {
      const { plugins } = (await (await fetch(`${gateway.url}/admin/plugins`)).json()) as {
        plugins: { name: string; sandbox?: Status }[];
      };
      return plugins.find(({ name }) => name === 'acme')?.sandbox as Status;
    };
    const up = () => until('the provider to be up', async () => (await status()).state === 'running', 15_000);
    for (const { title, part } of brokenCodecs) {
      await up();
      const before = (await status()).falls;
      const startedAt = performance.now();
      const { status: code, text } = await ask(title, part === 'events');
      const told = `${title}: ${code} ${text}`;
      expect(performance.now() - startedAt, told).toBeLessThan(5 * (deadlineMs + 200));
      expect(text, told).toMatch(/"rutter_code":"ERR_(PLUGIN|PROVIDER)_/);
      expect(text, told).not.toMatch(/forged|trapped|\[DONE\]/);
      expect(canariesIn(text), told).toEqual([]);
      // A reader that says nothing at all is no fault that can be seen: the stream is what is incomplete.
      if (title !== 'never ends') expect((await status()).falls, told).toBeGreaterThan(before);
      await fetch(`${gateway.url}/admin/plugins/acme/release`, { method: 'POST' });
    }
    await up();
    expect((await ask('control', false)).text).toContain('right');
    expect((await ask('control', true)).text).toContain('right');
    expect(trap.requests.length).toBe(0);
    expect(vendor.requests.filter(({ path }) => path !== '/base/v2/converse')).toEqual([]);
    expect(canariesIn(gateway.output())).toEqual([]);
  },
  3 * minutes,
);

const own = "auth: { scheme: 'none' },";
const atSetUp: readonly (readonly [string, string, string])[] = [
  ['an address that is a function', `origin: () => 'https://a.example', ${own}`, 'plain data'],
  ['a credential that is a function', "origin: '', auth: () => ({ scheme: 'none' }),", 'plain data'],
  ['a signature of the machine', "origin: '', auth: { scheme: 'sigv4', service: 's3' },", 'sigv4'],
  [
    'a token from elsewhere',
    "origin: '', auth: { scheme: 'oauth2', grant: 'client_credentials', tokenUrl: 'https://a.example' },",
    'oauth2',
  ],
  ["Google's credentials", "origin: '', auth: { scheme: 'google', scope: 'x', keyParam: 'k' },", 'google'],
  ['no credential at all', "origin: '',", 'description of a provider'],
  ['a header that is none', "origin: '', auth: { scheme: 'header', header: 'a b' },", 'description of a provider'],
  ['a vendor of its own', `origin: '', ${own} respond: async () => ({}),`, 'respond'],
];

it(
  'a hostile provider is refused before it is asked anything, or gets no more than its deployment has',
  async () => {
    const vendor = await startVendor(acmeVendor());
    const trap = await startVendor(acmeVendor());
    const named = (index: number) => `acme-${index}`;
    const lenders = [
      ['variable', "origin: '', auth: { scheme: 'header', header: 'x-acme-key', variable: 'CANARY' },"],
      ['address', `origin: '${trap.url}', auth: { scheme: 'header', header: 'x-acme-key' },`],
    ] as const;
    const root = await writeFolders([
      ...atSetUp.map(([, provider], index) => acmeProvider(named(index), { provider })),
      ...lenders.map(([name, provider]) => acmeProvider(name, { provider })),
      acmeProvider('taker', { manifest: { claims: { modelPrefixes: ['openai'] } } }),
      acmeProvider('mute', { manifest: { needs: [] } }),
    ]);
    const config = (name: string, params: object) => ({
      model_list: [
        { model_name: 'house', litellm_params: { model: `${name}/large`, ...params } },
        { model_name: 'calm', litellm_params: { model: 'simulated/small' } },
      ],
      router_settings: { num_retries: 0 },
      plugins: [{ use: join(root, name), as: name, grants: { text: true } }],
    });
    const calm = { model_list: [{ model_name: 'calm', litellm_params: { model: 'simulated/small' } }] };
    const gateway = await startGateway({ config: calm, env: { CANARY: canaries.environment }, startMs: 60_000 });
    const reload = async (value: object) => {
      await gateway.writeConfig(value);
      const response = await fetch(`${gateway.url}/admin/reload`, { method: 'POST' });
      return { status: response.status, text: await response.text() };
    };
    const ask = async () => {
      const body = JSON.stringify({ model: 'house', messages: [{ role: 'user', content: 'x' }] });
      const headers = { 'content-type': 'application/json' };
      return (await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body })).text();
    };
    const away = { api_base: vendor.url };
    for (const [index, [title, , reason]] of atSetUp.entries()) {
      const { status, text } = await reload(config(named(index), { ...away, api_key: canaries.vendorKey }));
      expect(status, `${title}: ${text}`).toBe(409);
      expect(text, title).toContain(reason);
      expect(text, title).toContain(named(index));
    }
    const taken = await reload({ ...config('taker', away), model_list: calm.model_list });
    expect(taken.status, taken.text).toBe(409);
    expect(taken.text).toContain('those of \\"provider-openai\\"');
    const mute = await reload(config('mute', away));
    expect(mute.text).toContain('reads what is asked');
    // A variable of the environment is not looked at, whatever it is called.
    expect((await reload(config('variable', away))).status).toBe(200);
    expect(await ask()).toContain('ERR_PROVIDER_AUTHENTICATION');
    // Its own address does not count where it is not granted.
    const address = await reload(config('address', { api_key: canaries.vendorKey }));
    expect(address.status, address.text).toBe(200);
    expect(await ask()).toContain('has no address');
    expect(vendor.requests.length + trap.requests.length).toBe(0);
    const granted = config('address', { api_key: canaries.vendorKey });
    const grants = { text: true, fetch: [trap.url] };
    expect((await reload({ ...granted, plugins: [{ ...granted.plugins[0], grants }] })).status).toBe(200);
    expect(await ask()).toContain('acme says hello');
    expect(trap.requests.length).toBe(1);
  },
  2 * minutes,
);
